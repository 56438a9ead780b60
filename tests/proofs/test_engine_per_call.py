"""An engine for every request leaves a connection for every request; made once, it has one for all of them."""

from __future__ import annotations

import json

import pytest

from tests.proofs.databases import Database, SQLite
from tests.proofs.harness import Proof, compare, reported, run

RULE = "LKS501"
REQUESTS = 10
OPEN = f"connections that {REQUESTS} requests leave open"
OPEN_ASYNC = "the same of an async endpoint"
SILENT = ("disposed", "null-pool", "cached")

_COUNTING = f"""

async def opened(path):
    before = open_connections()
    answers = []
    for _ in range({REQUESTS}):
        answers += await ask(app, path)
    await asyncio.sleep(0.2)  # what follows the `yield` of a dependency runs after the response
    return answers, open_connections() - before
"""

PROOFS = (
    Proof(
        RULE,
        "a dependency makes an engine and yields a session; an async endpoint makes one",
        f"""\
import asyncio
import os

from fastapi import Depends, FastAPI
from sqlalchemy import create_engine, func, select
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine
from sqlalchemy.orm import sessionmaker

from models import Account
from open_connections import open_connections
from served import ask, noted

URL = os.environ["PROOF_DATABASE_URL"]
ASYNC_URL = os.environ["PROOF_ASYNC_DATABASE_URL"]
app = FastAPI()


def get_db():
    engine = create_engine(URL)
    factory = sessionmaker(engine)
    db = factory()
    try:
        yield db
    finally:
        db.close()


@app.get("/active")
def active(db=Depends(get_db)):
    return db.scalar(select(func.count()).where(Account.active))


@app.get("/active-async")
async def active_async():
    async_engine = create_async_engine(ASYNC_URL)
    async with AsyncSession(async_engine) as session:
        return await session.scalar(select(func.count()).where(Account.active))
{_COUNTING}

async def answers():
    if noted:
        return None
    found, noted["{OPEN}"] = await opened("/active")
    found_async, noted["{OPEN_ASYNC}"] = await opened("/active-async")
    return found + found_async
""",
        "answers()",
        repeats=2,
    ),
)

_NEVER_REPORTED = f"""\
import asyncio
import os
from functools import lru_cache

from fastapi import FastAPI
from sqlalchemy import NullPool, create_engine, text

from open_connections import open_connections
from served import ask, noted

URL = os.environ["PROOF_DATABASE_URL"]
COUNT = text("select count(*) from accounts where active")
app = FastAPI()


@app.get("/disposed")
def disposed():
    engine = create_engine(URL)
    try:
        with engine.connect() as connection:
            return connection.scalar(COUNT)
    finally:
        engine.dispose()


@app.get("/null-pool")
def without_pool():
    engine = create_engine(URL, poolclass=NullPool)
    with engine.connect() as connection:
        return connection.scalar(COUNT)


@lru_cache
def get_engine():
    return create_engine(URL)


@app.get("/cached")
def cached():
    with get_engine().connect() as connection:
        return connection.scalar(COUNT)
{_COUNTING}

async def answers():
    found = []
    for kind in {SILENT}:
        answered, noted[kind] = await opened("/" + kind)
        found += answered
    return found
"""


@pytest.mark.parametrize("proof", PROOFS, ids=lambda proof: proof.claim)
def test_an_engine_for_every_request_leaves_a_connection_for_every_request(proof: Proof, database: Database) -> None:
    comparison = compare(proof, database)
    leaking, fixed = comparison.leaking, comparison.fixed

    assert fixed.result == leaking.result
    assert [status for status, _ in json.loads(leaking.result)] == [200] * 2 * REQUESTS
    for number in (OPEN, OPEN_ASYNC):
        assert leaking.noted[number] == REQUESTS
        # A request may come before the dependency of the one before it has given back the connection.
        assert fixed.noted[number] <= REQUESTS / 3


@pytest.mark.slow
def test_what_is_not_reported_leaves_none(sqlite: SQLite) -> None:
    proof = Proof(RULE, "engines that are made once or end", _NEVER_REPORTED, "answers()", repeats=2)
    assert reported(proof.program, proof) == []
    metrics, _ = run(proof.program, proof, sqlite)

    assert [status for status, _ in json.loads(metrics.result)] == [200] * len(SILENT) * REQUESTS
    assert all(metrics.noted[kind] <= 1 for kind in SILENT)
