"""A request with two sessions takes two connections: five at once, one each, wait for another until some fail."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from tests.proofs.databases import SQLite
from tests.proofs.harness import Proof, compare, reported, run

RULE = "LKS409"
CONNECTIONS = "connections of a request"

PROGRAM = """\
from threading import Barrier

from fastapi import Depends, FastAPI
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from database import SessionLocal, engine
from models import Account, Post
from served import ask, noted
from sockets import until

app = FastAPI()
meeting = Barrier(5)


def get_db():
    with SessionLocal() as db:
        yield db


def get_session():
    with SessionLocal() as session:
        yield session


def current_user(session: Session = Depends(get_session)):
    return session.get(Account, 7).id


@app.get("/posts/{number}")
def count(number: int, db: Session = Depends(get_db), user: int = Depends(current_user)):
    if number:
        meeting.wait()
    posts = db.scalar(select(func.count()).where(Post.account_id == user))
    if not number:
        noted["connections of a request"] = engine.pool.checkedout()
    return posts


async def one_then_five():
    await ask(app, "/posts/0")
    answers = await ask(app, *(f"/posts/{number}" for number in range(1, 6)))
    await until(lambda: engine.pool.checkedout() == 0)
    return [status for status, _ in answers]
"""

SHARED = PROGRAM.replace("Depends(get_session)", "Depends(get_db)")
UNCACHED = SHARED.replace("session: Session = Depends(get_db)", "session: Session = Depends(get_db, use_cache=False)")
MIXED = SHARED.replace("session: Session = Depends(get_db)", 'session: Session = Depends(get_db, scope="function")')

PROOFS = tuple(
    Proof(RULE, f"{what}; five requests at once: 500 → 200", program, "one_then_five()", repeats=2, remedy=SHARED)
    for what, program in (("two providers", PROGRAM), ("two scopes", MIXED))
)


@pytest.mark.parametrize("proof", PROOFS, ids=lambda proof: proof.claim)
def test_a_request_needs_one_connection(proof: Proof, sqlite: SQLite) -> None:
    assert len(reported(proof.program, proof)) == 1
    comparison = compare(proof, sqlite)

    assert reported(comparison.remedy, proof) == []
    assert 500 in json.loads(comparison.leaking.result), "the first that gives up may let another through"
    assert json.loads(comparison.fixed.result) == [200] * 5
    assert (comparison.leaking.noted[CONNECTIONS], comparison.fixed.noted[CONNECTIONS]) == (2, 1)
    assert (comparison.leaking.held, comparison.fixed.held) == (0, 0)


def test_a_session_without_the_cache_is_another(sqlite: SQLite) -> None:
    proof = replace(PROOFS[0], program=UNCACHED)
    assert len(reported(UNCACHED, proof)) == 1
    metrics, _ = run(UNCACHED, proof, sqlite)
    assert metrics.noted[CONNECTIONS] == 2


def test_what_is_asked_for_first_without_the_cache_is_shared_all_the_same(sqlite: SQLite) -> None:
    program = SHARED.replace(
        "db: Session = Depends(get_db), user", "db: Session = Depends(get_db, use_cache=False), user"
    )
    proof = replace(PROOFS[0], program=program, remedy=None)
    assert reported(program, proof) == []
    metrics, _ = run(program, proof, sqlite)
    assert metrics.noted[CONNECTIONS] == 1
