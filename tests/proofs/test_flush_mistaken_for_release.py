"""Flushing and collecting in a loop that reads rows frees nothing: without it, memory and the result are the same."""

from __future__ import annotations

import pytest

from tests.proofs.databases import Database
from tests.proofs.harness import Proof, compare

RULE = "LKS112"

PROOFS = (
    Proof(
        RULE,
        "a flush after each batch of 500 rows",
        """\
        from sqlalchemy import select

        from database import SessionLocal
        from models import Post


        def characters():
            total = 0
            with SessionLocal() as session:
                posts = session.scalars(select(Post).order_by(Post.id).execution_options(yield_per=500))
                for number, post in enumerate(posts, start=1):
                    total += len(post.title)
                    if number % 500 == 0:
                        session.flush()
            return total
        """,
        "characters()",
        repeats=2,
    ),
    Proof(
        RULE,
        "a flush and a collection after each batch, with asyncio",
        """\
        import gc

        from sqlalchemy import select

        from async_database import AsyncSessionLocal
        from models import Post


        async def characters():
            total = seen = 0
            async with AsyncSessionLocal() as session:
                query = select(Post).order_by(Post.id).execution_options(yield_per=500)
                async for post in await session.stream_scalars(query):
                    total += len(post.title)
                    seen += 1
                    if seen % 500 == 0:
                        await session.flush()
                        gc.collect()
            return total
        """,
        "characters()",
        repeats=2,
    ),
    Proof(
        RULE,
        "a flush where all rows are loaded at once",
        """\
        from database import SessionLocal
        from models import Post


        def characters():
            total = 0
            with SessionLocal() as session:
                for post in session.query(Post).order_by(Post.id).all():
                    total += len(post.title)
                    if post.id % 500 == 0:
                        session.flush()
            return total
        """,
        "characters()",
        repeats=2,
    ),
)


@pytest.mark.parametrize("proof", PROOFS, ids=lambda proof: proof.claim)
def test_nothing_is_freed(proof: Proof, database: Database) -> None:
    comparison = compare(proof, database)
    leaking, fixed = comparison.leaking, comparison.fixed

    assert "flush" not in comparison.remedy
    assert "collect" not in comparison.remedy
    assert fixed.result == leaking.result
    assert (fixed.statements, fixed.rows) == (leaking.statements, leaking.rows)
    assert (fixed.held, fixed.failures) == (leaking.held, leaking.failures) == (0, 0)
    assert fixed.peak * 10 < leaking.peak * 11
