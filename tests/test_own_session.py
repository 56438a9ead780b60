"""What pages cannot show of the fix of LKS401: line ends, other encodings of layout, and a second run."""

from __future__ import annotations

from pathlib import Path

import pytest

from sqla_leaklint.config import Settings
from sqla_leaklint.diagnostics import Applicability
from sqla_leaklint.linter import run as linter
from sqla_leaklint.linter.discovery import discover

PROGRAM = """\
from fastapi import BackgroundTasks, Depends, FastAPI
from sqlalchemy import create_engine
from sqlalchemy.orm import Session

app = FastAPI()
engine = create_engine("sqlite://")


def get_db():
    with Session(engine) as db:
        yield db


def work(db, text, number):
    ...


@app.post("/")
def create(tasks: BackgroundTasks, db: Session = Depends(get_db)):
    tasks.add_task(
        work,
        db,
        "grüße",
        number=1,
    )


@app.post("/again")
def again(tasks: BackgroundTasks, db: Session = Depends(get_db)):
    tasks.add_task(work, db, "a", number=(
        2
    ))
"""

FIXED = """\
from contextlib import contextmanager

from fastapi import BackgroundTasks, Depends, FastAPI
from sqlalchemy import create_engine
from sqlalchemy.orm import Session

app = FastAPI()
engine = create_engine("sqlite://")


def get_db():
    with Session(engine) as db:
        yield db


def work(db, text, number):
    ...


def work_in_own_session(text, number):
    with contextmanager(get_db)() as db:
        work(db, text, number=number)


@app.post("/")
def create(tasks: BackgroundTasks, db: Session = Depends(get_db)):
    tasks.add_task(db.close)
    tasks.add_task(
        work_in_own_session,
        "grüße",
        number=1,
    )


@app.post("/again")
def again(tasks: BackgroundTasks, db: Session = Depends(get_db)):
    tasks.add_task(db.close)
    tasks.add_task(work_in_own_session, "a", number=(
        2
    ))
"""


def fixed(path: Path) -> str | None:
    """The text after all fixes; None when nothing was to do."""
    settings = Settings(select=("LKS401",))
    files = list(discover([str(path)], lambda _: settings))
    report = linter.run(files, lambda _: settings, allowed=frozenset({Applicability.UNSAFE}))
    assert not report.failures
    assert not report.taken_back
    return report.changes[0].new.source.text if report.changes else None


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
@pytest.mark.parametrize("indent", ["    ", "\t", "  "])
@pytest.mark.parametrize("end", ["\n", ""])
def test_the_layout_is_kept(newline: str, indent: str, end: str, tmp_path: Path) -> None:
    def as_written(text: str) -> str:
        return (text.rstrip("\n") + end).replace("    ", indent).replace("\n", newline)

    path = tmp_path / "main.py"
    path.write_bytes(as_written(PROGRAM).encode())
    text = fixed(path)
    assert text == as_written(FIXED)

    path.write_bytes(text.encode())
    assert fixed(path) is None
