"""A DataFrame that is read in parts costs a part, and the loop over its rows gives the same."""

from __future__ import annotations

import pytest

from tests.proofs.databases import Database
from tests.proofs.harness import Proof, compare

RULE = "LKS210"
ROWS = 40_000

PROOFS = (
    Proof(
        RULE,
        f"a loop over the rows of a table of {ROWS:,} rows",
        f"""\
        import pandas as pd
        from crowd import posts
        from sqlalchemy import select

        from database import engine
        from models import Post

        posts({ROWS})


        def characters():
            found = [0] * 7
            frame = pd.read_sql(select(Post.account_id, Post.title, Post.body), engine)
            for row in frame.itertuples():
                found[row.account_id % 7] += len(row.title) + len(row.body)
            return found
        """,
        "characters()",
        repeats=2,
    ),
)


@pytest.mark.slow
@pytest.mark.parametrize("proof", PROOFS, ids=lambda proof: proof.claim)
def test_parts_cost_less(proof: Proof, database: Database) -> None:
    comparison = compare(proof, database)
    leaking, fixed = comparison.leaking, comparison.fixed

    assert "chunksize=10000" in comparison.remedy
    assert fixed.result == leaking.result
    assert (fixed.statements, fixed.rows) == (leaking.statements, leaking.rows)
    assert (fixed.held, fixed.failures) == (leaking.held, leaking.failures) == (0, 0)
    assert fixed.peak * 2 < leaking.peak
