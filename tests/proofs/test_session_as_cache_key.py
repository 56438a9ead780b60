"""A memo by the session, the request or an entity of a request never hits; one of coroutines hits once too often."""

from __future__ import annotations

import json

import pytest

from tests.proofs.databases import SQLite
from tests.proofs.harness import Proof, compare, reported

RULE = "LKS604"
REQUESTS = 20
ALIVE = ("sessions alive", "requests alive", "accounts alive")
HITS, STATUS = "found in the memos", "second answer of the coroutine"

_HEAD = """\
import gc
from functools import lru_cache

from fastapi import Depends, FastAPI, Request
from sqlalchemy.orm import Session

from database import SessionLocal
from models import Account
from served import ask, kept, noted

app = FastAPI()


def get_db():
    with SessionLocal() as db:
        yield db

"""
_SERVING = f"""

async def serve():
    if noted:
        return None
    for path in ("/session/1", "/request/1", "/entity/1"):
        await kept(app, [path] * {REQUESTS}, warm=1)
    gc.collect()
    there = gc.get_objects()
    for name, cls in zip({ALIVE}, (Session, Request, Account)):
        noted[name] = sum(isinstance(each, cls) for each in there)
    memos = {{each for name, each in globals().items() if name.startswith("name_")}}
    noted["{HITS}"] = sum(memo.cache_info().hits for memo in memos)
    first, second = [(await ask(app, "/coroutine/1"))[0] for _ in range(2)]
    noted["{STATUS}"] = second[0]
    return first
"""

_BY_WHAT_CHANGES = """
@lru_cache(maxsize=1000)
def name_by_session(db, number):
    return db.get(Account, number).name


@app.get("/session/{number}")
def session(number: int, db: Session = Depends(get_db)):
    return name_by_session(db, number)


@lru_cache(maxsize=1000)
def name_by_request(request: Request):
    with SessionLocal() as db:
        return db.get(Account, request.path_params["number"]).name


@app.get("/request/{number}")
def request(request: Request):
    return name_by_request(request)


@lru_cache(maxsize=1000)
def name_by_entity(account):
    return account.name


@app.get("/entity/{number}")
def entity(number: int, db: Session = Depends(get_db)):
    return name_by_entity(db.get(Account, number))


@lru_cache(maxsize=1000)
async def name_of_coroutine(number):
    with SessionLocal() as db:
        return db.get(Account, number).name


@app.get("/coroutine/{number}")
async def coroutine(number: int):
    return await name_of_coroutine(number)
"""

_BY_VALUES = """
@lru_cache(maxsize=1000)
def name_of(number):
    with SessionLocal() as db:
        return db.get(Account, number).name


@app.get("/session/{number}")
@app.get("/request/{number}")
@app.get("/entity/{number}")
@app.get("/coroutine/{number}")
def read(number: int):
    return name_of(number)
"""

PROOFS = (
    Proof(
        RULE,
        f"memoised by the request's session, by the request, by an entity ({REQUESTS} requests each); a coroutine",
        _HEAD + _BY_WHAT_CHANGES + _SERVING,
        "serve()",
        repeats=2,
        remedy=_HEAD + _BY_VALUES + _SERVING,
    ),
)


@pytest.mark.parametrize("proof", PROOFS, ids=lambda proof: proof.claim)
def test_a_memo_by_plain_values_is_what_was_meant(proof: Proof, sqlite: SQLite) -> None:
    assert len(reported(proof.program, proof)) == 4
    assert reported(proof.remedy or "", proof) == []
    comparison = compare(proof, sqlite)
    leaking, fixed = comparison.leaking.noted, comparison.fixed.noted

    assert json.loads(comparison.leaking.result)[0] == 200, "the first call is the one that works"
    assert comparison.fixed.result == comparison.leaking.result
    assert (leaking[HITS], fixed[HITS]) == (0, 3 * REQUESTS - 1)
    assert all(leaking[name] >= REQUESTS for name in ALIVE)
    assert [fixed[name] for name in ALIVE] == [0, 0, 0]
    assert (leaking[STATUS], fixed[STATUS]) == (500, 200), "a coroutine was awaited twice"
