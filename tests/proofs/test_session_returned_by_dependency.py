"""A session that a dependency returns is never closed, whether it was closed before or not; a yielded one is."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from tests.proofs.databases import PROJECT, SECONDS, Database
from tests.proofs.harness import Proof, compare, fixed_text
from tests.proofs.test_fastapi_versions import NEITHER, installed_version, outcome
from tests.proofs.verdicts import assert_connections_are_given_back
from tests.test_knowledge import environment

RULE = "LKS104"

PROOFS = (
    Proof(
        RULE,
        "a dependency returns a session",
        """\
        from fastapi import Depends, FastAPI
        from fastapi.testclient import TestClient
        from sqlalchemy import func, select
        from sqlalchemy.orm import Session

        from database import SessionLocal
        from models import Account

        app = FastAPI()


        def get_db() -> Session:
            db = SessionLocal()
            return db


        @app.get("/accounts")
        def count(db: Session = Depends(get_db)):
            return db.scalar(select(func.count()).select_from(Account))


        client = TestClient(app)


        def accounts():
            return client.get("/accounts").json()
        """,
        "accounts()",
    ),
    Proof(
        RULE,
        "a dependency returns a session from within `with`",
        """\
        from fastapi import Depends, FastAPI
        from fastapi.testclient import TestClient
        from sqlalchemy import func, select
        from sqlalchemy.orm import Session

        from database import SessionLocal
        from models import Account

        app = FastAPI()


        def get_db() -> Session:
            with SessionLocal() as db:
                return db


        @app.get("/accounts")
        def count(db: Session = Depends(get_db)):
            return db.scalar(select(func.count()).select_from(Account))


        client = TestClient(app)


        def accounts():
            return client.get("/accounts").json()
        """,
        "accounts()",
    ),
    Proof(
        RULE,
        "a dependency returns a session and closes it in `finally`",
        """\
        from typing import Annotated

        from fastapi import Depends, FastAPI
        from fastapi.testclient import TestClient
        from sqlalchemy import func, select
        from sqlalchemy.orm import Session

        from database import SessionLocal
        from models import Account

        app = FastAPI()


        def get_db():
            db = SessionLocal()
            try:
                return db
            finally:
                db.close()


        SessionDep = Annotated[Session, Depends(get_db)]


        @app.get("/accounts")
        def count(db: SessionDep):
            return db.scalar(select(func.count()).select_from(Account))


        client = TestClient(app)


        def accounts():
            return client.get("/accounts").json()
        """,
        "accounts()",
    ),
    Proof(
        RULE,
        "a plain dependency returns a session of asyncio",
        """\
        from fastapi import Depends, FastAPI
        from httpx import ASGITransport, AsyncClient
        from sqlalchemy import func, select
        from sqlalchemy.ext.asyncio import AsyncSession

        from async_database import AsyncSessionLocal
        from models import Account

        app = FastAPI()


        def get_session() -> AsyncSession:
            return AsyncSessionLocal()


        @app.get("/accounts")
        async def count(session: AsyncSession = Depends(get_session)):
            return await session.scalar(select(func.count()).select_from(Account))


        client = AsyncClient(transport=ASGITransport(app), base_url="http://proof")


        async def accounts():
            return (await client.get("/accounts")).json()
        """,
        "accounts()",
    ),
    Proof(
        RULE,
        "a dependency returns an object with a session",
        """\
        from fastapi import Depends, FastAPI
        from fastapi.testclient import TestClient
        from sqlalchemy import func, select

        from database import SessionLocal
        from models import Account

        app = FastAPI()


        class Accounts:
            def __init__(self, session):
                self.session = session

            def count(self):
                return self.session.scalar(select(func.count()).select_from(Account))


        def get_accounts() -> Accounts:
            return Accounts(SessionLocal())


        @app.get("/accounts")
        def count(accounts: Accounts = Depends(get_accounts)):
            return accounts.count()


        client = TestClient(app)


        def accounts():
            return client.get("/accounts").json()
        """,
        "accounts()",
    ),
)


@pytest.mark.parametrize("proof", PROOFS, ids=lambda proof: proof.claim)
def test_a_session_that_is_yielded_gives_its_connection_back(proof: Proof, database: Database) -> None:
    comparison = compare(proof, database)
    leaking, fixed = comparison.leaking, comparison.fixed

    assert fixed.result == leaking.result
    assert (fixed.statements, fixed.rows) == (leaking.statements, leaking.rows)

    assert_connections_are_given_back(comparison)


# --- every range of FastAPI versions ---

ENVIRONMENTS = ("first-sqlmodel", "oldest", "newest")  # what the end of a dependency does makes no difference

APP = """\
import os

from fastapi import Depends, FastAPI
from sqlalchemy import create_engine, text
from sqlalchemy.orm import Session, sessionmaker
from sqlalchemy.pool import QueuePool

app = FastAPI()
engine = create_engine(
    "sqlite:///" + os.environ["PROOF_FILE"],
    connect_args={"check_same_thread": False},
    poolclass=QueuePool,
    pool_size=5,
    max_overflow=0,
    pool_timeout=0.1,
)
SessionLocal = sessionmaker(engine)


def get_db():
    BODY


@app.post("/")
def start(db=Depends(get_db)):
    return db.execute(text("select 1")).scalar()
"""
BODIES = {
    "returned": "return SessionLocal()",
    "from within `with`": "with SessionLocal() as db:\n        return db",
    "from `try`": "db = SessionLocal()\n    try:\n        return db\n    finally:\n        db.close()",
}
LEAKED = {"failed": 2, "in vain": 0, "detached": 0, "at work": 5, "left": 5}


@pytest.mark.slow
@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)
@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_the_same_with_every_range_of_versions(name: str, body: str, tmp_path: Path) -> None:
    text = APP.replace("BODY", body)
    python = environment(name)

    assert outcome(python, text, "at_work", tmp_path) == LEAKED, installed_version(python)

    fixed = fixed_text(Proof(RULE, name, text, ""))
    assert "return SessionLocal" not in fixed
    assert outcome(python, fixed, "at_work", tmp_path) == NEITHER, installed_version(python)


# --- factories as dependencies ---

STATUSES = """\
import asyncio
import json
import logging

import program
from requests_in_flight import post


async def statuses():
    answers = []
    for _ in range(3):
        try:
            answers.append((await post(program.app, "/"))[0])
        except Exception as error:
            answers.append(type(error).__name__)
    return [*answers, program.engine.pool.checkedout()]


logging.disable(logging.CRITICAL)
print(json.dumps(asyncio.run(statuses())))
"""


@pytest.mark.slow
@pytest.mark.parametrize("factory", ["SessionLocal", "Session"])
@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_no_request_that_depends_on_a_factory_gets_a_session(name: str, factory: str, tmp_path: Path) -> None:
    text = APP.replace("BODY", "return None").replace("Depends(get_db)", f"Depends({factory})")
    (tmp_path / "program.py").write_text(text, encoding="utf-8")
    (tmp_path / "driver.py").write_text(STATUSES, encoding="utf-8")
    variables = {"PYTHONPATH": os.fspath(PROJECT), "PROOF_FILE": os.fspath(tmp_path / "proof.db")}
    done = subprocess.run(
        [environment(name), "driver.py"],
        cwd=tmp_path,
        env=os.environ | variables,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=True,
    )
    answers = json.loads(done.stdout)

    if factory == "SessionLocal":
        assert answers == [422, 422, 422, 0]
    else:
        assert 200 not in answers[:-1]
        assert answers[-1] == 0
