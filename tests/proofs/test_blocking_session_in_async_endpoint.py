"""While a plain session waits in an `async def` endpoint, nobody else is answered; in a `def` one they are."""

from __future__ import annotations

import json
from textwrap import dedent

import pytest

from tests.proofs.databases import SQLite
from tests.proofs.harness import Proof, compare, fixed_text, reported, run

RULE = "LKS404"

_PROGRAM = """\
    import asyncio
    import time

    from fastapi import Depends, FastAPI
    from fastapi.concurrency import run_in_threadpool
    from sqlalchemy import event, func, select
    from sqlalchemy.orm import Session

    from database import SessionLocal, engine
    from models import Account
    from served import ask, longest_wait, noted

    app = FastAPI()


    @event.listens_for(engine, "connect")
    def teach(connection, record):
        if engine.dialect.name == "sqlite":
            connection.create_function("pg_sleep", 1, time.sleep)


    def get_db():
        with SessionLocal() as db:
            yield db


    @app.get("/ping")
    async def ping():
        return "pong"

    {endpoint}

    async def answers():
        noted["another request waits (ms)"] = await longest_wait(app, "/ping", *["/accounts/active"] * 4)
        answer = await ask(app, "/accounts/active")
        while engine.pool.checkedout():
            await asyncio.sleep(0.01)  # a dependency ends after its answer
        return answer
    """

_DIRECT = """
    @app.get("/accounts/active")
    async def count_active(db: Session = Depends(get_db)):
        db.execute(select(func.pg_sleep(0.3)))
        return db.scalar(select(func.count()).where(Account.active))
"""
_THROUGH_A_FUNCTION = """
    def active_accounts(db):
        db.execute(select(func.pg_sleep(0.3)))
        return db.scalar(select(func.count()).where(Account.active))


    @app.get("/accounts/active")
    async def count_active(db: Session = Depends(get_db)):
        return active_accounts(db)
"""
_IN_A_DEPENDENCY = """
    async def active_accounts(db: Session = Depends(get_db)):
        db.execute(select(func.pg_sleep(0.3)))
        return db.scalar(select(func.count()).where(Account.active))


    @app.get("/accounts/active")
    async def count_active(active: int = Depends(active_accounts)):
        return active
"""
_IN_THE_THREAD_POOL = """
    def active_accounts(db):
        db.execute(select(func.pg_sleep(0.3)))
        return db.scalar(select(func.count()).where(Account.active))


    @app.get("/accounts/active")
    async def count_active(db: Session = Depends(get_db)):
        return await run_in_threadpool(active_accounts, db)
"""


def _proof(claim: str, endpoint: str) -> Proof:
    return Proof(RULE, claim, _PROGRAM.replace("    {endpoint}\n", endpoint), "answers()", repeats=2)


PROOFS = (
    _proof("an endpoint waits 0.3 s, four at once", _DIRECT),
    _proof("a dependency waits", _IN_A_DEPENDENCY),
)
_WAIT = "another request waits (ms)"


@pytest.mark.parametrize("proof", PROOFS, ids=lambda proof: proof.claim)
def test_others_wait_until_the_loop_is_left(proof: Proof, sqlite: SQLite) -> None:
    comparison = compare(proof, sqlite)

    assert json.loads(comparison.leaking.result)[0][0] == 200
    assert comparison.fixed.result == comparison.leaking.result
    assert comparison.leaking.noted[_WAIT] >= 290
    assert comparison.fixed.noted[_WAIT] < comparison.leaking.noted[_WAIT] / 2
    assert reported(fixed_text(proof), proof) == []


def test_a_function_that_the_endpoint_calls_is_followed() -> None:
    proof = _proof("a function that the endpoint calls waits", _THROUGH_A_FUNCTION)
    assert len(reported(dedent(proof.program), proof)) == 1
    assert reported(fixed_text(proof), proof) == []


def test_work_that_is_handed_to_the_thread_pool_is_not_reported_and_lets_others_go_on(sqlite: SQLite) -> None:
    handed = _proof("", _IN_THE_THREAD_POOL)
    metrics, _ = run(dedent(handed.program), handed, sqlite)
    blocking, _ = run(dedent(PROOFS[0].program), PROOFS[0], sqlite)

    assert metrics.result == blocking.result
    assert metrics.noted[_WAIT] < blocking.noted[_WAIT] / 2
    assert reported(dedent(handed.program), handed) == []
