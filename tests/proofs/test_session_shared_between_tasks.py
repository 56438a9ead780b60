"""Tasks that share a session fail, lose what they wrote, or leave its connection behind; in turn, they do not."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from tests.proofs.databases import SQLite
from tests.proofs.harness import Proof, compare, reported, run

RULE = "LKS405"

_HEAD = """\
import asyncio
import threading
import time

from fastapi import Depends, FastAPI
from sqlalchemy import delete, event, func, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Session

from async_database import AsyncSessionLocal, engine
from database import SessionLocal
from database import engine as sync_engine
from models import Account, Country
from served import ask, noted
from sockets import until

app = FastAPI()


async def get_session():
    async with AsyncSessionLocal() as session:
        yield session


def get_db():
    with SessionLocal() as db:
        yield db
"""

WRITES = (
    _HEAD
    + """

async def add(session, code):
    session.add(Country(code=code, name=code))
    await session.commit()


@app.post("/countries")
async def add_two(session: AsyncSession = Depends(get_session)):
    await asyncio.gather(add(session, "x1"), add(session, "x2"))


async def added():
    (answer,) = await ask(app, "/countries", method="POST")
    await until(lambda: engine.pool.checkedout() == 0, 0.5)
    with SessionLocal.begin() as db:
        noted["countries added"] = db.scalar(select(func.count()).where(Country.code.like("x_")))
        db.execute(delete(Country).where(Country.code.like("x_")))
    return answer[0]
"""
)

READS = (
    _HEAD
    + """

async def count(session, active):
    return await session.scalar(select(func.count()).where(Account.active == active))


@app.get("/counts")
async def counts(session: AsyncSession = Depends(get_session)):
    return await asyncio.gather(*[count(session, active) for active in (True, False)])


async def counted():
    (answer,) = await ask(app, "/counts")
    await until(lambda: engine.pool.checkedout() == 0, 0.5)
    return answer[0]
"""
)

DROPPED = (
    _HEAD
    + """

sent = []


async def notify(session, account_id):
    await asyncio.sleep(0.05)
    account = await session.get(Account, account_id)
    sent.append(account.email)


@app.post("/accounts/{account_id}/notice")
async def order_notice(account_id: int, session: AsyncSession = Depends(get_session)):
    await session.get(Account, account_id)
    asyncio.create_task(notify(session, account_id))


async def notified():
    (answer,) = await ask(app, "/accounts/7/notice", method="POST")
    if answer[0] != 200:
        raise RuntimeError(answer)
    for _ in range(200):
        if sent:
            await until(lambda: engine.pool.checkedout() == 0, 0.5)
            return sent.pop()
        await asyncio.sleep(0.01)
"""
)

THREADS = (
    _HEAD
    + """

together = threading.Barrier(4)


@event.listens_for(sync_engine, "checkout")
def connect_slowly(*_):
    time.sleep(0.1)


def load(db, number):
    together.wait()
    return [db.get(Account, number * 50 + key).email for key in range(1, 40)]


@app.get("/accounts")
async def accounts(db: Session = Depends(get_db)):
    return await asyncio.gather(*[asyncio.to_thread(load, db, number) for number in range(4)])


async def loaded():
    (answer,) = await ask(app, "/accounts")
    return answer[0]
"""
)

PROOFS = (
    Proof(RULE, "two tasks commit: 500 → 200", WRITES, "added()", repeats=2),
    Proof(RULE, "a task that nobody awaits outlives its request", DROPPED, "notified()"),
)
READING = Proof(RULE, "two tasks query before the connection is open", READS, "counted()", repeats=2)


@pytest.mark.parametrize("proof", [PROOFS[0], READING], ids=lambda proof: proof.claim)
def test_one_session_does_one_thing_at_a_time(proof: Proof, sqlite: SQLite) -> None:
    comparison = compare(proof, sqlite)

    assert (json.loads(comparison.leaking.result), json.loads(comparison.fixed.result)) == (500, 200)
    assert reported(comparison.remedy, proof) == []
    assert (comparison.fixed.held, comparison.fixed.errors) == (0, ())
    if "countries added" in comparison.fixed.noted:
        assert comparison.leaking.noted["countries added"] < comparison.fixed.noted["countries added"] == 2


def test_a_dropped_task_leaves_its_connection_behind(sqlite: SQLite) -> None:
    proof = PROOFS[1]
    comparison = compare(proof, sqlite)
    leaking, fixed = comparison.leaking, comparison.fixed

    assert leaking.result == fixed.result == '"account7@example.org"'
    assert (leaking.held, leaking.failures) == (5, proof.repeats - 5)
    assert leaking.errors == ("RuntimeError",)
    assert (fixed.held, fixed.failures) == (0, 0)


def test_threads_break_a_session(sqlite: SQLite) -> None:
    proof = Proof(RULE, "", THREADS, "loaded()", repeats=2)
    assert len(reported(THREADS, proof)) == 1
    metrics, _ = run(THREADS, proof, sqlite)
    assert json.loads(metrics.result) == 500


def test_plain_sessions_are_whole_between_the_coroutines_of_a_loop(sqlite: SQLite) -> None:
    """Why they are not reported there."""
    program = THREADS.replace("asyncio.to_thread(load, db, number)", "load(db, number)").replace(
        "def load(", "async def load("
    )
    program = program.replace("    together.wait()\n", "")
    proof = replace(PROOFS[0], program=program, call="loaded()")
    assert reported(program, proof) == []
    metrics, _ = run(program, proof, sqlite)
    assert json.loads(metrics.result) == 200
