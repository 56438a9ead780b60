"""A pool without a limit runs into the server's; one with a limit lets requests wait their turn."""

from __future__ import annotations

import pytest

from tests.proofs.databases import PostgreSQL
from tests.proofs.harness import Proof, compare, reported

RULE = "LKS504"
REQUESTS = 24
LIMIT = 12
REFUSED = f"requests of {REQUESTS} that the server refuses"

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
        server.execute("ALTER DATABASE " + server.info.dbname + " CONNECTION LIMIT {limit}")

engine = create_async_engine(url, {options})
app = FastAPI()


@app.get("/")
async def read():
    async with engine.connect() as connection:
        answer = await connection.scalar(text("SELECT 1"))
        await asyncio.sleep(0.5)
        return answer


async def at_once():
    answers = await ask(app, *["/"] * {requests})
    noted["{refused}"] = sum(status != 200 for status, _ in answers)
"""


def _program(options: str) -> str:
    return _PROGRAM.format(options=options, limit=LIMIT, requests=REQUESTS, refused=REFUSED)


PROOFS = (
    Proof(
        RULE,
        "`max_overflow=-1`",
        _program("max_overflow=-1"),
        "at_once()",
        repeats=2,
        remedy=_program(f"pool_size=5, max_overflow={LIMIT - 7}"),
    ),
    Proof(
        RULE,
        "`pool_size=0`",
        _program("pool_size=0"),
        "at_once()",
        repeats=2,
        remedy=_program(f"pool_size=5, max_overflow={LIMIT - 7}"),
    ),
)


@pytest.mark.parametrize("proof", PROOFS, ids=lambda proof: proof.claim)
def test_the_server_refuses_what_the_pool_does_not(proof: Proof, postgres: PostgreSQL) -> None:
    comparison = compare(proof, postgres)

    assert comparison.leaking.noted[REFUSED] >= REQUESTS - LIMIT
    assert comparison.fixed.noted[REFUSED] == 0
    if "max_overflow" in proof.claim:  # the other hangs on the version, which the project of a proof does not say
        assert len(reported(proof.program, proof)) == 1
    assert reported(comparison.remedy, proof) == []
