"""What a kept exception holds, and what its text does."""

from __future__ import annotations

from textwrap import dedent

import pytest

from tests.proofs.databases import SQLite
from tests.proofs.harness import Proof, compare, reported, run

RULE = "LKS611"
KEPT = "bytes kept of an error"

_HEAD = """\
import sys
import traceback
from dataclasses import dataclass

from fastapi import FastAPI
from fastapi.responses import PlainTextResponse
from sqlalchemy import select

from database import SessionLocal
from models import Account
from served import ask, kept, noted

app = FastAPI()
errors = []


def average(number):
    with SessionLocal() as session:
        accounts = session.scalars(select(Account).limit(200)).all()
        return sum(account.id for account in accounts) / number
"""

_SERVE = f"""\


async def serve(requests=40):
    \"\"\"The answers to two requests, after many that fail; notes what is kept of each.\"\"\"
    noted["{KEPT}"] = await kept(app, ["/0"] * requests, warm=10)
    return await ask(app, "/0", "/1")
"""


def _program(text: str) -> str:
    return f"{_HEAD}\n\n{dedent(text)}{_SERVE}"


def _storing(line: str) -> str:
    return _program(f"""\
@dataclass
class Failure:
    number: int
    error: Exception


@app.get("/{{number}}")
def read(number: int):
    try:
        return average(number)
    except ZeroDivisionError as error:
        {line}
        return None
""")


_MIDDLEWARE = _program("""\
@app.middleware("http")
async def guard(request, call_next):
    try:
        return await call_next(request)
    except ZeroDivisionError as error:
        errors.append(error)
        return PlainTextResponse("no", 500)


@app.get("/{number}")
def read(number: int):
    return average(number)
""")

_HANDLER = _program("""\
@app.exception_handler(ZeroDivisionError)
def handle(request, error):
    errors.append(error)
    return PlainTextResponse("no", 400)


@app.get("/{number}")
def read(number: int):
    return average(number)
""")

PROOFS = (
    Proof(
        RULE,
        "an endpoint appends the exception to a list, or its text",
        _storing("errors.append(error)"),
        "serve()",
        repeats=2,
        remedy=_storing("errors.append(str(error))"),
    ),
    Proof(
        RULE,
        "a middleware appends it, or its formatted traceback",
        _MIDDLEWARE,
        "serve()",
        repeats=2,
        remedy=_MIDDLEWARE.replace("errors.append(error)", "errors.append(traceback.format_exc())"),
    ),
)

REPORTED = (
    "errors.append((number, error))",
    "errors.append(Failure(number, error))",
    "errors.append(sys.exc_info())",
    "errors.append(error.__traceback__)",
)
SILENT = (
    "errors.append(repr(error))",
    "errors.append(type(error))",
    "errors.append(error.args)",
    "errors.append(error.with_traceback(None))",
    "errors.append(traceback.format_exc())",
    "errors.append(traceback.TracebackException.from_exception(error))",
)


@pytest.mark.slow
@pytest.mark.parametrize("proof", PROOFS, ids=lambda proof: proof.claim)
def test_the_text_of_an_exception_holds_no_frames(proof: Proof, sqlite: SQLite) -> None:
    comparison = compare(proof, sqlite)
    leaking, fixed = comparison.leaking, comparison.fixed

    assert reported(proof.program, proof)
    assert reported(comparison.remedy, proof) == []
    assert fixed.result == leaking.result
    assert leaking.noted[KEPT] > 100_000
    assert fixed.noted[KEPT] < leaking.noted[KEPT] / 10


@pytest.mark.slow
@pytest.mark.parametrize("line", REPORTED)
def test_what_is_reported_keeps_the_rows(line: str, sqlite: SQLite) -> None:
    program = _storing(line)
    proof = Proof(RULE, line, program, "serve()", repeats=2, remedy=program)
    metrics, _ = run(program, proof, sqlite)
    assert metrics.noted[KEPT] > 100_000
    assert reported(program, proof)


@pytest.mark.slow
@pytest.mark.parametrize("line", SILENT)
def test_what_is_not_reported_keeps_no_rows(line: str, sqlite: SQLite) -> None:
    program = _storing(line)
    proof = Proof(RULE, line, program, "serve()", repeats=2, remedy=program)
    metrics, _ = run(program, proof, sqlite)
    assert metrics.noted[KEPT] < 10_000
    assert reported(program, proof) == []


@pytest.mark.slow
def test_the_application_takes_the_traceback_off_what_its_handlers_are_given(sqlite: SQLite) -> None:
    proof = Proof(RULE, "an exception handler", _HANDLER, "serve()", repeats=2, remedy=_HANDLER)
    metrics, _ = run(_HANDLER, proof, sqlite)
    assert metrics.noted[KEPT] < 10_000
    assert reported(_HANDLER, proof) == []
