"""A stream that uses the request's session keeps a connection while its client reads; one of its own need not."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from tests.proofs.databases import SQLite
from tests.proofs.harness import Proof, ProofError, compare, fixed_text, reported, run

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


def titles(db: Session, account_id):
    found = db.scalars(select(Post.title).where(Post.account_id == account_id).order_by(Post.id)).all()
    for title in found:
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
ANSWERS = """\
import asyncio
import threading

from fastapi import Depends, FastAPI
from fastapi.responses import StreamingResponse
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from database import SessionLocal, engine
from models import Account
from served import ask, noted
from sockets import until

app = FastAPI()
waiting = []
read_on = threading.Event()


def get_db():
    with SessionLocal() as db:
        yield db


def paying(account_id: int, db: Session = Depends(get_db)) -> Account:
    return db.get(Account, account_id)


def answer(db, account_id):
    yield "it depends"
    waiting.append(account_id)
    read_on.wait()
    db.get(Account, account_id).balance = -1
    db.commit()


@app.get("/answer/{account_id}")
def stream(account_id: int, db: Session = Depends(get_db), account: Account = Depends(paying)):
    return StreamingResponse(answer(db, account_id))


@app.get("/count")
def count():
    with SessionLocal() as db:
        return db.scalar(select(func.count()).select_from(Account).where(Account.balance == -1))


async def five_streams():
    waiting.clear()
    read_on.clear()
    streams = asyncio.create_task(ask(app, *(f"/answer/{number}" for number in range(1, 6))))
    while len(waiting) < 5:
        await asyncio.sleep(0.01)
    noted["connections of open streams"] = engine.pool.checkedout()
    answers = await ask(app, "/count", "/count")
    noted["failed requests meanwhile (of 2)"] = sum(status != 200 for status, _ in answers)
    read_on.set()
    answers = await streams
    await until(lambda: engine.pool.checkedout() == 0)  # a dependency ends after its answer
    return [*answers, *await ask(app, "/count")]
"""

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
        found = (await session.scalars(query)).all()
        for title in found:
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
FEED = ASYNC.replace(
    """\
        query = select(Post.title).where(Post.account_id == account_id).order_by(Post.id)
        found = (await session.scalars(query)).all()
        for title in found:
            yield title + " "
        waiting.append(account_id)
        while not can_go_on:
            await asyncio.sleep(0.01)
        yield "end"
""",
    """\
        last = 0
        while not can_go_on:
            for post in await session.scalars(select(Post).where(Post.account_id == account_id, Post.id > last)):
                yield post.title + " "
                last = post.id
            waiting.append(account_id)
            await asyncio.sleep(1)
        yield "end"
""",
)

PROOFS = (
    Proof(RULE, "five clients read what was fetched, slowly", SYNC, "five_streams()", repeats=2),
    Proof(RULE, "the same with asyncio", ASYNC, "five_streams()", repeats=2),
    Proof(RULE, "five clients read slowly, and a row is written at the end", ANSWERS, "five_streams()", repeats=2),
    Proof(RULE, "five clients wait for news", FEED, "five_streams()", repeats=2),
)


@pytest.mark.parametrize("proof", PROOFS, ids=lambda proof: proof.claim)
def test_slow_clients_keep_no_connections(proof: Proof, sqlite: SQLite) -> None:
    assert len(reported(proof.program, proof)) == 1
    comparison = compare(proof, sqlite)
    leaking, fixed = comparison.leaking, comparison.fixed
    assert reported(comparison.remedy, proof) == []

    assert leaking.result == fixed.result
    answers = json.loads(fixed.result)
    assert {status for status, _ in answers} == {200}
    if proof.program is ANSWERS:
        assert answers == [[200, "it depends"]] * 5 + [[200, "5"]]
    else:
        assert all(text.endswith(" end") for _, text in answers)

    assert leaking.noted == {"connections of open streams": 5, "failed requests meanwhile (of 2)": 2}
    assert fixed.noted == {"connections of open streams": 0, "failed requests meanwhile (of 2)": 0}
    assert (leaking.held, fixed.held) == (0, 0)


def test_a_session_of_its_own_alone_makes_it_worse(sqlite: SQLite) -> None:
    """Why the fix also closes the request's session, where the endpoint or a dependency has used it."""
    proof = replace(PROOFS[2], remedy=fixed_text(PROOFS[2]).replace("    db.close()\n", ""))
    assert proof.remedy.count("in_own_session") == 2
    fixed = compare(proof, sqlite).fixed
    assert fixed.noted["connections of open streams"] == 5
    (_, written) = json.loads(fixed.result)[-1]
    assert int(written) < 5, "each stream waits for a second connection, which another one keeps"


SENT_AS_FETCHED = SYNC.replace(".order_by(Post.id)).all()", ".order_by(Post.id))")
WRAPPED = SYNC.replace(
    '@app.get("/titles/{account_id}")',
    """\
def titles_in_own_session(account_id):
    with SessionLocal() as db:
        yield from titles(db, account_id)


@app.get("/titles/{account_id}")""",
).replace("StreamingResponse(titles(db, account_id))", "StreamingResponse(titles_in_own_session(account_id))")


def test_a_session_of_its_own_that_is_open_while_items_are_sent_gains_nothing(sqlite: SQLite) -> None:
    """Why there is no fix for such a stream where FastAPI closes the request's session after the response."""
    for program in (SYNC, WRAPPED):
        metrics, _ = run(program, replace(PROOFS[0], program=program), sqlite)
        assert metrics.noted["connections of open streams"] == 5

    proof = replace(PROOFS[0], program=SENT_AS_FETCHED)
    assert len(reported(SENT_AS_FETCHED, proof)) == 1
    with pytest.raises(ProofError, match="nothing was fixed"):
        fixed_text(proof)


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
