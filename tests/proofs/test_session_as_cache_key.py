"""A memo by the session, the request or an entity of a request never hits; one of coroutines hits once too often."""

from __future__ import annotations

import json
from pathlib import Path
from textwrap import dedent

import pytest

from tests.proofs.databases import SQLite
from tests.proofs.harness import Proof, compare, reported

RULE = "LKS604"
REQUESTS = 40
HITS, ALIVE, STATUS = "found in the memo", "kept alive", "second answer"

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


async def serve(cls, memo, more):
    first, second = [(await ask(app, "/accounts/1"))[0] for _ in range(2)]
    if more:
        await kept(app, ["/accounts/1"] * more, warm=0)
    gc.collect()
    noted["kept alive"] = sum(isinstance(each, cls) for each in gc.get_objects())
    noted["found in the memo"] = memo.cache_info().hits
    noted["second answer"] = second[0]
    return first
"""

_OF_VALUES = """
@lru_cache(maxsize=1000)
def name_of(number):
    with SessionLocal() as db:
        return db.get(Account, number).name


@app.get("/accounts/{number}")
def read(number: int):
    return name_of(number)
"""


def _proof(claim: str, body: str, cls: str, more: int = REQUESTS - 2) -> Proof:
    program, right = _HEAD + "\n" + dedent(body), _HEAD + "\n" + _OF_VALUES
    return Proof(RULE, claim, program, f"serve({cls}, name_of, {more})", repeats=2, remedy=right)


PROOFS = (
    _proof(
        "memoised by the request's session (40 requests, twice)",
        """
        @lru_cache(maxsize=1000)
        def name_of(db, number):
            return db.get(Account, number).name


        @app.get("/accounts/{number}")
        def read(number: int, db: Session = Depends(get_db)):
            return name_of(db, number)
        """,
        "Session",
    ),
    _proof(
        "memoised by the request",
        """
        @lru_cache(maxsize=1000)
        def name_of(request: Request):
            with SessionLocal() as db:
                return db.get(Account, request.path_params["number"]).name


        @app.get("/accounts/{number}")
        def read(request: Request):
            return name_of(request)
        """,
        "Request",
    ),
    _proof(
        "memoised by an entity",
        """
        @lru_cache(maxsize=1000)
        def name_of(account):
            return account.name


        @app.get("/accounts/{number}")
        def read(number: int, db: Session = Depends(get_db)):
            return name_of(db.get(Account, number))
        """,
        "Account",
    ),
    _proof(
        "an `async def`, memoised by plain values",
        """
        @lru_cache(maxsize=1000)
        async def name_of(number):
            with SessionLocal() as db:
                return db.get(Account, number).name


        @app.get("/accounts/{number}")
        async def read(number: int):
            return await name_of(number)
        """,
        "Session",
        more=0,
    ),
)


@pytest.mark.parametrize("proof", PROOFS, ids=lambda proof: proof.claim)
def test_a_memo_by_plain_values_is_what_was_meant(proof: Proof, tmp_path: Path) -> None:
    assert reported(dedent(proof.program), proof)
    assert reported(dedent(proof.remedy or ""), proof) == []
    comparison = compare(proof, SQLite(tmp_path))
    leaking, fixed = comparison.leaking.noted, comparison.fixed.noted

    assert (fixed[ALIVE], fixed[STATUS]) == (0, 200)
    if "async" in proof.claim:
        assert leaking[HITS] == fixed[HITS] == 3
        assert leaking[STATUS] == 500, "a coroutine was awaited twice"
        assert json.loads(comparison.leaking.result)[0] == 200, "the first call is the one that works"
    else:
        assert (leaking[HITS], fixed[HITS]) == (0, 2 * REQUESTS - 1)
        assert leaking[STATUS] == 200
        assert leaking[ALIVE] == 2 * REQUESTS
