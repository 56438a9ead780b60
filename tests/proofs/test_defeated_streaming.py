"""A list of what is streamed holds every row; and an async session that is to stream by `execute` only raises."""

from __future__ import annotations

import pytest

from tests.proofs.databases import Database
from tests.proofs.harness import Proof, compare

RULE = "LKS207"

LISTS = (
    Proof(
        RULE,
        "`all()` of a select with `yield_per`",
        """\
        from sqlalchemy import select

        from database import SessionLocal
        from models import Post


        def characters():
            total = 0
            with SessionLocal() as session:
                for post in session.scalars(select(Post).order_by(Post.id).execution_options(yield_per=250)).all():
                    total += len(post.title) + len(post.body)
            return total
        """,
        "characters()",
        repeats=3,
    ),
    Proof(
        RULE,
        "`list()` of a legacy query with `yield_per`",
        """\
        from database import SessionLocal
        from models import Post


        def characters():
            with SessionLocal() as session:
                posts = session.query(Post).order_by(Post.id)
                total = 0
                for post in list(posts.yield_per(250)):
                    total += len(post.title) + len(post.body)
            return total
        """,
        "characters()",
        repeats=3,
    ),
)
METHODS = (
    Proof(
        RULE,
        "`yield_per` with `AsyncSession.scalars()`: loads all, then raises",
        """\
        from sqlalchemy import select

        from async_database import AsyncSessionLocal
        from models import Post


        async def characters():
            total = 0
            async with AsyncSessionLocal() as session:
                try:
                    posts = await session.scalars(select(Post).order_by(Post.id).execution_options(yield_per=250))
                    for post in posts:
                        total += len(post.title) + len(post.body)
                except Exception as error:
                    return type(error).__name__
            return total
        """,
        "characters()",
        repeats=3,
    ),
)
PROOFS = (*LISTS, *METHODS)


@pytest.mark.parametrize("proof", LISTS, ids=lambda proof: proof.claim)
def test_a_list_holds_every_row(proof: Proof, database: Database) -> None:
    comparison = compare(proof, database)
    leaking, fixed = comparison.leaking, comparison.fixed

    assert fixed.result == leaking.result
    assert (fixed.statements, fixed.rows) == (leaking.statements, leaking.rows)
    assert (fixed.held, fixed.failures) == (leaking.held, leaking.failures) == (0, 0)
    assert fixed.peak * 3 < leaking.peak * 2


@pytest.mark.parametrize("proof", METHODS, ids=lambda proof: proof.claim)
def test_only_stream_streams(proof: Proof, database: Database) -> None:
    comparison = compare(proof, database)
    leaking, fixed = comparison.leaking, comparison.fixed

    assert leaking.result == '"AsyncMethodRequired"'
    assert int(fixed.result) > 0
    assert leaking.rows >= fixed.rows > 0
    assert (fixed.held, fixed.failures) == (0, 0)
    assert fixed.peak * 3 < leaking.peak * 2
