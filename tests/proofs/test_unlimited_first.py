"""A LIMIT brings the one row that is wanted: the same result, and not every row of the table with it."""

from __future__ import annotations

import pytest

from tests.proofs.databases import Database
from tests.proofs.harness import Proof, compare
from tests.proofs.verdicts import assert_the_rest_stays_in_the_database

RULE = "LKS212"
ROWS = 20_000

PROOFS = (
    Proof(
        RULE,
        "the latest account, by `scalars().first()`",
        """\
        from sqlalchemy import select

        from database import SessionLocal
        from models import Account


        def latest():
            with SessionLocal() as session:
                return session.scalars(select(Account).order_by(Account.created_at.desc())).first().email
        """,
        "latest()",
        repeats=2,
        at_scale=True,
    ),
    Proof(
        RULE,
        f"the latest of {ROWS:,} rows, by `scalars().first()`",
        f"""\
        from crowd import posts
        from sqlalchemy import select

        from database import SessionLocal
        from models import Post

        posts({ROWS})


        def latest():
            with SessionLocal() as session:
                post = session.scalars(select(Post).order_by(Post.published_at.desc(), Post.id)).first()
                return post.title
        """,
        "latest()",
        repeats=2,
    ),
    Proof(
        RULE,
        f"whether there are any, by `session.scalar()`, of {ROWS:,} rows",
        f"""\
        from crowd import posts
        from sqlalchemy import select

        from database import SessionLocal
        from models import Post

        posts({ROWS})


        def is_any_later(key):
            with SessionLocal() as session:
                return session.scalar(select(Post).where(Post.id > key)) is not None


        def answers():
            return [is_any_later(100), is_any_later(10**9)]
        """,
        "answers()",
        repeats=2,
    ),
    Proof(
        RULE,
        "one row or none, where there are several",
        f"""\
        from crowd import posts
        from sqlalchemy import select
        from sqlalchemy.exc import MultipleResultsFound

        from database import SessionLocal
        from models import Post

        posts({ROWS})


        def only():
            with SessionLocal() as session:
                try:
                    return session.execute(select(Post)).scalar_one_or_none()
                except MultipleResultsFound as error:
                    return str(error)
        """,
        "only()",
        repeats=2,
    ),
    Proof(
        RULE,
        "with asyncio, and a collection that is loaded by a join",
        f"""\
        from crowd import posts
        from sqlalchemy import select
        from sqlalchemy.orm import joinedload

        from async_database import AsyncSessionLocal
        from models import Account

        posts({ROWS})


        async def newest():
            async with AsyncSessionLocal() as session:
                query = select(Account).options(joinedload(Account.posts)).order_by(Account.id.desc())
                account = (await session.execute(query)).unique().scalars().first()
                return account.name, len(account.posts)
        """,
        "newest()",
        repeats=2,
    ),
)


@pytest.mark.slow
@pytest.mark.parametrize("proof", PROOFS, ids=lambda proof: proof.claim)
def test_no_more_rows_than_are_looked_at(proof: Proof, database: Database) -> None:
    comparison = compare(proof, database)
    assert ".limit(" in comparison.remedy
    assert_the_rest_stays_in_the_database(comparison)
