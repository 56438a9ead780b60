"""What becomes of a session that a task or a stream was handed, or of a task's entity, is what is said, on each range
of FastAPI versions.

After the fix it is the same on all of them: the task comes to its end, and holds no connection while it is at work.
"""

from __future__ import annotations

import json
import os
import subprocess
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from sqla_leaklint.config import Settings
from sqla_leaklint.diagnostics import Applicability
from sqla_leaklint.linter import run as linter
from sqla_leaklint.linter.discovery import discover
from tests.proofs.databases import PROJECT, SECONDS
from tests.test_knowledge import environment

pytestmark = pytest.mark.slow

APP = """\
import os

from fastapi import BackgroundTasks, Depends, FastAPI
from sqlalchemy import create_engine, text
from sqlalchemy.orm import Session
from sqlalchemy.pool import QueuePool

from requests_in_flight import work

app = FastAPI()
engine = create_engine(
    "sqlite:///" + os.environ["PROOF_FILE"],
    connect_args={"check_same_thread": False},
    poolclass=QueuePool,
    pool_size=5,
    max_overflow=0,
    pool_timeout=0.1,
)


def get_db():
    with Session(engine) as db:
        yield db


def read(db, number):
    work.wait()
    return db.execute(text("select 1")).scalar() + number


@app.post("/")
def start(tasks: BackgroundTasks, number: int = 1, db: Session = Depends(get_db)):
    db.execute(text("select 1"))
    tasks.add_task(read, db, number)
    return {}
"""
STREAM_APP = (
    APP.replace("import BackgroundTasks, Depends", "import Depends")
    .replace("FastAPI\nfrom sqlalchemy", "FastAPI\nfrom fastapi.responses import StreamingResponse\nfrom sqlalchemy")
    .replace(
        """\
def read(db, number):
    work.wait()
    return db.execute(text("select 1")).scalar() + number
""",
        """\
def read(db, number):
    yield str(number)
    work.wait()
    db.execute(text("select 1")).scalar()
""",
    )
    .replace("def start(tasks: BackgroundTasks, number", "def start(number")
    .replace(
        "    tasks.add_task(read, db, number)\n    return {}\n", "    return StreamingResponse(read(db, number))\n"
    )
)
ENTITY_APP = """\
import os

from fastapi import BackgroundTasks, Depends, FastAPI
from sqlalchemy import Column, ForeignKey, Integer, String, create_engine
from sqlalchemy.orm import Session, declarative_base, relationship
from sqlalchemy.pool import QueuePool

from requests_in_flight import work

app = FastAPI()
engine = create_engine(
    "sqlite:///" + os.environ["PROOF_FILE"],
    connect_args={"check_same_thread": False},
    poolclass=QueuePool,
    pool_size=5,
    max_overflow=0,
    pool_timeout=0.1,
)
Base = declarative_base()


class Customer(Base):
    __tablename__ = "customer"
    id = Column(Integer, primary_key=True)
    email = Column(String)


class Order(Base):
    __tablename__ = "order"
    id = Column(Integer, primary_key=True)
    number = Column(String)
    customer_id = Column(ForeignKey("customer.id"))
    customer = relationship(Customer)


Base.metadata.create_all(engine)
with Session(engine) as session:
    session.merge(Customer(id=7, email="customer@example.org"))
    session.merge(Order(id=7, number="A7", customer_id=7))
    session.commit()


def get_db():
    with Session(engine) as db:
        yield db


def read(order):
    addresses = [order.number, order.customer.email]
    work.wait()
    return addresses


@app.post("/")
def start(tasks: BackgroundTasks, number: int = 7, db: Session = Depends(get_db)):
    order = db.get(Order, number)
    order.number = "A8"
    db.commit()
    tasks.add_task(read, order)
    return {}
"""


def with_function_scope(app: str) -> str:
    return app.replace("Depends(get_db)", 'Depends(get_db, scope="function")')


FUNCTION_SCOPE = with_function_scope(APP)
STREAM_FUNCTION_SCOPE = with_function_scope(STREAM_APP)
ENTITY_FUNCTION_SCOPE = with_function_scope(ENTITY_APP)

DRIVER = """\
import asyncio
import gc
import json
import logging
import os
import sys

import program
from requests_in_flight import finish, post, work


async def status():
    try:
        await post(program.app, "/", is_stream="StreamingResponse" in vars(program))
    except Exception as error:
        return type(error).__name__
    return ""


async def at_work():
    failed = [await status() for _ in range(7)]
    held = program.engine.pool.checkedout()
    ends = await finish()
    left = program.engine.pool.checkedout()
    timeouts = {"failed": failed.count("TimeoutError"), "in vain": ends.count("TimeoutError")}
    detached = [*failed, *ends].count("DetachedInstanceError")
    return timeouts | {"detached": detached, "at work": held, "left": left}


async def one_by_one():
    work.finish()
    for number in range(1, 21):
        if await status() == "TimeoutError":
            return number
    return None


async def main():
    print(json.dumps(await {"at_work": at_work, "one_by_one": one_by_one}[sys.argv[1]]()), flush=True)


logging.disable(logging.CRITICAL)
gc.disable()
asyncio.new_event_loop().run_until_complete(main())
os._exit(0)
"""

HELD = {"failed": 2, "in vain": 0, "detached": 0, "at work": 5, "left": 0}
"""The requests after the fifth fail as long as tasks are at work; nothing is lost for good."""

LEAKED = {"failed": 0, "in vain": 2, "detached": 0, "at work": 0, "left": 5}
"""Each task opens the closed session again, for good; when the pool is empty, tasks fail."""

DETACHED = {"failed": 0, "in vain": 0, "detached": 7, "at work": 0, "left": 0}
"""Each task fails, for its entity has lost its session."""

NEITHER = {"failed": 0, "in vain": 0, "detached": 0, "at work": 0, "left": 0}

UNTIL_THE_END = "keeps its connection from the pool until the task ends"
CLOSED_BEFORE = "is closed before the task runs: using it opens it again, and nobody closes it"
UNTIL_IT_IS_READ = "keeps its connection from the pool until the client has read the stream"
CLOSED_BEFORE_STREAM = "is closed before the stream begins: using it opens it again, and nobody closes it"
NOT_BOUND = "its session is closed before the task runs, and reading it raises `DetachedInstanceError`"


@dataclass(frozen=True, slots=True)
class Range:
    """A version out of a range: the environment that has it, what happens there and what is said of it."""

    environment: str
    version: str
    outcome: dict[str, int]
    message: str
    exhausted_at: int | None = None
    app: str = APP
    rule: str = "LKS401"

    def __str__(self) -> str:
        return f"{self.rule} {self.version}{' function scope' if 'scope=' in self.app else ''}"


RANGES = (
    Range("first-sqlmodel", "0.105.0", HELD, UNTIL_THE_END),
    Range("oldest", "0.106.0", LEAKED, CLOSED_BEFORE, 6),
    Range("first-2.0", "0.117.1", LEAKED, CLOSED_BEFORE, 6),
    Range("middle-2.0", "0.118.0", HELD, UNTIL_THE_END),
    Range("last-2.0", "0.121.0", HELD, UNTIL_THE_END),
    Range("last-2.0", "0.121.0", LEAKED, CLOSED_BEFORE, 6, FUNCTION_SCOPE),
    Range("newest", "", HELD, UNTIL_THE_END),
    Range("newest", "", LEAKED, CLOSED_BEFORE, 6, FUNCTION_SCOPE),
)

# One of each kind of end: after the tasks (early, late), before the response, and by the scope.
ENDS = tuple(
    case
    for case in RANGES
    if case.version in {"0.105.0", "0.106.0", "0.118.0"} or (case.version, case.app) == ("0.121.0", FUNCTION_SCOPE)
)

STREAM_RANGES = tuple(
    replace(
        case,
        message=UNTIL_IT_IS_READ if case.outcome is HELD else CLOSED_BEFORE_STREAM,
        app=STREAM_APP if case.app is APP else STREAM_FUNCTION_SCOPE,
        rule="LKS403",
    )
    for case in ENDS
)

ENTITY_RANGES = tuple(
    replace(
        case,
        outcome=HELD if case.outcome is HELD else DETACHED,
        message=UNTIL_THE_END if case.outcome is HELD else NOT_BOUND,
        exhausted_at=None,
        app=ENTITY_APP if case.app is APP else ENTITY_FUNCTION_SCOPE,
        rule="LKS402",
    )
    for case in ENDS
)


def installed_version(python: Path) -> str:
    command = "import fastapi; print(fastapi.__version__)"
    return subprocess.run([python, "-c", command], capture_output=True, text=True, check=True).stdout.strip()


def outcome(python: Path, text: str, kind: str, directory: Path) -> Any:
    """What happens to that text of a program on the libraries of that interpreter."""
    (directory / "program.py").write_text(text, encoding="utf-8")
    (directory / "driver.py").write_text(DRIVER, encoding="utf-8")
    done = subprocess.run(
        [python, "driver.py", kind],
        cwd=directory,
        env={
            **os.environ,
            "PYTHONPATH": os.fspath(PROJECT),
            "PYTHONDONTWRITEBYTECODE": "1",
            "PROOF_FILE": os.fspath(directory / "proof.db"),
        },
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def linted(case: Range, version: str, directory: Path) -> tuple[list[str], str]:
    """The messages about a program in a project with that FastAPI in its lock file, and the program fixed."""
    directory.mkdir()
    (directory / "pyproject.toml").write_text(
        '[project]\nname = "proof"\ndependencies = ["fastapi"]\n', encoding="utf-8"
    )
    if version:
        lock = f'version = 1\n\n[[package]]\nname = "fastapi"\nversion = "{version}"\n'
        (directory / "uv.lock").write_text(lock, encoding="utf-8")
    program = directory / "program.py"
    program.write_text(case.app, encoding="utf-8")
    settings = Settings(select=(case.rule,))
    files = list(discover([str(program)], lambda _: settings))
    messages = [diagnostic.message for diagnostic in linter.run(files, lambda _: settings).diagnostics]
    report = linter.run(files, lambda _: settings, allowed=frozenset(Applicability))
    (change,) = report.changes
    return messages, change.new.source.text


@pytest.mark.parametrize("case", [*RANGES, *ENTITY_RANGES, *STREAM_RANGES], ids=str)
def test_what_is_said_is_what_happens(case: Range, tmp_path: Path) -> None:
    python = environment(case.environment)
    version = installed_version(python)
    assert case.version in ("", version)

    (message,), fixed = linted(case, version, tmp_path / "project")
    assert case.message in message
    assert outcome(python, case.app, "at_work", tmp_path) == case.outcome
    assert outcome(python, case.app, "one_by_one", tmp_path) == case.exhausted_at

    assert outcome(python, fixed, "at_work", tmp_path) == NEITHER
    assert outcome(python, fixed, "one_by_one", tmp_path) is None


@pytest.mark.parametrize(
    "case",
    [case for case in (*RANGES, *ENTITY_RANGES, *STREAM_RANGES) if "scope=" not in case.app],
    ids=str,
)
def test_the_fix_for_an_unknown_version_holds_on_every_version(case: Range, tmp_path: Path) -> None:
    (message,), fixed = linted(case, "", tmp_path / "project")
    assert case.message not in message or case.rule == "LKS402"  # which tells of both ends
    assert "0.106 to 0.117" in message
    assert outcome(environment(case.environment), fixed, "at_work", tmp_path) == NEITHER
