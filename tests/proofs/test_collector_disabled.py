"""With the collector off, connections of forgotten sessions and rows in cycles never come back; on, they all do."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from sqla_leaklint.config import Settings
from sqla_leaklint.linter import run as linter
from sqla_leaklint.linter.discovery import discover
from tests.proofs.databases import PROJECT, SQLite
from tests.proofs.harness import Proof, compare

RULE = "LKS612"
OUT = "connections out after 4 requests that forget a session"
KEPT = "rows kept after 10 requests that load 20 accounts"

_APPLICATION = """\
import gc

from fastapi import FastAPI
from sqlalchemy import func, select
from sqlalchemy.orm import selectinload

from database import SessionLocal, engine
from models import Account, Post
from served import ask, noted

app = FastAPI()
{switch}

@app.get("/count")
def count():
    session = SessionLocal()
    return session.scalar(select(func.count()).select_from(Account))


@app.get("/posts")
def posts():
    with SessionLocal() as session:
        accounts = session.scalars(select(Account).options(selectinload(Account.posts)).limit(20)).all()
        return sum(post.account is account for account in accounts for post in account.posts)


@app.get("/work")
def work():
    return len([[number] for number in range(300_000)])


async def measured():
    if noted:  # the state in which the process starts is that of the first call
        return None
    counts = await ask(app, *["/count"] * 4)
    work = await ask(app, "/work")
    noted["{out}"] = engine.pool.checkedout()
    sums = [(await ask(app, "/posts"))[0] for _ in range({loads})]
    work += await ask(app, "/work")
    if sums:
        noted["{kept}"] = sum(isinstance(each, Account | Post) for each in gc.get_objects())
    return [counts, sums, work]
"""
_CALL = "__import__('gc').enable() or measured()"
"""Programs start with the collector on; these are measured as their application leaves it."""

_DISABLING = """

@app.on_event("startup")
def tune():
    gc.disable()

"""
_FREEZING = """

@app.middleware("http")
async def freeze(request, call_next):
    response = await call_next(request)
    gc.freeze()
    return response

"""


def _proof(claim: str, switch: str, loads: int = 10) -> Proof:
    program, remedy = (_APPLICATION.format(switch=text, loads=loads, out=OUT, kept=KEPT) for text in (switch, ""))
    return Proof(RULE, claim, program, _CALL, repeats=2, remedy=remedy)


PROOFS = (
    _proof("`gc.disable()` at the start of the application", _DISABLING),
    # What is listed of a frozen heap is nothing: only its connections can be counted.
    _proof("`gc.freeze()` after each request", _FREEZING, loads=0),
)


def reported(text: str, directory: Path) -> int:
    """How often the rule reports a program that stands alone: the instruments beside it collect now and then."""
    for name in ("database.py", "models.py"):
        shutil.copy(PROJECT / name, directory)
    (directory / "pyproject.toml").touch()
    (directory / "program.py").write_text(text, encoding="utf-8")
    settings = Settings(select=(RULE,))
    return len(linter.run(list(discover([str(directory)], lambda _: settings)), lambda _: settings).diagnostics)


@pytest.mark.slow
@pytest.mark.parametrize("proof", PROOFS, ids=lambda proof: proof.claim)
def test_what_the_collector_would_give_back_is_kept(proof: Proof, sqlite: SQLite, tmp_path: Path) -> None:
    assert proof.remedy is not None
    assert reported(proof.program, tmp_path) == 1
    assert reported(proof.remedy, tmp_path) == 0

    comparison = compare(proof, sqlite)
    leaking, fixed = comparison.leaking, comparison.fixed
    assert fixed.result == leaking.result
    assert leaking.noted[OUT] >= 1  # a collection may come between a request and the freeze
    assert fixed.noted[OUT] == 0
    if KEPT in leaking.noted:
        assert leaking.noted[KEPT] > 400
        assert fixed.noted[KEPT] < leaking.noted[KEPT] / 3
