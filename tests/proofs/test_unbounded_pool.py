"""A pool without a limit runs into the server's; one with a limit lets requests wait their turn."""

from __future__ import annotations

import pytest

from tests.proofs.databases import PostgreSQL
from tests.proofs.harness import Proof, compare, reported

RULE = "LKS504"
REQUESTS = 24
LIMIT = 12
OVERFLOW = f"requests of {REQUESTS} that the server refuses: `max_overflow=-1`"
SIZE = "the same: `pool_size=0`"

_PROGRAM = """\
import asyncio
import os

import psycopg
from fastapi import FastAPI
from sqlalchemy import make_url, text
from sqlalchemy.ext.asyncio import create_async_engine

from served import ask, noted

url = make_url(os.environ["PROOF_ASYNC_DATABASE_URL"])
if "PROOF_SERVER" in os.environ:
    url = url.set(username="shop")  # a server's limit does not hold for its administrator
    with psycopg.connect(os.environ["PROOF_SERVER"], autocommit=True) as server:
        if not server.execute("SELECT 1 FROM pg_roles WHERE rolname = 'shop'").fetchone():
            server.execute("CREATE ROLE shop LOGIN")
        server.execute("ALTER DATABASE " + server.info.dbname + " CONNECTION LIMIT {LIMIT}")

overflowing = create_async_engine(url, {overflow})
sizeless = create_async_engine(url, {size})
app = FastAPI()


async def answer(engine):
    async with engine.connect() as connection:
        found = await connection.scalar(text("SELECT 1"))
        await asyncio.sleep(0.5)
        return found


@app.get("/overflow")
async def overflow():
    return await answer(overflowing)


@app.get("/size")
async def size():
    return await answer(sizeless)


@app.get("/end")
async def end():
    await overflowing.dispose()
    await sizeless.dispose()


async def at_once():
    if noted:
        return
    for path, name in (("/overflow", "{OVERFLOW}"), ("/size", "{SIZE}")):
        answers = await ask(app, *[path] * {REQUESTS})
        noted[name] = sum(status != 200 for status, _ in answers)
        await ask(app, "/end")
        await asyncio.sleep(0.2)
"""


def _program(overflow: str, size: str) -> str:
    values = {"overflow": overflow, "size": size, "LIMIT": LIMIT, "REQUESTS": REQUESTS}
    return _PROGRAM.format(**values, OVERFLOW=OVERFLOW, SIZE=SIZE)


_BOUNDED = "pool_size=3, max_overflow=2"
PROOFS = (
    Proof(
        RULE,
        "`max_overflow=-1` and `pool_size=0`",
        _program("max_overflow=-1", "pool_size=0"),
        "at_once()",
        repeats=2,
        remedy=_program(_BOUNDED, _BOUNDED),
    ),
)


@pytest.mark.parametrize("proof", PROOFS, ids=lambda proof: proof.claim)
def test_the_server_refuses_what_the_pool_does_not(proof: Proof, postgres: PostgreSQL) -> None:
    # The other hangs on the version, which the project of a proof does not say.
    assert len(reported(proof.program, proof)) == 1
    assert reported(proof.remedy or "", proof) == []
    comparison = compare(proof, postgres)

    for refused in (OVERFLOW, SIZE):
        assert comparison.leaking.noted[refused] > 0
        assert comparison.fixed.noted[refused] == 0
