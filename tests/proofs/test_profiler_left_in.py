"""What a profiler's decorator costs an endpoint; and that the one which the environment switches costs nothing."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests.proofs.databases import SQLite
from tests.proofs.harness import Proof, compare

RULE = "LKS702"
TIME = "processor time for an answer (µs)"

_APPLICATION = """\
import contextlib
import io
import time

from fastapi import FastAPI
{imports}

from served import ask, noted

app = FastAPI()


{functions}

async def measured():
    await ask(app, "/total")
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        start = time.process_time()
        answers = await ask(app, "/total")
        noted["{time}"] = round((time.process_time() - start) * 1_000_000)
    noted["lines printed"] = printed.getvalue().count("\\n")
    return answers
"""


_ENDPOINT = """\
@app.get("/total")
{decorator}
{keyword} total():
    result = 0
    for number in range(2_000):
        result += number
    return result
"""
_HELPER = """\
@memory_profiler.profile(precision=3)
async def added(most):
    result = 0
    for number in range(most):
        result += number
    return result


@app.get("/total")
async def total():
    return await added(2_000)
"""


def _program(imports: str, functions: str) -> str:
    return _APPLICATION.format(imports=imports, functions=functions, time=TIME)


PROOFS = (
    Proof(
        RULE,
        "`memory_profiler.profile` on a `def` endpoint",
        _program("from memory_profiler import profile", _ENDPOINT.format(decorator="@profile", keyword="def")),
        "measured()",
        repeats=2,
    ),
    Proof(
        RULE,
        "`memory_profiler.profile` on a coroutine function that an endpoint awaits",
        _program("import memory_profiler", _HELPER),
        "measured()",
        repeats=2,
    ),
)

_UNKNOWN = Proof(
    RULE,
    "`memory_profiler.profile` on an `async def` endpoint",
    _program("from memory_profiler import profile", _ENDPOINT.format(decorator="@profile", keyword="async def")),
    "measured()",
    repeats=2,
)

_SWITCHED = """\
from line_profiler import LineProfiler, profile


def total():
    return sum(range(10))


print(profile(total) is total, LineProfiler()(total) is total)
"""


@pytest.mark.parametrize("proof", PROOFS, ids=lambda proof: proof.claim)
def test_an_endpoint_without_its_profiler_answers_at_once(proof: Proof, sqlite: SQLite) -> None:
    pytest.importorskip("memory_profiler")
    comparison = compare(proof, sqlite)
    leaking, fixed = comparison.leaking, comparison.fixed

    assert "profile" not in comparison.remedy
    assert fixed.result == leaking.result == '[[200, "1999000"]]'
    assert leaking.noted["lines printed"] > 5
    assert fixed.noted["lines printed"] == 0
    assert leaking.noted[TIME] > 3 * fixed.noted[TIME]


def test_an_async_endpoint_below_it_answers_nothing(sqlite: SQLite) -> None:
    """What `memory_profiler` makes of a coroutine function, FastAPI does not await."""
    pytest.importorskip("memory_profiler")
    comparison = compare(_UNKNOWN, sqlite)
    assert comparison.leaking.result == '[[200, ""]]'
    assert comparison.fixed.result == '[[200, "1999000"]]'


def test_the_decorator_of_line_profiler_does_nothing_by_itself() -> None:
    pytest.importorskip("line_profiler")
    environment = {name: value for name, value in os.environ.items() if name != "LINE_PROFILE"}
    done = subprocess.run(
        [sys.executable, "-c", _SWITCHED], env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["True", "False"]
