"""A session that nobody closes keeps its connection; under `with` it gives it back, and nothing else changes."""

from __future__ import annotations

import pytest

from tests.proofs.databases import Database
from tests.proofs.harness import Proof, compare
from tests.proofs.verdicts import assert_connections_are_given_back

RULE = "LKS101"

PROOFS = (
    Proof(
        RULE,
        "a report opens a session and forgets it",
        """\
        from sqlalchemy import func, select

        from database import SessionLocal
        from models import Account


        def accounts_by_country():
            session = SessionLocal()
            rows = session.execute(
                select(Account.country_code, func.count()).group_by(Account.country_code).order_by(Account.country_code)
            ).all()
            return {code: count for code, count in rows}
        """,
        "accounts_by_country()",
    ),
    Proof(
        RULE,
        "a row is added, committed and refreshed",
        """\
        from datetime import datetime

        from database import SessionLocal
        from models import Post


        def publish(title):
            session = SessionLocal()
            post = Post(account_id=1, title=title, body="", published_at=datetime(2026, 1, 1))
            session.add(post)
            session.commit()
            session.refresh(post)
            return post.id
        """,
        "publish('news')",
    ),
    Proof(
        RULE,
        "the same with asyncio",
        """\
        from sqlalchemy import func, select

        from async_database import AsyncSessionLocal
        from models import Account


        async def active_accounts():
            session = AsyncSessionLocal()
            count = await session.scalar(select(func.count()).select_from(Account).where(Account.active))
            return count or 0
        """,
        "active_accounts()",
    ),
)


@pytest.mark.parametrize("proof", PROOFS, ids=lambda proof: proof.claim)
def test_a_fixed_session_gives_its_connection_back(proof: Proof, database: Database) -> None:
    comparison = compare(proof, database)
    leaking, fixed = comparison.leaking, comparison.fixed

    assert fixed.result == leaking.result
    assert (fixed.statements, fixed.rows) == (leaking.statements, leaking.rows)

    assert_connections_are_given_back(comparison)
