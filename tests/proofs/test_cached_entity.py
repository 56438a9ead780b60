"""An entity that is kept raises at what was not loaded, and keeps what was; plain values do neither."""

from __future__ import annotations

import json
from pathlib import Path
from textwrap import dedent

import pytest

from tests.proofs.databases import SQLite
from tests.proofs.harness import Proof, compare, reported

RULE = "LKS605"
MANY = 60
STATUS, ALIVE = "second answer", "entities alive"

_HEAD = """\
import gc
from functools import lru_cache

from cachetools import LRUCache
from fastapi import Depends, FastAPI
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from database import SessionLocal
from models import Account, Country, Post
from served import ask, kept, noted

app = FastAPI()


def get_db():
    with SessionLocal() as db:
        yield db


async def serve(more):
    first, second = [(await ask(app, "/accounts/1"))[0] for _ in range(2)]
    noted["second answer"] = second[0]
    if more:
        found = await kept(app, [f"/accounts/{number}" for number in range(1, more + 1)])
        noted.setdefault("bytes kept of a request", found)  # later, all of them are kept already
    gc.collect()
    noted["entities alive"] = sum(isinstance(each, (Account, Post)) for each in gc.get_objects())
    return first
"""

_OF_VALUES = """
counts = {}


@app.get("/accounts/{number}")
def read(number: int, db: Session = Depends(get_db)):
    if number not in counts:
        found = db.scalar(select(func.count(Post.id)).where(Post.account_id == number))
        counts[number] = found
    return counts[number]
"""


def _proof(claim: str, body: str, more: int = 0) -> Proof:
    remedy = _HEAD + "\n" + _OF_VALUES
    return Proof(RULE, claim, _HEAD + "\n" + dedent(body), f"serve({more})", repeats=2, remedy=remedy)


DETACHED = _proof(
    "a relationship of a kept entity is read in the next request",
    """
    accounts = {}


    @app.get("/accounts/{number}")
    def read(number: int, db: Session = Depends(get_db)):
        if number in accounts:
            return len(accounts[number].posts)
        accounts[number] = db.get(Account, number)
        return db.scalar(select(func.count(Post.id)).where(Post.account_id == number))
    """,
)
RETURNED = _proof(
    "the same of an entity that a memoised function returns",
    """
    @lru_cache(maxsize=1000)
    def account_of(number):
        with SessionLocal() as db:
            return db.get(Account, number)


    @app.get("/accounts/{number}")
    def read(number: int, db: Session = Depends(get_db)):
        if account_of.cache_info().currsize:
            return len(account_of(number).posts)
        account_of(number)
        return db.scalar(select(func.count(Post.id)).where(Post.account_id == number))
    """,
)
EXPIRED = _proof(
    "any column of a kept entity, after a commit",
    """
    accounts = LRUCache(maxsize=1000)


    @app.get("/accounts/{number}")
    def read(number: int):
        with SessionLocal.begin() as db:
            if number in accounts:
                return len(accounts[number].name)
            accounts[number] = db.get(Account, number)
            return db.scalar(select(func.count(Post.id)).where(Post.account_id == number))
    """,
)
LOADED = _proof(
    "a relationship that was read before is kept with the entity",
    """
    accounts = {}


    @app.get("/accounts/{number}")
    def read(number: int, db: Session = Depends(get_db)):
        if number not in accounts:
            account = db.get(Account, number)
            len(account.posts)
            accounts[number] = account
        return len(accounts[number].posts)
    """,
    more=MANY,
)
PROOFS = (DETACHED, RETURNED, EXPIRED, LOADED)


@pytest.mark.parametrize("proof", PROOFS, ids=lambda proof: proof.claim)
def test_a_kept_entity_is_detached(proof: Proof, tmp_path: Path) -> None:
    assert reported(dedent(proof.program), proof)
    assert reported(dedent(proof.remedy or ""), proof) == []
    comparison = compare(proof, SQLite(tmp_path))
    leaking, fixed = comparison.leaking.noted, comparison.fixed.noted

    assert json.loads(comparison.leaking.result) == json.loads(comparison.fixed.result), "the first request works"
    assert leaking[ALIVE] > 0
    assert (fixed[STATUS], fixed[ALIVE]) == (200, 0)
    if proof is LOADED:
        assert leaking[STATUS] == 200
        assert leaking[ALIVE] > MANY * 2, "posts are kept with their accounts"
    else:
        assert leaking[STATUS] == 500, "what was not loaded cannot be loaded"
