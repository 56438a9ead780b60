"""A task has the session of a plain dependency until its first `await`; an async dependency closes it before that."""

from __future__ import annotations

import json

import pytest

from tests.proofs.databases import SQLite
from tests.proofs.harness import Proof, reported, run

RULE = "LKS405"

_PROGRAM = """\
import asyncio

from fastapi import Depends, FastAPI
from sqlalchemy import text
from sqlalchemy.orm import Session

from database import SessionLocal
from served import ask

app = FastAPI()
done = []
tasks = set()


{dependency} get_db():
    with SessionLocal() as db:
        yield db
    done.append("closed")


async def announce(db: Session):
    db.scalar(text("select 1"))
    done.append("asked")
    await asyncio.sleep(0)


@app.get("/")
async def act(db: Session = Depends(get_db)):
    tasks.add(asyncio.create_task(announce(db)))


async def two_requests():
    done.clear()
    for _ in range(2):
        await ask(app, "/")
        while len(done) % 2:
            await asyncio.sleep(0.01)
    return done
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("dependency", "order", "held"), [("def", ["asked", "closed"], 0), ("async def", ["closed", "asked"], 4)]
)
def test_what_a_task_asks_first(dependency: str, order: list[str], held: int, sqlite: SQLite) -> None:
    program = _PROGRAM.format(dependency=dependency)
    proof = Proof(RULE, "", program, "two_requests()", repeats=2)
    metrics, _ = run(program, proof, sqlite)

    assert json.loads(metrics.result) == order * 2
    assert metrics.held == held
    assert bool(reported(program, proof)) is bool(held)
