"""What is called a stream loads every row before the first, unless `yield_per` says how many are to come at a time."""

from __future__ import annotations

import pytest

from tests.proofs.databases import Database
from tests.proofs.harness import Proof, compare

RULE = "LKS213"

PROOFS = (
    Proof(
        RULE,
        "`stream_scalars` of an async session",
        """\
        from sqlalchemy import select

        from async_database import AsyncSessionLocal
        from models import Post


        async def characters():
            total = 0
            async with AsyncSessionLocal() as session:
                posts = await session.stream_scalars(select(Post).order_by(Post.id))
                async for post in posts:
                    total += len(post.title) + len(post.body)
            return total
        """,
        "characters()",
        repeats=3,
    ),
    Proof(
        RULE,
        "`stream` of two columns",
        """\
        from sqlalchemy import select

        from async_database import AsyncSessionLocal
        from models import Post


        async def characters():
            total = 0
            async with AsyncSessionLocal() as session:
                rows = await session.stream(select(Post.title, Post.body).order_by(Post.id))
                async for title, body in rows:
                    total += len(title) + len(body)
            return total
        """,
        "characters()",
        repeats=3,
    ),
    Proof(
        RULE,
        "`partitions` of 250 rows",
        """\
        from sqlalchemy import select

        from database import SessionLocal
        from models import Post


        def characters():
            total = 0
            with SessionLocal() as session:
                for posts in session.scalars(select(Post).order_by(Post.id)).partitions(250):
                    total += sum(len(post.title) + len(post.body) for post in posts)
            return total
        """,
        "characters()",
        repeats=3,
    ),
    Proof(
        RULE,
        "`stream_results` alone",
        """\
        from sqlalchemy import select

        from database import SessionLocal
        from models import Post


        def characters():
            total = 0
            with SessionLocal() as session:
                query = select(Post).order_by(Post.id).execution_options(stream_results=True)
                for post in session.scalars(query):
                    total += len(post.title) + len(post.body)
            return total
        """,
        "characters()",
        repeats=3,
    ),
)


@pytest.mark.parametrize("proof", PROOFS, ids=lambda proof: proof.claim)
def test_only_yield_per_streams(proof: Proof, database: Database) -> None:
    comparison = compare(proof, database)
    leaking, fixed = comparison.leaking, comparison.fixed

    assert "yield_per=" in comparison.remedy
    assert fixed.result == leaking.result
    assert (fixed.statements, fixed.rows) == (leaking.statements, leaking.rows)
    assert (fixed.held, fixed.failures) == (leaking.held, leaking.failures) == (0, 0)
    assert fixed.peak * 3 < leaking.peak * 2
