"""The objects of requests that the memo of a method keeps, and the memo of each object, which goes with it."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent

import pytest

from tests.proofs.databases import SQLite
from tests.proofs.harness import Proof, compare, reported

RULE = "LKS603"
KEPT, ALIVE = "bytes kept of a request", "objects alive"

_PROGRAM = """\
import gc
from functools import {imported}

from fastapi import FastAPI

from served import ask, kept, noted

app = FastAPI()


class Report:
    def __init__(self, number):
        self.rows = [number] * 5_000
{methods}

@app.get("/reports/{{number}}")
def make(number: int):
    report = Report(number)
    return report.total(1) + report.total(1)


async def serve():
    found = await kept(app, ["/reports/1"] * 80)
    noted.setdefault("bytes kept of a request", found)  # later, a bounded memo is full
    gc.collect()
    noted["objects alive"] = sum(isinstance(each, Report) for each in gc.get_objects())
    return await ask(app, "/reports/1", "/reports/2")
"""

_MEMOISED = """
    @{memoiser}
    def total(self, factor):
        return sum(self.rows) * factor
"""

_OWN = """\
        self.total = lru_cache(maxsize=None)(self._total)

    def _total(self, factor):
        return sum(self.rows) * factor
"""

_REMEDY = _PROGRAM.format(imported="lru_cache", methods=_OWN)


def _proof(claim: str, imported: str, memoiser: str) -> Proof:
    program = _PROGRAM.format(imported=imported, methods=_MEMOISED.format(memoiser=memoiser))
    return Proof(RULE, claim, program, "serve()", repeats=2, remedy=_REMEDY)


PROOFS = (
    _proof("`cache` on a method of a report with 5,000 rows (160 requests)", "cache", "cache"),
    _proof("the same with `lru_cache`", "lru_cache", "lru_cache"),
)


@pytest.mark.parametrize("proof", PROOFS, ids=lambda proof: proof.claim)
def test_the_memo_of_a_method_keeps_the_objects(proof: Proof, tmp_path: Path) -> None:
    assert reported(dedent(proof.program), proof)
    assert reported(dedent(proof.remedy or ""), proof) == []
    comparison = compare(proof, SQLite(tmp_path))
    leaking, fixed = comparison.leaking, comparison.fixed

    assert fixed.result == leaking.result
    is_bounded = "lru_cache" in proof.claim
    assert leaking.noted[ALIVE] == 128 if is_bounded else leaking.noted[ALIVE] >= 160
    assert fixed.noted[ALIVE] == 0
    assert leaking.noted[KEPT] > 30_000
    assert fixed.noted[KEPT] < 4_000
