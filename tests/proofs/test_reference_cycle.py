"""Objects in cycles stay until the collector comes, and go when it does; with a weak reference back they go at once."""

from __future__ import annotations

import pytest

from tests.proofs.databases import SQLite
from tests.proofs.harness import Proof, compare

RULE = "LKS609"
LATE = "lines alive without a collection"
AFTER = "lines alive after one"

_COUNTING = """

def built(number):
    report = Report()
    for line in range(number):
        report.add(f"line {line}")
    return [line.report is report for line in report.lines].count(True)


def measured():
    count = built(1_000)
    noted["lines alive without a collection"] = sum(isinstance(each, Line) for each in gc.get_objects())
    gc.collect()
    noted["lines alive after one"] = sum(isinstance(each, Line) for each in gc.get_objects())
    return count
"""

PROOFS = (
    Proof(
        RULE,
        "a report and its 1,000 lines",
        """\
import gc

from served import noted


class Report:
    def __init__(self):
        self.lines = []

    def add(self, text):
        self.lines.append(Line(self, text))


class Line:
    def __init__(self, report, text):
        self.report = report
        self.text = text
"""
        + _COUNTING,
        "measured()",
        repeats=2,
    ),
)


@pytest.mark.parametrize("proof", PROOFS, ids=lambda proof: proof.claim)
def test_a_cycle_is_no_leak_but_goes_late(proof: Proof, sqlite: SQLite) -> None:
    comparison = compare(proof, sqlite)
    leaking, fixed = comparison.leaking, comparison.fixed

    assert "ref(report)" in comparison.remedy
    assert fixed.result == leaking.result == "1000"
    assert (leaking.noted[LATE], leaking.noted[AFTER]) == (1_000, 0)
    assert (fixed.noted[LATE], fixed.noted[AFTER]) == (0, 0)
