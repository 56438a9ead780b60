"""A query for each row of another one: as many round trips as rows; one statement for all of them brings the same."""

from __future__ import annotations

from textwrap import dedent

import pytest

from tests.proofs.databases import Database
from tests.proofs.harness import Proof, compare, reported

RULE = "LKS302"
ROWS = 200

PROOFS = (
    Proof(
        RULE,
        "the author of each of 200 posts",
        """\
        from sqlalchemy import select

        from database import SessionLocal
        from models import Account, Post


        def authors():
            found = []
            with SessionLocal() as session:
                for post in session.scalars(select(Post).where(Post.id <= 200).order_by(Post.id)).all():
                    author = session.scalars(select(Account).where(Account.id == post.account_id)).one()
                    found.append([post.title, author.name])
            return found
        """,
        "authors()",
        repeats=3,
        remedy="""\
        from sqlalchemy import select

        from database import SessionLocal
        from models import Account, Post


        def authors():
            query = select(Post.title, Account.name).join(Account, Account.id == Post.account_id)
            with SessionLocal() as session:
                return [list(row) for row in session.execute(query.where(Post.id <= 200).order_by(Post.id))]
        """,
    ),
    Proof(
        RULE,
        "a count for each row, through a function",
        """\
        from database import SessionLocal
        from models import Post


        def number_of_posts(session, account_id):
            return session.query(Post).filter(Post.account_id == account_id).count()


        def numbers():
            with SessionLocal() as session:
                posts = session.query(Post).filter(Post.id <= 200).order_by(Post.id).all()
                return [number_of_posts(session, post.account_id) for post in posts]
        """,
        "numbers()",
        repeats=3,
        remedy="""\
        from sqlalchemy import func, select

        from database import SessionLocal
        from models import Post


        def numbers():
            with SessionLocal() as session:
                keys = session.scalars(select(Post.account_id).where(Post.id <= 200).order_by(Post.id)).all()
                counted = select(Post.account_id, func.count()).where(Post.account_id.in_(keys))
                by_account = dict(tuple(row) for row in session.execute(counted.group_by(Post.account_id)))
                return [by_account[key] for key in keys]
        """,
    ),
    Proof(
        RULE,
        "with asyncio",
        """\
        from sqlalchemy import select

        from async_database import AsyncSessionLocal
        from models import Account, Post


        async def authors():
            found = []
            async with AsyncSessionLocal() as session:
                posts = (await session.scalars(select(Post).where(Post.id <= 200).order_by(Post.id))).all()
                for post in posts:
                    found.append(await session.scalar(select(Account.name).where(Account.id == post.account_id)))
            return found
        """,
        "authors()",
        repeats=3,
        remedy="""\
        from sqlalchemy import select
        from sqlalchemy.orm import selectinload

        from async_database import AsyncSessionLocal
        from models import Account, Post


        async def authors():
            query = select(Post).where(Post.id <= 200).order_by(Post.id).options(selectinload(Post.account))
            async with AsyncSessionLocal() as session:
                return [post.account.name for post in await session.scalars(query)]
        """,
    ),
    Proof(
        RULE,
        "the same query again for each row",
        """\
        from sqlalchemy import select

        from database import SessionLocal
        from models import Country, Post


        def labels():
            found = []
            with SessionLocal() as session:
                for post in session.scalars(select(Post).where(Post.id <= 200).order_by(Post.id)).all():
                    country = session.scalars(select(Country).where(Country.code == "DE")).one()
                    found.append(post.title + country.name)
            return found
        """,
        "labels()",
        repeats=3,
        remedy="""\
        from sqlalchemy import select

        from database import SessionLocal
        from models import Country, Post


        def labels():
            with SessionLocal() as session:
                country = session.scalars(select(Country).where(Country.code == "DE")).one()
                posts = session.scalars(select(Post).where(Post.id <= 200).order_by(Post.id))
                return [post.title + country.name for post in posts]
        """,
    ),
)


@pytest.mark.parametrize("proof", PROOFS, ids=lambda proof: proof.claim)
def test_one_statement_brings_what_all_rows_need(proof: Proof, database: Database) -> None:
    comparison = compare(proof, database)
    leaking, fixed = comparison.leaking, comparison.fixed

    assert leaking.result == fixed.result
    assert leaking.statements == ROWS + 1
    assert fixed.statements <= 2
    assert (fixed.held, fixed.failures) == (0, 0)


@pytest.mark.parametrize("proof", PROOFS, ids=lambda proof: proof.claim)
def test_the_remedy_is_not_reported(proof: Proof) -> None:
    assert proof.remedy is not None
    assert len(reported(dedent(proof.program), proof)) == 1
    assert reported(dedent(proof.remedy), proof) == []
