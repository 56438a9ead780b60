"""A task has a plain session until its first `await`, if somebody waits before the session is closed.

FastAPI waits for the end of a plain dependency; an async dependency, or a `with` block, may close it before the task
begins.
"""

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


async def nothing():
    pass


async def announce(db: Session):
    db.scalar(text("select 1"))
    done.append("asked")
    await asyncio.sleep(0)


{endpoint}


async def two_requests():
    done.clear()
    for number in (1, 2):
        await ask(app, "/")
        while len(done) < 2 * number:
            await asyncio.sleep(0.01)
    return done
"""

_OF_DEPENDENCY = """\
@app.get("/")
async def act(db: Session = Depends(get_db)):
    tasks.add(asyncio.create_task(announce(db)))"""

_OF_BLOCK = """\
@app.get("/")
async def act():
    with SessionLocal() as db:
        tasks.add(asyncio.create_task(announce(db)))
        {wait}
    done.append("closed")"""

_IN_TIME, _TOO_LATE = ["asked", "closed"], ["closed", "asked"]


def _happens(program: str, order: list[str], sqlite: SQLite) -> bool:
    """Whether the rule reports a program whose tasks ask in that order; too late, each keeps a connection."""
    proof = Proof(RULE, "", program, "two_requests()", repeats=2)
    metrics, _ = run(program, proof, sqlite)
    assert json.loads(metrics.result) == order * 2
    assert metrics.held == (4 if order is _TOO_LATE else 0)
    return bool(reported(program, proof))


@pytest.mark.slow
@pytest.mark.parametrize(("dependency", "order"), [("def", _IN_TIME), ("async def", _TOO_LATE)])
def test_what_a_task_asks_first(dependency: str, order: list[str], sqlite: SQLite) -> None:
    program = _PROGRAM.format(dependency=dependency, endpoint=_OF_DEPENDENCY)
    assert _happens(program, order, sqlite) is (order is _TOO_LATE)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("wait", "order", "is_reported"),
    [
        ("db.commit()", _TOO_LATE, True),
        ("await asyncio.sleep(0)", _IN_TIME, False),
        ("await nothing()", _TOO_LATE, False),  # nobody knows before it is done
    ],
)
def test_what_a_task_asks_before_a_block_ends(wait: str, order: list[str], is_reported: bool, sqlite: SQLite) -> None:
    program = _PROGRAM.format(dependency="def", endpoint=_OF_BLOCK.format(wait=wait))
    assert _happens(program, order, sqlite) is is_reported
