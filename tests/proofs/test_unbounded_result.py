"""A table that is loaded at once is all in memory; read in batches, a batch of it is, and the result is the same."""

from __future__ import annotations

import pytest

from tests.proofs.databases import Database
from tests.proofs.harness import Proof, compare

RULE = "LKS201"

PROOFS = (
    Proof(
        RULE,
        "a job works through all posts",
        """\
        from sqlalchemy import select

        from database import SessionLocal
        from models import Post


        def characters_job():
            characters = [0] * 7
            with SessionLocal() as session:
                posts = session.scalars(select(Post).order_by(Post.id)).all()
                for post in posts:
                    characters[post.account_id % 7] += len(post.title) + len(post.body)
            return characters
        """,
        "characters_job()",
    ),
    Proof(
        RULE,
        "the same with a legacy query",
        """\
        from database import SessionLocal
        from models import Post


        def characters_job():
            characters = 0
            with SessionLocal() as session:
                for post in session.query(Post).filter(Post.title != "").order_by(Post.id).all():
                    characters += len(post.title) + len(post.body)
            return characters
        """,
        "characters_job()",
    ),
    Proof(
        RULE,
        "the same with asyncio",
        """\
        from sqlalchemy import select

        from async_database import AsyncSessionLocal
        from models import Post


        async def characters_job():
            characters = 0
            async with AsyncSessionLocal() as session:
                posts = (await session.scalars(select(Post).order_by(Post.id))).all()
                for post in posts:
                    characters += len(post.title) + len(post.body)
            return characters
        """,
        "characters_job()",
        remedy="""\
        from sqlalchemy import select

        from async_database import AsyncSessionLocal
        from models import Post


        async def characters_job():
            characters = 0
            async with AsyncSessionLocal() as session:
                query = select(Post).order_by(Post.id).execution_options(yield_per=500)
                async for post in await session.stream_scalars(query):
                    characters += len(post.title) + len(post.body)
            return characters
        """,
    ),
)


@pytest.mark.parametrize("proof", PROOFS, ids=lambda proof: proof.claim)
def test_a_stream_holds_one_batch(proof: Proof, database: Database) -> None:
    comparison = compare(proof, database)
    leaking, fixed = comparison.leaking, comparison.fixed

    assert fixed.result == leaking.result
    assert (fixed.statements, fixed.rows) == (leaking.statements, leaking.rows)
    assert (fixed.held, fixed.failures) == (leaking.held, leaking.failures) == (0, 0)
    assert fixed.peak * 5 < leaking.peak * 3
