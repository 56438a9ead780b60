"""A task that is handed an entity keeps its session's connection, or fails; one that is handed the key does neither."""

from __future__ import annotations

import json

import pytest

from tests.proofs.databases import SQLite
from tests.proofs.harness import Proof, compare, reported, run
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
EXPIRED_REMEDY = EXPIRED.replace(
    "def greet(account):\n    greeted.append(account.email)\n",
    "def greet(account_id):\n"
    "    with SessionLocal() as db:\n"
    "        greeted.append(db.get(Account, account_id).email)\n",
).replace("tasks.add_task(greet, account)", "tasks.add_task(greet, account_id)")

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
LAZY_REMEDY = (
    LAZY.replace("count_posts(account):", "count_posts(account_id):")
    .replace(
        "        ends.append(len(account.posts))\n",
        "        with SessionLocal() as db:\n            ends.append(len(db.get(Account, account_id).posts))\n",
    )
    .replace("tasks.add_task(count_posts, account)", "tasks.add_task(count_posts, account.id)")
)

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
ASYNC_REMEDY = (
    ASYNC.replace("async def greet(account):", "async def greet(account_id):")
    .replace(
        "        ends.append(account.email)\n",
        "        async with AsyncSessionLocal() as session:\n"
        "            ends.append((await session.get(Account, account_id)).email)\n",
    )
    .replace("tasks.add_task(greet, account)", "tasks.add_task(greet, account_id)")
)

HOLDING = Proof(
    RULE,
    "tasks are at work with an expired entity",
    EXPIRED,
    "post(app, '/accounts/7/activate')",
    remedy=EXPIRED_REMEDY,
)
DETACHED = Proof(
    RULE, "tasks read a relationship, the session is closed early", LAZY, "counted()", 2, remedy=LAZY_REMEDY
)
UNDER_ASYNCIO = Proof(RULE, "tasks read an expired column with asyncio", ASYNC, "activated()", 2, remedy=ASYNC_REMEDY)
PROOFS = (HOLDING, DETACHED)


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


@pytest.mark.parametrize("proof", [*PROOFS, UNDER_ASYNCIO], ids=lambda proof: proof.claim)
def test_the_message_says_what_happens_and_the_remedy_is_silent(proof: Proof) -> None:
    (message,) = reported(proof.program, proof)
    expected = {
        HOLDING: "keeps its connection from the pool until the task ends",
        DETACHED: "raises `DetachedInstanceError`",
        UNDER_ASYNCIO: "raises `MissingGreenlet`",
    }
    assert expected[proof] in message
    assert reported(proof.remedy or "", proof) == []


LOADED = LAZY.replace("len(account.posts)", "account.email")


def test_what_is_loaded_can_be_read_on_a_closed_session_and_is_not_reported(sqlite: SQLite) -> None:
    proof = Proof(RULE, "tasks read a loaded column", LOADED, "counted()", 2)
    metrics, _ = run(LOADED, proof, sqlite)
    assert json.loads(metrics.result) == ["account7@example.org", "account8@example.org"]
    assert reported(LOADED, proof) == []
