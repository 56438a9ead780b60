"""A task that is handed an entity keeps its session's connection, or fails; one that is handed the key does neither."""

from __future__ import annotations

import json

import pytest

from tests.proofs.databases import SQLite
from tests.proofs.harness import Proof, compare, fixed_text, reported, run
from tests.proofs.verdicts import assert_connections_are_given_back

RULE = "LKS402"

EXPIRED = """\
from fastapi import BackgroundTasks, Depends, FastAPI
from sqlalchemy.orm import Session

from database import SessionLocal
from models import Account
from requests_in_flight import post, work

app = FastAPI()
greeted = []


def get_db():
    with SessionLocal() as db:
        yield db


def greet(account):
    greeted.append(account.email)
    work.wait()


@app.post("/accounts/{account_id}/activate")
def activate(account_id: int, tasks: BackgroundTasks, db: Session = Depends(get_db)):
    account = db.get(Account, account_id)
    account.active = True
    db.commit()
    tasks.add_task(greet, account)
    return {"active": True}
"""
LAZY = """\
import asyncio

from fastapi import BackgroundTasks, Depends, FastAPI
from sqlalchemy.orm import Session

from database import SessionLocal, engine
from models import Account
from served import ask, noted

app = FastAPI()
ends = []


async def at_their_ends(*paths):
    ends.clear()
    await ask(app, *paths, method="POST")
    while len(ends) < len(paths) or engine.pool.checkedout():
        await asyncio.sleep(0.01)
    return sorted(ends, key=str)


def get_db():
    with SessionLocal() as db:
        yield db


def count_posts(account):
    try:
        ends.append(len(account.posts))
    except Exception as error:
        ends.append(type(error).__name__)


@app.post("/accounts/{account_id}/count")
def count(account_id: int, tasks: BackgroundTasks, db: Session = Depends(get_db, scope="function")):
    account = db.get(Account, account_id)
    tasks.add_task(count_posts, account)
    return account_id


async def counted():
    found = await at_their_ends("/accounts/7/count", "/accounts/8/count")
    noted["failed tasks (of 2)"] = found.count("DetachedInstanceError")
    return found
"""

ASYNC = """\
import asyncio

from fastapi import BackgroundTasks, Depends, FastAPI
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker

from async_database import engine
from models import Account
from served import ask, noted

app = FastAPI()
AsyncSessionLocal = async_sessionmaker(engine)
ends = []


async def at_their_ends(*paths):
    ends.clear()
    await ask(app, *paths, method="POST")
    while len(ends) < len(paths) or engine.pool.checkedout():
        await asyncio.sleep(0.01)
    return sorted(ends, key=str)


async def get_session():
    async with AsyncSessionLocal() as session:
        yield session


async def greet(account):
    try:
        ends.append(account.email)
    except Exception as error:  # raised as it is, or inside of a `StatementError`
        ends.append("MissingGreenlet" if "MissingGreenlet" in f"{type(error)} {error}" else repr(error))


@app.post("/accounts/{account_id}/activate")
async def activate(account_id: int, tasks: BackgroundTasks, session: AsyncSession = Depends(get_session)):
    account = await session.get(Account, account_id)
    account.active = True
    await session.commit()
    tasks.add_task(greet, account)
    return account_id


async def activated():
    found = await at_their_ends("/accounts/7/activate", "/accounts/8/activate")
    noted["failed tasks (of 2)"] = found.count("MissingGreenlet")
    return found
"""
ASYNC_LAZY = ASYNC.replace("account.email", "len(account.posts)").replace("    await session.commit()\n", "")

HOLDING = Proof(RULE, "tasks are at work with an expired entity", EXPIRED, "post(app, '/accounts/7/activate')")
DETACHED = Proof(RULE, "tasks read a relationship, the session is closed early", LAZY, "counted()", 2)
UNDER_ASYNCIO = Proof(RULE, "tasks read an expired column with asyncio", ASYNC, "activated()", 2)
LAZY_UNDER_ASYNCIO = Proof(RULE, "tasks read a relationship with asyncio", ASYNC_LAZY, "activated()", 2)
PROOFS = (HOLDING, DETACHED)
ALL = (*PROOFS, UNDER_ASYNCIO, LAZY_UNDER_ASYNCIO)


def test_an_expired_entity_keeps_a_connection_until_the_task_ends(sqlite: SQLite) -> None:
    comparison = compare(HOLDING, sqlite)
    assert comparison.leaking.result == comparison.fixed.result == '[200, "{\\"active\\":true}"]'
    assert_connections_are_given_back(comparison)


def test_a_relationship_cannot_be_read_when_the_session_was_closed_before(sqlite: SQLite) -> None:
    comparison = compare(DETACHED, sqlite)
    assert json.loads(comparison.leaking.result) == ["DetachedInstanceError"] * 2
    assert json.loads(comparison.fixed.result) == [2, 2]
    assert comparison.leaking.noted == {"failed tasks (of 2)": 2}
    assert comparison.fixed.noted == {"failed tasks (of 2)": 0}


def test_nothing_is_loaded_by_being_read_under_asyncio(sqlite: SQLite) -> None:
    comparison = compare(UNDER_ASYNCIO, sqlite)
    assert json.loads(comparison.leaking.result) == ["MissingGreenlet"] * 2
    assert json.loads(comparison.fixed.result) == ["account7@example.org", "account8@example.org"]


def test_a_relationship_is_loaded_before_the_task_begins_under_asyncio(sqlite: SQLite) -> None:
    comparison = compare(LAZY_UNDER_ASYNCIO, sqlite)
    assert json.loads(comparison.leaking.result) == ["MissingGreenlet"] * 2
    assert json.loads(comparison.fixed.result) == [2, 2]
    assert (comparison.fixed.held, comparison.fixed.failures) == (0, 0)


@pytest.mark.parametrize("proof", ALL, ids=lambda proof: proof.claim)
def test_the_message_says_what_happens_and_the_remedy_is_silent(proof: Proof) -> None:
    (message,) = reported(proof.program, proof)
    expected = {
        HOLDING: "keeps its connection from the pool until the task ends",
        DETACHED: "raises `DetachedInstanceError`",
        UNDER_ASYNCIO: "raises `MissingGreenlet`",
        LAZY_UNDER_ASYNCIO: "raises `MissingGreenlet`",
    }
    assert expected[proof] in message
    assert reported(fixed_text(proof), proof) == []


LOADED = LAZY.replace("len(account.posts)", "account.email")


def test_what_is_loaded_can_be_read_on_a_closed_session_and_is_not_reported(sqlite: SQLite) -> None:
    proof = Proof(RULE, "tasks read a loaded column", LOADED, "counted()", 2)
    metrics, _ = run(LOADED, proof, sqlite)
    assert json.loads(metrics.result) == ["account7@example.org", "account8@example.org"]
    assert reported(LOADED, proof) == []


OUT_OF_SIGHT = LAZY.replace("len(account.posts)", 'len(getattr(account, "posts"))').replace(
    "    tasks.add_task", "    db.commit()\n    tasks.add_task"
)


def test_a_task_that_may_read_anything_is_called_while_the_session_is_open(sqlite: SQLite) -> None:
    comparison = compare(Proof(RULE, "tasks read nobody knows what", OUT_OF_SIGHT, "counted()", 2), sqlite)
    assert "        count_posts(session.get(Account, account_id))" in comparison.remedy
    assert json.loads(comparison.leaking.result) == ["DetachedInstanceError"] * 2
    assert json.loads(comparison.fixed.result) == [2, 2]
    assert (comparison.fixed.held, comparison.fixed.failures) == (0, 0)
