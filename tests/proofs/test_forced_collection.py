"""What one collection for every request costs."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.proofs.databases import SQLite
from tests.proofs.harness import Proof, compare, fixed_text

RULE = "LKS703"
TIMES = {"/report": "processor time of 8 requests (ms)", "/watched": "of 8 below a middleware (ms)"}

_PROGRAM = f"""\
import gc
import time

from fastapi import FastAPI

from served import ask, noted

app = FastAPI()
index = {{number: [str(number)] for number in range(300_000)}}


@app.middleware("http")
async def collecting(request, call_next):
    response = await call_next(request)
    if request.url.path == "/watched":
        gc.collect()
    return response


@app.get("/watched")
def watched():
    return sum(range(2_000))


@app.get("/report")
def report():
    rows = [{{"number": number}} for number in range(2_000)]
    total = sum(row["number"] for row in rows)
    del rows
    gc.collect()
    return total


async def measured():
    if noted:
        return None
    answers = await ask(app, "/report", "/watched")
    for path, name in {TIMES}.items():
        noted[name] = min([await milliseconds(path) for _ in range(3)])  # other processes spoil the caches
    return answers


async def milliseconds(path):
    start = time.process_time()
    for _ in range(8):  # one after the other: who asks for a collection during one gets none
        await ask(app, path)
    return round((time.process_time() - start) * 1_000)
"""

PROOFS = (
    Proof(
        RULE,
        "an endpoint, and a middleware, collect after each request, in a process of 300,000 objects",
        _PROGRAM,
        "measured()",
        repeats=2,
    ),
)


@pytest.mark.slow
@pytest.mark.parametrize("proof", PROOFS, ids=lambda proof: proof.claim)
def test_without_a_collection_requests_cost_less(proof: Proof, sqlite: SQLite) -> None:
    comparison = compare(proof, sqlite)
    leaking, fixed = comparison.leaking, comparison.fixed

    assert "gc.collect()" not in comparison.remedy
    assert fixed.result == leaking.result == '[[200, "1999000"], [200, "1999000"]]'
    # Processor time: how long others wait hangs on what else the machine does.
    for time in TIMES.values():
        assert leaking.noted[time] > 3 * fixed.noted[time]


@pytest.mark.parametrize("proof", PROOFS, ids=lambda proof: proof.claim)
def test_the_import_goes_with_the_only_collection(proof: Proof) -> None:
    alone = replace(
        proof,
        program=proof.program.replace("        gc.collect()\n    return response", "        pass\n    return response"),
    )
    assert "import gc" in alone.program
    assert "import gc" not in fixed_text(alone)
