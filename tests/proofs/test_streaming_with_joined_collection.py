"""A stream of entities with a joined collection raises; with `selectinload` it streams."""

from __future__ import annotations

import pytest

from tests.proofs.databases import Database
from tests.proofs.harness import Proof, compare

RULE = "LKS208"

PROOFS = (
    Proof(
        RULE,
        "`joinedload` and `unique()`: raises before the fix",
        """\
        from sqlalchemy import select
        from sqlalchemy.orm import joinedload

        from database import SessionLocal
        from models import Account


        def posts():
            query = select(Account).options(joinedload(Account.posts)).execution_options(yield_per=100)
            try:
                with SessionLocal() as session:
                    return sum(len(account.posts) for account in session.scalars(query).unique())
            except Exception as error:
                return type(error).__name__
        """,
        "posts()",
        repeats=3,
    ),
    Proof(
        RULE,
        "`subqueryload` and a legacy query: raises, too",
        """\
        from sqlalchemy.orm import subqueryload

        from database import SessionLocal
        from models import Account


        def posts():
            number = 0
            try:
                with SessionLocal() as session:
                    for account in session.query(Account).options(subqueryload(Account.posts)).yield_per(100):
                        number += len(account.posts)
            except Exception as error:
                return type(error).__name__
            return number
        """,
        "posts()",
        repeats=3,
    ),
    Proof(
        RULE,
        "an async session: raises, too",
        """\
        from sqlalchemy import select
        from sqlalchemy.orm import joinedload

        from async_database import AsyncSessionLocal
        from models import Account


        async def posts():
            number = 0
            query = select(Account).options(joinedload(Account.posts))
            try:
                async with AsyncSessionLocal() as session:
                    async for account in await session.stream_scalars(query.execution_options(yield_per=100)):
                        number += len(account.posts)
            except Exception as error:
                return type(error).__name__
            return number
        """,
        "posts()",
        repeats=3,
    ),
)


@pytest.mark.parametrize("proof", PROOFS, ids=lambda proof: proof.claim)
def test_a_joined_collection_cannot_be_streamed(proof: Proof, database: Database) -> None:
    comparison = compare(proof, database)
    leaking, fixed = comparison.leaking, comparison.fixed

    assert leaking.result == '"InvalidRequestError"'
    assert int(fixed.result) > 0
    assert (fixed.held, fixed.failures) == (0, 0)
