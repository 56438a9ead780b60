"""A session that is used after it was closed keeps its connection, and what is not loaded of its entities raises."""

from __future__ import annotations

import json

import pytest

from tests.proofs.databases import Database
from tests.proofs.harness import Proof, compare
from tests.proofs.verdicts import assert_connections_are_given_back

RULE = "LKS107"

PROOFS = (
    Proof(
        RULE,
        "used after its `with` block",
        """\
        from sqlalchemy import func, select

        from database import SessionLocal
        from models import Account, Post


        def posts_of(number):
            with SessionLocal() as session:
                account = session.get(Account, number)
            posts = session.scalar(select(func.count()).where(Post.account_id == number))
            return [account.name, posts]
        """,
        "posts_of(1)",
        remedy="""\
        from sqlalchemy import func, select

        from database import SessionLocal
        from models import Account, Post


        def posts_of(number):
            with SessionLocal() as session:
                account = session.get(Account, number)
                posts = session.scalar(select(func.count()).where(Post.account_id == number))
            return [account.name, posts]
        """,
    ),
    Proof(
        RULE,
        "used after a helper has closed it",
        """\
        from database import SessionLocal
        from models import Account


        def finish(session):
            session.commit()
            session.close()


        def rename(number, name):
            session = SessionLocal()
            account = session.get(Account, number)
            account.name = name
            finish(session)
            return session.get(Account, number).name
        """,
        "rename(1, 'Ada')",
        remedy="""\
        from database import SessionLocal
        from models import Account


        def finish(session):
            session.commit()
            session.close()


        def rename(number, name):
            session = SessionLocal()
            account = session.get(Account, number)
            account.name = name
            session.flush()
            renamed = session.get(Account, number).name
            finish(session)
            return renamed
        """,
    ),
    Proof(
        RULE,
        "the same with asyncio, after `async with`",
        """\
        from async_database import AsyncSessionLocal
        from models import Account


        async def name_of(number):
            async with AsyncSessionLocal() as session:
                account = await session.get(Account, number)
            account = await session.get(Account, number)
            return account.name
        """,
        "name_of(1)",
        remedy="""\
        from async_database import AsyncSessionLocal
        from models import Account


        async def name_of(number):
            async with AsyncSessionLocal() as session:
                account = await session.get(Account, number)
            return account.name
        """,
    ),
)

DETACHED = (
    Proof(
        RULE,
        "a relationship that is not loaded",
        """\
        from sqlalchemy.orm.exc import DetachedInstanceError

        from database import SessionLocal
        from models import Account


        def posts_of(number):
            with SessionLocal() as session:
                account = session.get(Account, number)
            try:
                return len(account.posts)
            except DetachedInstanceError as error:
                return type(error).__name__
        """,
        "posts_of(1)",
        remedy="""\
        from sqlalchemy.orm import selectinload

        from database import SessionLocal
        from models import Account


        def posts_of(number):
            with SessionLocal() as session:
                account = session.get(Account, number, options=[selectinload(Account.posts)])
            return len(account.posts) >= 0
        """,
    ),
    Proof(
        RULE,
        "a column that a commit has expired",
        """\
        from sqlalchemy.orm.exc import DetachedInstanceError

        from database import SessionLocal
        from models import Account


        def renamed(number, name):
            with SessionLocal.begin() as session:
                account = session.get(Account, number)
                account.name = name
            try:
                return account.id
            except DetachedInstanceError as error:
                return type(error).__name__
        """,
        "renamed(1, 'Ada')",
        remedy="""\
        from sqlalchemy.orm import sessionmaker

        from database import engine
        from models import Account

        SessionLocal = sessionmaker(engine, expire_on_commit=False)


        def renamed(number, name):
            with SessionLocal.begin() as session:
                account = session.get(Account, number)
                account.name = name
            return account.id == number
        """,
    ),
)


@pytest.mark.parametrize("proof", PROOFS, ids=lambda proof: proof.claim)
def test_a_closed_session_opens_again_and_keeps_its_connection(proof: Proof, database: Database) -> None:
    comparison = compare(proof, database)

    assert comparison.fixed.result == comparison.leaking.result
    assert_connections_are_given_back(comparison)


@pytest.mark.parametrize("proof", DETACHED, ids=lambda proof: proof.claim)
def test_what_is_not_loaded_raises_once_the_session_is_closed(proof: Proof, database: Database) -> None:
    comparison = compare(proof, database)

    assert json.loads(comparison.leaking.result) == "DetachedInstanceError"
    assert json.loads(comparison.fixed.result) is True
    assert comparison.fixed.errors == ()
