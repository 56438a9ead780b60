"""A stream that uses the request's session keeps a connection while its client reads; one of its own need not."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from tests.proofs.databases import SQLite
from tests.proofs.harness import Proof, compare, reported, run

RULE = "LKS403"

SYNC = """\
import asyncio
import threading

from fastapi import Depends, FastAPI
from fastapi.responses import StreamingResponse
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from database import SessionLocal, engine
from models import Account, Post
from served import ask, noted
from sockets import until

app = FastAPI()
waiting = []
read_on = threading.Event()


def get_db():
    with SessionLocal() as db:
        yield db


def titles(db, account_id):
    for title in db.scalars(select(Post.title).where(Post.account_id == account_id).order_by(Post.id)):
        yield title + " "
    waiting.append(account_id)
    read_on.wait()
    yield "end"


@app.get("/titles/{account_id}")
def stream(account_id: int, db: Session = Depends(get_db)):
    return StreamingResponse(titles(db, account_id))


@app.get("/count")
def count():
    with SessionLocal() as db:
        return db.scalar(select(func.count()).select_from(Account))


async def five_streams():
    waiting.clear()
    read_on.clear()
    streams = asyncio.create_task(ask(app, *(f"/titles/{number}" for number in range(1, 6))))
    while len(waiting) < 5:
        await asyncio.sleep(0.01)
    noted["connections of open streams"] = engine.pool.checkedout()
    answers = await ask(app, "/count", "/count")
    noted["failed requests meanwhile (of 2)"] = sum(status != 200 for status, _ in answers)
    read_on.set()
    answers = await streams
    await until(lambda: engine.pool.checkedout() == 0)  # a dependency ends after its answer
    return answers
"""
SYNC_REMEDY = SYNC.replace(
    """\
def titles(db, account_id):
    for title in db.scalars(select(Post.title).where(Post.account_id == account_id).order_by(Post.id)):
        yield title + " "
""",
    """\
def titles(account_id):
    with SessionLocal() as db:
        for title in db.scalars(select(Post.title).where(Post.account_id == account_id).order_by(Post.id)):
            yield title + " "
""",
).replace(
    "def stream(account_id: int, db: Session = Depends(get_db)):\n    return StreamingResponse(titles(db, account_id))",
    "def stream(account_id: int):\n    return StreamingResponse(titles(account_id))",
)

ASYNC = """\
import asyncio

from fastapi import Depends, FastAPI
from fastapi.responses import StreamingResponse
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from async_database import AsyncSessionLocal, engine
from models import Account, Post
from served import ask, noted
from sockets import until

app = FastAPI()
waiting = []
can_go_on = []


async def get_session():
    async with AsyncSessionLocal() as session:
        yield session


@app.get("/titles/{account_id}")
async def stream(account_id: int, session: AsyncSession = Depends(get_session)):
    async def titles():
        query = select(Post.title).where(Post.account_id == account_id).order_by(Post.id)
        for title in await session.scalars(query):
            yield title + " "
        waiting.append(account_id)
        while not can_go_on:
            await asyncio.sleep(0.01)
        yield "end"

    return StreamingResponse(titles())


@app.get("/count")
async def count():
    async with AsyncSessionLocal() as session:
        return await session.scalar(select(func.count()).select_from(Account))


async def five_streams():
    waiting.clear()
    can_go_on.clear()
    streams = asyncio.create_task(ask(app, *(f"/titles/{number}" for number in range(1, 6))))
    while len(waiting) < 5:
        await asyncio.sleep(0.01)
    noted["connections of open streams"] = engine.pool.checkedout()
    answers = await ask(app, "/count", "/count")
    noted["failed requests meanwhile (of 2)"] = sum(status != 200 for status, _ in answers)
    can_go_on.append(True)
    answers = await streams
    await until(lambda: engine.pool.checkedout() == 0)  # a dependency ends after its answer
    return answers
"""
ASYNC_REMEDY = ASYNC.replace(
    """\
        for title in await session.scalars(query):
            yield title + " "
""",
    """\
        async with AsyncSessionLocal() as session:
            for title in await session.scalars(query):
                yield title + " "
""",
).replace("account_id: int, session: AsyncSession = Depends(get_session)", "account_id: int")

PROOFS = (
    Proof(RULE, "five clients read streams slowly", SYNC, "five_streams()", repeats=2, remedy=SYNC_REMEDY),
    Proof(RULE, "the same with asyncio", ASYNC, "five_streams()", repeats=2, remedy=ASYNC_REMEDY),
)


@pytest.mark.parametrize("proof", PROOFS, ids=lambda proof: proof.claim)
def test_slow_clients_keep_no_connections(proof: Proof, sqlite: SQLite) -> None:
    comparison = compare(proof, sqlite)
    leaking, fixed = comparison.leaking, comparison.fixed

    assert leaking.result == fixed.result
    assert [status for status, _ in json.loads(fixed.result)] == [200] * 5
    assert all(text.endswith(" end") for _, text in json.loads(fixed.result))

    assert leaking.noted == {"connections of open streams": 5, "failed requests meanwhile (of 2)": 2}
    assert fixed.noted == {"connections of open streams": 0, "failed requests meanwhile (of 2)": 0}
    assert (leaking.held, fixed.held) == (0, 0)


@pytest.mark.parametrize("proof", PROOFS, ids=lambda proof: proof.claim)
def test_the_leaking_stream_is_reported_and_the_other_is_not(proof: Proof) -> None:
    assert len(reported(proof.program, proof)) == 1
    assert reported(proof.remedy or "", proof) == []


def test_an_endpoint_that_yields_is_such_a_stream(sqlite: SQLite) -> None:
    program = SYNC.replace(
        "    return StreamingResponse(titles(db, account_id))", "    yield from titles(db, account_id)"
    )
    proof = replace(PROOFS[0], program=program)
    metrics, _ = run(program, proof, sqlite)
    assert metrics.noted == {
        "connections of open streams": 5,
        "failed requests meanwhile (of 2)": 2,
    }


CLOSED_EARLY = """\
from fastapi import Depends, FastAPI
from fastapi.responses import StreamingResponse
from sqlalchemy import select
from sqlalchemy.orm import Session

from database import SessionLocal, engine
from models import Post
from served import ask
from sockets import until

app = FastAPI()


def get_db():
    with SessionLocal() as db:
        yield db


@app.get("/titles")
def stream(db: Session = Depends(get_db, scope="function")):
    def titles():
        yield db.scalars(select(Post.title).order_by(Post.id)).first()

    return StreamingResponse(titles())


async def one():
    (answer,) = await ask(app, "/titles")
    await until(lambda: engine.pool.checkedout() == 0, 0.5)
    if answer[0] != 200:
        raise TimeoutError
    return answer
"""


def test_a_session_that_is_closed_before_the_stream_opens_again_for_good(sqlite: SQLite) -> None:
    """Scope "function" is how the newest FastAPI closes before the response, as every one from 0.106 to 0.117 does."""
    remedy = CLOSED_EARLY.replace(', scope="function"', "")
    proof = Proof(RULE, "a session that is closed early", CLOSED_EARLY, "one()", remedy=remedy)
    comparison = compare(proof, sqlite)
    assert comparison.leaking.result == comparison.fixed.result
    assert (comparison.leaking.held, comparison.leaking.failures) == (5, 2)
    assert (comparison.fixed.held, comparison.fixed.failures) == (0, 0)

    (message,) = reported(CLOSED_EARLY, proof)
    assert "is closed before the stream begins: using it opens it again, and nobody closes it" in message


CLOSED_BY_ITSELF = CLOSED_EARLY.replace(
    "        yield db.scalars(select(Post.title).order_by(Post.id)).first()\n",
    "        with db:\n            yield db.scalars(select(Post.title).order_by(Post.id)).first()\n",
)


def test_a_stream_that_closes_what_it_opened_again_is_right(sqlite: SQLite) -> None:
    proof = Proof(RULE, "a stream that closes the session", CLOSED_EARLY, "one()", remedy=CLOSED_BY_ITSELF)
    metrics, _ = run(CLOSED_BY_ITSELF, proof, sqlite)
    assert (metrics.held, metrics.failures) == (0, 0)
    assert reported(CLOSED_BY_ITSELF, proof) == []
