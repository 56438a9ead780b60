"""What a profiler's decorator costs an endpoint; and that the one which the environment switches costs nothing."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from tests.proofs.databases import SQLite
from tests.proofs.harness import Proof, compare

RULE = "LKS702"
TIME = "processor time for an answer (µs)"
AWAITED = "that for an awaited function (µs)"

_PROGRAM = f"""\
import contextlib
import io
import time

import memory_profiler
from fastapi import FastAPI
from memory_profiler import profile

from served import ask, noted

app = FastAPI()


@app.get("/total")
@profile
def total():
    result = 0
    for number in range(2_000):
        result += number
    return result


@memory_profiler.profile(precision=3)
async def added(most):
    result = 0
    for number in range(most):
        result += number
    return result


@app.get("/awaited")
async def awaited():
    return await added(2_000)


@app.get("/async")
@profile
async def not_awaited():
    return 1_999_000


async def microseconds(path):
    with contextlib.redirect_stdout(io.StringIO()):
        start = time.process_time()
        await ask(app, path)
        return round((time.process_time() - start) * 1_000_000)


async def measured():
    if noted:
        return None
    await ask(app, "/total", "/awaited")
    noted["lines printed"] = 0
    for path, name in (("/total", "{TIME}"), ("/awaited", "{AWAITED}")):
        with contextlib.redirect_stdout(io.StringIO()) as printed:
            answers = await ask(app, path)
        noted["lines printed"] += printed.getvalue().count("\\n")
        noted[name] = min([await microseconds(path) for _ in range(3)])
    return answers + await ask(app, "/total", "/async")
"""

PROOFS = (
    Proof(
        RULE,
        "`memory_profiler.profile` on a `def` endpoint, on a coroutine function that one awaits, on an `async def` one",
        _PROGRAM,
        "measured()",
        repeats=2,
    ),
)

_SWITCHED = """\
from line_profiler import LineProfiler, profile


def total():
    return sum(range(10))


print(profile(total) is total, LineProfiler()(total) is total)
"""


@pytest.mark.parametrize("proof", PROOFS, ids=lambda proof: proof.claim)
def test_an_endpoint_without_its_profiler_answers_at_once(proof: Proof, sqlite: SQLite) -> None:
    """What `memory_profiler` makes of a coroutine function, FastAPI does not await: it answers nothing."""
    pytest.importorskip("memory_profiler")
    comparison = compare(proof, sqlite)
    leaking, fixed = comparison.leaking, comparison.fixed

    assert "profile" not in comparison.remedy
    assert json.loads(leaking.result) == [[200, "1999000"], [200, "1999000"], [200, ""]]
    assert json.loads(fixed.result) == [[200, "1999000"]] * 3
    assert leaking.noted["lines printed"] > 10
    assert fixed.noted["lines printed"] == 0
    for time in (TIME, AWAITED):
        assert leaking.noted[time] > 3 * fixed.noted[time]


def test_the_decorator_of_line_profiler_does_nothing_by_itself() -> None:
    pytest.importorskip("line_profiler")
    environment = {name: value for name, value in os.environ.items() if name != "LINE_PROFILE"}
    done = subprocess.run(
        [sys.executable, "-c", _SWITCHED], env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["True", "False"]
