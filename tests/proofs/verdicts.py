"""What the proofs about connections claim of every program alike."""

from __future__ import annotations

from tests.proofs.harness import Comparison


def assert_connections_are_given_back(comparison: Comparison) -> None:
    """The leaking program exhausts its pool of five, and the next calls time out; the fixed one holds nothing."""
    leaking, fixed = comparison.leaking, comparison.fixed

    assert leaking.held == 5, "the pool is not exhausted: the program does not leak"
    assert leaking.failures == comparison.proof.repeats - 5
    assert leaking.errors == ("TimeoutError",)
    assert leaking.idle in (None, 5)

    assert (fixed.held, fixed.failures, fixed.errors) == (0, 0, ())
    assert fixed.idle in (None, 0)


def assert_the_rest_stays_in_the_database(comparison: Comparison) -> None:
    """The leaking program brings thousands of rows for one answer; the fixed one a few, by as many statements."""
    leaking, fixed = comparison.leaking, comparison.fixed

    assert fixed.result == leaking.result
    assert fixed.statements == leaking.statements
    assert fixed.rows <= 12
    assert leaking.rows >= 2000
    assert (fixed.held, fixed.failures) == (leaking.held, leaking.failures) == (0, 0)
    assert fixed.peak * 10 < leaking.peak
