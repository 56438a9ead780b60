"""An engine for every request leaves a connection for every request; made once, it has one for all of them."""

from __future__ import annotations

import json
from textwrap import dedent

import pytest

from tests.proofs.databases import Database
from tests.proofs.harness import Proof, compare, run

RULE = "LKS501"
REQUESTS = 10
OPEN = f"connections that {REQUESTS} requests leave open"

_COUNTING = f"""

async def answers():
    before = open_connections()
    found = [(await ask(app, "/active"))[0] for _ in range({REQUESTS})]
    await asyncio.sleep(0.1)  # what follows the `yield` of a dependency runs after the response
    noted["{OPEN}"] = open_connections() - before
    return found
"""

PROOFS = (
    Proof(
        RULE,
        "a dependency makes an engine and yields a session",
        """\
        import asyncio
        import os

        from fastapi import Depends, FastAPI
        from sqlalchemy import create_engine, func, select
        from sqlalchemy.orm import sessionmaker

        from models import Account
        from open_connections import open_connections
        from served import ask, noted

        URL = os.environ["PROOF_DATABASE_URL"]
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
        """
        + _COUNTING.replace("\n", "\n        "),
        "answers()",
        repeats=2,
    ),
    Proof(
        RULE,
        "an async endpoint makes an engine",
        """\
        import asyncio
        import os

        from fastapi import FastAPI
        from sqlalchemy import func, select
        from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine

        from models import Account
        from open_connections import open_connections
        from served import ask, noted

        URL = os.environ["PROOF_ASYNC_DATABASE_URL"]
        app = FastAPI()


        @app.get("/active")
        async def active():
            engine = create_async_engine(URL)
            async with AsyncSession(engine) as session:
                return await session.scalar(select(func.count()).where(Account.active))
        """
        + _COUNTING.replace("\n", "\n        "),
        "answers()",
        repeats=2,
    ),
)

_NEVER_REPORTED = (
    ("finally", "engine = create_engine(URL)", "engine.dispose()"),
    ("null-pool", "engine = create_engine(URL, poolclass=NullPool)", "pass"),
    ("cached", "engine = get_engine()", "pass"),
)

_SILENT = """\
import asyncio
import os
from functools import lru_cache

from fastapi import FastAPI
from sqlalchemy import NullPool, create_engine, text

from open_connections import open_connections
from served import ask, noted

URL = os.environ["PROOF_DATABASE_URL"]
app = FastAPI()


@lru_cache
def get_engine():
    return create_engine(URL)


@app.get("/active")
def active():
    {made}
    try:
        with engine.connect() as connection:
            return connection.scalar(text("select count(*) from accounts where active"))
    finally:
        {ended}
"""


@pytest.mark.parametrize("proof", PROOFS, ids=lambda proof: proof.claim)
def test_an_engine_for_every_request_leaves_a_connection_for_every_request(proof: Proof, database: Database) -> None:
    comparison = compare(proof, database)

    assert comparison.fixed.result == comparison.leaking.result
    assert [status for status, _ in json.loads(comparison.leaking.result)] == [200] * REQUESTS
    assert comparison.leaking.noted[OPEN] == REQUESTS
    assert comparison.fixed.noted[OPEN] <= 1


@pytest.mark.slow
@pytest.mark.parametrize(("made", "ended"), [case[1:] for case in _NEVER_REPORTED], ids=[c[0] for c in _NEVER_REPORTED])
def test_what_is_not_reported_leaves_none(made: str, ended: str, database: Database) -> None:
    program = _SILENT.format(made=made, ended=ended) + _COUNTING
    metrics, _ = run(dedent(program), Proof(RULE, "", "", "answers()", repeats=2), database)

    assert metrics.noted[OPEN] <= 1
