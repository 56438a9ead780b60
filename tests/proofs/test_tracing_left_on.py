"""A program that traces its allocations from the start on is slower and larger; its answers are the same without."""

from __future__ import annotations

import pytest

from tests.proofs.databases import SQLite
from tests.proofs.harness import Proof, compare, reported

RULE = "LKS701"
TIME = "processor time for an answer (ms)"
MEMORY = "memory of the process for 40,000 entries (KiB)"

_APPLICATION = """\
import resource
import sys
import time
import tracemalloc

from fastapi import FastAPI

from served import ask, noted

{start}app = FastAPI()
kept = []


@app.get("/index")
async def index():
    kept.append([(number, str(number)) for number in range(40_000)])
    return len(kept[-1])


def size():
    used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return used // 1024 if sys.platform == "darwin" else used


async def measured():
    if noted:  # the first call counts; the others are traced by whoever measures them
        return None
    await ask(app, "/nothing")
    before, start = size(), time.process_time()
    answers = await ask(app, "/index")
    noted["{time}"] = round((time.process_time() - start) * 1000)
    noted["{memory}"] = size() - before
    return answers
"""


def _program(frames: str) -> str:
    return _APPLICATION.format(start=f"tracemalloc.start({frames})\n", time=TIME, memory=MEMORY)


_REMEDY = _APPLICATION.format(start="", time=TIME, memory=MEMORY)

PROOFS = (
    Proof(RULE, "`tracemalloc.start()` at import", _program(""), "measured()", repeats=2, remedy=_REMEDY),
    Proof(RULE, "`tracemalloc.start(25)` at import", _program("25"), "measured()", repeats=2, remedy=_REMEDY),
)


@pytest.mark.parametrize("proof", PROOFS, ids=lambda proof: proof.claim)
def test_a_traced_program_is_slower_and_larger(proof: Proof, sqlite: SQLite) -> None:
    pytest.importorskip("resource")
    assert len(reported(proof.program, proof)) == 1
    assert not reported(_REMEDY, proof)

    comparison = compare(proof, sqlite)
    leaking, fixed = comparison.leaking, comparison.fixed
    assert fixed.result == leaking.result == '[[200, "40000"]]'
    assert leaking.noted[TIME] > 1.3 * fixed.noted[TIME]
    assert leaking.noted[MEMORY] > 1.5 * fixed.noted[MEMORY]
