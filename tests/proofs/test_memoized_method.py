"""The objects of requests that the memo of a method keeps, and the memo of each object, which goes with it."""

from __future__ import annotations

import pytest

from tests.proofs.databases import SQLite
from tests.proofs.harness import Proof, compare, reported

RULE = "LKS603"
KEPT, ALIVE, BOUNDED = "bytes kept of a request", "objects alive by `cache`", "objects alive by `lru_cache`"

_PROGRAM = """\
import gc
from functools import cache, lru_cache

from fastapi import FastAPI

from served import ask, kept, noted

app = FastAPI()


class Report:
    def __init__(self, number):
        self.rows = [number] * 5_000
{report}

class Bounded:
    def __init__(self, number):
        self.rows = [number] * 500
{bounded}

@app.get("/reports/{{number}}")
def make(number: int):
    report = Report(number)
    return report.total(1) + report.total(1)


@app.get("/bounded/{{number}}")
def make_bounded(number: int):
    report = Bounded(number)
    return report.total(1) + report.total(1)


async def serve():
    if not noted:
        noted["{kept}"] = await kept(app, ["/reports/1"] * 40)
        await kept(app, ["/bounded/1"] * 140, warm=139)
        gc.collect()
        noted["{alive}"] = sum(isinstance(each, Report) for each in gc.get_objects())
        noted["{bounded_alive}"] = sum(isinstance(each, Bounded) for each in gc.get_objects())
    return await ask(app, "/reports/1", "/bounded/2")
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


def _program(report: str, bounded: str) -> str:
    return _PROGRAM.format(report=report, bounded=bounded, kept=KEPT, alive=ALIVE, bounded_alive=BOUNDED)


PROOFS = (
    Proof(
        RULE,
        "`cache` on a method of 5,000 rows (40 requests), `lru_cache` on another (140)",
        _program(_MEMOISED.format(memoiser="cache"), _MEMOISED.format(memoiser="lru_cache")),
        "serve()",
        repeats=2,
        remedy=_program(_OWN, _OWN),
    ),
)


@pytest.mark.parametrize("proof", PROOFS, ids=lambda proof: proof.claim)
def test_the_memo_of_a_method_keeps_the_objects(proof: Proof, sqlite: SQLite) -> None:
    assert len(reported(proof.program, proof)) == 2
    assert reported(proof.remedy or "", proof) == []
    comparison = compare(proof, sqlite)
    leaking, fixed = comparison.leaking, comparison.fixed

    assert fixed.result == leaking.result
    assert (leaking.noted[ALIVE], leaking.noted[BOUNDED]) == (40, 128)
    assert (fixed.noted[ALIVE], fixed.noted[BOUNDED]) == (0, 0)
    assert leaking.noted[KEPT] > 30_000
    assert fixed.noted[KEPT] < leaking.noted[KEPT] / 3
