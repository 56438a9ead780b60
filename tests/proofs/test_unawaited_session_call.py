"""A call of an async session that is not awaited does nothing; awaited, it does what it says."""

from __future__ import annotations

import pytest

from tests.proofs.databases import Database
from tests.proofs.harness import Proof, compare
from tests.proofs.verdicts import assert_connections_are_given_back

RULE = "LKS109"

PROOFS = (
    Proof(
        RULE,
        "a report closes its session without `await`",
        """\
        from sqlalchemy import func, select

        from async_database import AsyncSessionLocal
        from models import Account


        async def active_accounts():
            session = AsyncSessionLocal()
            try:
                return int(await session.scalar(select(func.count()).select_from(Account).where(Account.active)))
            finally:
                session.close()
        """,
        "active_accounts()",
    ),
    Proof(
        RULE,
        "a connection is closed without `await`",
        """\
        from sqlalchemy import text

        from async_database import engine


        async def countries():
            connection = await engine.connect()
            number = await connection.scalar(text("select count(*) from countries"))
            connection.close()
            return int(number)
        """,
        "countries()",
    ),
)

LOST = Proof(
    RULE,
    "a row is deleted without `await`",
    """\
    from datetime import datetime

    from sqlalchemy import func, select

    from async_database import AsyncSessionLocal
    from models import Post


    async def posts_left_of_one():
        async with AsyncSessionLocal() as session:
            post = Post(account_id=1, title="draft", body="", published_at=datetime(2026, 1, 1))
            session.add(post)
            await session.commit()
            session.delete(post)
            await session.commit()
            return int(await session.scalar(select(func.count()).select_from(Post).where(Post.title == "draft")))
    """,
    "posts_left_of_one()",
)


@pytest.mark.parametrize("proof", PROOFS, ids=lambda proof: proof.claim)
def test_an_awaited_close_gives_the_connection_back(proof: Proof, database: Database) -> None:
    comparison = compare(proof, database)
    leaking, fixed = comparison.leaking, comparison.fixed

    assert fixed.result == leaking.result
    assert (fixed.statements, fixed.rows) == (leaking.statements, leaking.rows)

    assert_connections_are_given_back(comparison)


def test_an_awaited_delete_happens(database: Database) -> None:
    comparison = compare(LOST, database)

    assert (comparison.leaking.result, comparison.fixed.result) == ("1", "0")
    assert (comparison.leaking.held, comparison.fixed.held) == (0, 0)
