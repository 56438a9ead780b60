"""The first rows are all that is sent: the same rows, and not the others."""

from __future__ import annotations

import pytest

from tests.proofs.databases import Database
from tests.proofs.harness import Proof, compare
from tests.proofs.verdicts import assert_the_rest_stays_in_the_database

RULE = "LKS205"
ROWS = 20_000

PROOFS = (
    Proof(
        RULE,
        "the ten latest accounts, by `[:10]`",
        """\
        from sqlalchemy import select

        from database import SessionLocal
        from models import Account


        def latest():
            with SessionLocal() as session:
                accounts = session.scalars(select(Account).order_by(Account.created_at.desc())).all()[:10]
                return [account.email for account in accounts]
        """,
        "latest()",
        repeats=2,
        at_scale=True,
    ),
    Proof(
        RULE,
        f"the first of {ROWS:,} rows, by a name",
        f"""\
        from crowd import posts

        from database import SessionLocal
        from models import Post

        posts({ROWS})


        def latest(key):
            with SessionLocal() as session:
                rows = session.query(Post).filter(Post.id > key).order_by(Post.published_at.desc(), Post.id).all()
                if not rows:
                    return None
                return rows[0].title


        def answers():
            return [latest(0), latest(10**9)]
        """,
        "answers()",
        repeats=2,
    ),
    Proof(
        RULE,
        "ten rows of a statement, and one of a join that repeats entities",
        f"""\
        from crowd import posts
        from sqlalchemy import select

        from database import SessionLocal
        from models import Account, Post

        posts({ROWS})


        def answers(number=10):
            with SessionLocal() as session:
                few = session.scalars(select(Post.title).order_by(Post.id)).all()[:number]
                one = session.query(Account).join(Account.posts).order_by(Account.id.desc(), Post.id).all()[0]
                return list(few), one.name
        """,
        "answers()",
        repeats=2,
    ),
    Proof(
        RULE,
        "with asyncio, by an iterator",
        f"""\
        from crowd import posts
        from sqlalchemy import select

        from async_database import AsyncSessionLocal
        from models import Post

        posts({ROWS})


        async def first():
            async with AsyncSessionLocal() as session:
                result = await session.execute(select(Post).order_by(Post.id))
                post = next(iter(result.scalars().all()), None)
                return post.title
        """,
        "first()",
        repeats=2,
    ),
)


@pytest.mark.slow
@pytest.mark.parametrize("proof", PROOFS, ids=lambda proof: proof.claim)
def test_the_rest_stays_in_the_database(proof: Proof, database: Database) -> None:
    comparison = compare(proof, database)
    assert ".limit(" in comparison.remedy
    assert_the_rest_stays_in_the_database(comparison)
