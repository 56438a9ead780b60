"""What the database chooses or reckons is all that comes: the same rows and figures, and not the whole table."""

from __future__ import annotations

import pytest

from tests.proofs.databases import Database
from tests.proofs.harness import Proof, compare

RULE = "LKS206"

PROOFS = (
    Proof(
        RULE,
        "a comprehension keeps one row of a hundred",
        """\
        from sqlalchemy import select

        from database import SessionLocal
        from models import Post


        def last_posts(after):
            with SessionLocal() as session:
                posts = session.scalars(select(Post).order_by(Post.id)).all()
                return [post.title for post in posts if post.id > after and post.title != ""]
        """,
        "last_posts(3960)",
    ),
    Proof(
        RULE,
        "the same with asyncio and a list of values",
        """\
        from sqlalchemy import select

        from async_database import AsyncSessionLocal
        from models import Post


        async def named(titles):
            async with AsyncSessionLocal() as session:
                posts = (await session.scalars(select(Post).order_by(Post.id))).all()
                return [post.body for post in posts if post.title in titles]
        """,
        "named(['Post 7', 'Post 9'])",
    ),
    Proof(
        RULE,
        "a sum and a maximum",
        """\
        from database import SessionLocal
        from models import Post


        def figures():
            with SessionLocal() as session:
                posts = session.query(Post).all()
                return sum(post.account_id for post in posts), max(post.id for post in posts)
        """,
        "figures()",
        remedy="""\
        from sqlalchemy import func, select

        from database import SessionLocal
        from models import Post


        def figures():
            with SessionLocal() as session:
                total, last = session.execute(select(func.sum(Post.account_id), func.max(Post.id))).one()
                return total, last
        """,
    ),
    Proof(
        RULE,
        "a look for one value among all",
        """\
        from sqlalchemy import select

        from database import SessionLocal
        from models import Post


        def is_taken(title):
            with SessionLocal() as session:
                titles = session.scalars(select(Post.title)).all()
                return title in titles
        """,
        "is_taken('Post 3999')",
        remedy="""\
        from sqlalchemy import exists, select

        from database import SessionLocal
        from models import Post


        def is_taken(title):
            with SessionLocal() as session:
                return session.scalar(select(exists().where(Post.title == title)))
        """,
    ),
)


@pytest.mark.parametrize("proof", PROOFS, ids=lambda proof: proof.claim)
def test_only_what_is_wanted_comes(proof: Proof, database: Database) -> None:
    comparison = compare(proof, database)
    leaking, fixed = comparison.leaking, comparison.fixed

    assert fixed.result == leaking.result
    assert fixed.statements == leaking.statements == 1
    assert leaking.rows == 4000
    assert fixed.rows <= 40
    assert (fixed.held, fixed.failures) == (leaking.held, leaking.failures) == (0, 0)
    assert fixed.peak * 10 < leaking.peak
