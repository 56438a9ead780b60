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


async def serve(requests=15):
    \"\"\"The answers to two requests, after many that fail; notes what is kept of each.\"\"\"
    noted["{KEPT}"] = await kept(app, ["/0"] * requests, warm=5)
    return await ask(app, "/0", "/1")
"""


_SERVE_EACH = """


async def serve_each(cases):
    if not noted:  # the first call counts
        noted["handler"] = await kept(app, ["/0"] * 15, warm=5)
        for number in range(cases):
            noted[f"case{number}"] = await kept(app, [f"/case{number}/0"] * 15, warm=5)
"""


def _program(text: str) -> str:
    return f"{_HEAD}\n\n{dedent(text)}{_SERVE}"


_FAILURE = """\
@dataclass
class Failure:
    number: int
    error: Exception
"""


def _endpoint(line: str, path: str = "") -> str:
    return f"""

@app.get("{path}/{{number}}")
def read(number: int):
    try:
        return average(number)
    except ZeroDivisionError as error:
        {line}
        return None
"""


def _storing(line: str) -> str:
    return _program(_FAILURE + _endpoint(line))


_MIDDLEWARE = _program("""\
@app.middleware("http")
async def guard(request, call_next):
    try:
        return await call_next(request)
    except ZeroDivisionError as error:
        errors.append(error)
        return PlainTextResponse("no")


@app.get("/{number}")
def read(number: int):
    return average(number)
""")

_HANDLER = _program("""\
@app.exception_handler(ZeroDivisionError)
def handle(request, error):
    errors.append(error)
    return PlainTextResponse("no")


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
def test_what_is_reported_keeps_the_rows_and_nothing_else_does(sqlite: SQLite) -> None:
    handled = _HANDLER.removesuffix(_SERVE)
    assert all(reported(_storing(line), PROOFS[0]) for line in REPORTED)
    assert reported(_HANDLER + _FAILURE + "".join(map(_endpoint, SILENT)), PROOFS[0]) == []

    lines = (*REPORTED, *SILENT)
    endpoints = "".join(_endpoint(line, f"/case{number}") for number, line in enumerate(lines))
    program = f"{handled}\n\n{_FAILURE}{endpoints}{_SERVE_EACH}"
    proof = Proof(RULE, "each line", program, f"serve_each({len(lines)})", repeats=2, remedy=program)
    metrics, _ = run(program, proof, sqlite)
    held = {line: metrics.noted[f"case{number}"] for number, line in enumerate(lines)}
    assert [line for line, size in held.items() if size > 100_000] == list(REPORTED)
    assert [line for line, size in held.items() if size < 10_000] == list(SILENT)
    # The application takes the traceback off what it gives to its handlers.
    assert metrics.noted["handler"] < 10_000
