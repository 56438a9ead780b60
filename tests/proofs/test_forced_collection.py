"""What one collection for every request costs all the others."""

from __future__ import annotations

import pytest

from tests.proofs.databases import SQLite
from tests.proofs.harness import Proof, compare

RULE = "LKS703"
WAIT = "others wait (ms)"

_HEAD = """\
import gc

from fastapi import FastAPI

from served import ask, longest_wait, noted

app = FastAPI()
index = {number: [str(number)] for number in range(200_000)}
"""
_TAIL = """

@app.get("/health")
async def health():
    return "ok"


async def measured():
    if noted:
        return None
    answers = await ask(app, "/report", "/report")
    noted["others wait (ms)"] = await longest_wait(app, "/health", *["/report"] * 3)
    return answers
"""

PROOFS = (
    Proof(
        RULE,
        "an endpoint collects when it is done, in a process of 200,000 objects",
        _HEAD
        + """

@app.get("/report")
def report():
    rows = [{"number": number} for number in range(2_000)]
    total = sum(row["number"] for row in rows)
    del rows
    gc.collect()
    return total
"""
        + _TAIL,
        "measured()",
        repeats=2,
    ),
    Proof(
        RULE,
        "a middleware collects after each request, in a process of 200,000 objects",
        _HEAD
        + """

@app.middleware("http")
async def collecting(request, call_next):
    response = await call_next(request)
    if request.url.path == "/report":
        gc.collect()
    return response


@app.get("/report")
def report():
    return sum(range(2_000))
"""
        + _TAIL,
        "measured()",
        repeats=2,
    ),
)


@pytest.mark.slow
@pytest.mark.parametrize("proof", PROOFS, ids=lambda proof: proof.claim)
def test_without_a_collection_nobody_waits(proof: Proof, sqlite: SQLite) -> None:
    comparison = compare(proof, sqlite)
    leaking, fixed = comparison.leaking, comparison.fixed

    assert "gc.collect()" not in comparison.remedy
    assert "import gc" not in comparison.remedy
    assert fixed.result == leaking.result == '[[200, "1999000"], [200, "1999000"]]'
    assert leaking.noted[WAIT] > 3 * fixed.noted[WAIT]
