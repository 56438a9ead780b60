"""An entity that is kept raises at what was not loaded, and keeps what was; plain values do neither."""

from __future__ import annotations

import pytest

from tests.proofs.databases import SQLite
from tests.proofs.harness import Proof, compare, reported

RULE = "LKS605"
MANY = 40
DETACHED = tuple(f"second answer, {kind}" for kind in ("kept in a dict", "memoised", "after a commit"))
LOADED, ALIVE, KEPT = "second answer, loaded before", "entities alive", "bytes kept of a request"

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


def counted(db, number):
    return db.scalar(select(func.count(Post.id)).where(Post.account_id == number))

"""
_SERVING = f"""

async def serve():
    if noted:
        return None
    answers = []
    for name, path in zip({(*DETACHED, LOADED)}, ("/kept", "/memoised", "/expired", "/loaded")):
        first, second = [(await ask(app, path + "/1"))[0] for _ in range(2)]
        noted[name] = second[0]
        answers.append(first)
    noted["{KEPT}"] = await kept(app, [f"/loaded/{{number}}" for number in range(1, {MANY} + 1)])
    gc.collect()
    noted["{ALIVE}"] = sum(isinstance(each, (Account, Post)) for each in gc.get_objects())
    return answers
"""

_OF_ENTITIES = """
accounts = {}
loaded = {}
recent = LRUCache(maxsize=1000)


@app.get("/kept/{number}")
def read_kept(number: int, db: Session = Depends(get_db)):
    if number in accounts:
        return len(accounts[number].posts)
    accounts[number] = db.get(Account, number)
    return counted(db, number)


@lru_cache(maxsize=1000)
def account_of(number):
    with SessionLocal() as db:
        return db.get(Account, number)


@app.get("/memoised/{number}")
def read_memoised(number: int, db: Session = Depends(get_db)):
    if account_of.cache_info().currsize:
        return len(account_of(number).posts)
    account_of(number)
    return counted(db, number)


@app.get("/expired/{number}")
def read_expired(number: int):
    with SessionLocal.begin() as db:
        if number in recent:
            return len(recent[number].name)
        recent[number] = db.get(Account, number)
        return counted(db, number)


@app.get("/loaded/{number}")
def read_loaded(number: int, db: Session = Depends(get_db)):
    if number not in loaded:
        account = db.get(Account, number)
        len(account.posts)
        loaded[number] = account
    return len(loaded[number].posts)
"""

_OF_VALUES = """
counts = {}


@app.get("/kept/{number}")
@app.get("/memoised/{number}")
@app.get("/expired/{number}")
@app.get("/loaded/{number}")
def read(number: int, db: Session = Depends(get_db)):
    if number not in counts:
        counts[number] = counted(db, number)
    return counts[number]
"""

PROOFS = (
    Proof(
        RULE,
        f"entities are kept, read in the next request; with what they had loaded ({MANY} requests)",
        _HEAD + _OF_ENTITIES + _SERVING,
        "serve()",
        repeats=2,
        remedy=_HEAD + _OF_VALUES + _SERVING,
    ),
)


@pytest.mark.parametrize("proof", PROOFS, ids=lambda proof: proof.claim)
def test_a_kept_entity_is_detached(proof: Proof, sqlite: SQLite) -> None:
    assert len(reported(proof.program, proof)) == 4
    assert reported(proof.remedy or "", proof) == []
    comparison = compare(proof, sqlite)
    leaking, fixed = comparison.leaking.noted, comparison.fixed.noted

    assert comparison.leaking.result == comparison.fixed.result, "the first request works"
    assert [leaking[name] for name in DETACHED] == [500] * 3, "what was not loaded cannot be loaded"
    assert [fixed[name] for name in DETACHED] == [200] * 3
    assert (leaking[LOADED], fixed[LOADED]) == (200, 200)
    assert leaking[ALIVE] > MANY * 2, "posts are kept with their accounts"
    assert fixed[ALIVE] == 0
