"""A program that traces its allocations from the start on is slower and larger; its answers are the same without."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.proofs.databases import SQLite
from tests.proofs.harness import Proof, compare, reported

RULE = "LKS701"
STATUS = Path("/proc/self/status")
TIME = "processor time for an answer (ms)"
MEMORY = "memory of the process for 20,000 entries (KiB)"

_APPLICATION = """\
import time
import tracemalloc
from pathlib import Path

from fastapi import FastAPI

from served import ask, noted

{start}app = FastAPI()
kept = []


@app.get("/index")
async def index():
    kept.append([(number, str(number)) for number in range(20_000)])
    return len(kept[-1])


def size():
    # What is resident now: the highest so far (`ru_maxrss`) begins with that of the process that started this one.
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0])


async def measured():
    if noted:  # the first call counts; the others are traced by whoever measures them
        return None
    await ask(app, "/nothing")
    before, times = size(), []
    for _ in range(2):
        start = time.process_time()
        answers = await ask(app, "/index")
        times.append(time.process_time() - start)
        if len(times) == 1:
            noted["{memory}"] = size() - before
    noted["{time}"] = round(min(times) * 1000)
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
    if not STATUS.exists():
        pytest.skip("the memory of a process is read from /proc")
    assert len(reported(proof.program, proof)) == 1
    assert not reported(_REMEDY, proof)

    comparison = compare(proof, sqlite)
    leaking, fixed = comparison.leaking, comparison.fixed
    assert fixed.result == leaking.result == '[[200, "20000"]]'
    assert leaking.noted[TIME] > fixed.noted[TIME] > 0
    assert leaking.noted[MEMORY] > 1.3 * fixed.noted[MEMORY] > 0
