"""A session that is taken out of its generator keeps its connection; under a context manager it gives it back."""

from __future__ import annotations

import pytest

from tests.proofs.databases import Database
from tests.proofs.harness import Proof, compare
from tests.proofs.verdicts import assert_connections_are_given_back

RULE = "LKS105"

PROOFS = (
    Proof(
        RULE,
        "a job takes a session by `next`",
        """\
        from sqlalchemy import func, select

        from database import SessionLocal
        from models import Account


        def get_db():
            db = SessionLocal()
            try:
                yield db
            finally:
                db.close()


        def active_accounts():
            db = next(get_db())
            count = db.scalar(select(func.count()).select_from(Account).where(Account.active))
            return int(count)
        """,
        "active_accounts()",
    ),
    Proof(
        RULE,
        "a job takes a session by `__next__` and writes",
        """\
        from datetime import datetime

        from database import SessionLocal
        from models import Post


        def get_db():
            with SessionLocal() as db:
                yield db


        def publish(title):
            db = get_db().__next__()
            post = Post(account_id=1, title=title, body="", published_at=datetime(2026, 1, 1))
            db.add(post)
            db.commit()
            db.refresh(post)
            return post.id
        """,
        "publish('news')",
    ),
    Proof(
        RULE,
        "the same with asyncio and `__anext__`",
        """\
        from sqlalchemy import func, select

        from async_database import AsyncSessionLocal
        from models import Account


        async def get_db():
            async with AsyncSessionLocal() as db:
                yield db


        async def active_accounts():
            db = await get_db().__anext__()
            count = await db.scalar(select(func.count()).select_from(Account).where(Account.active))
            return int(count)
        """,
        "active_accounts()",
    ),
)

# The event loop ends a forgotten asynchronous generator while the first statement is under way: which of the two comes
# first differs from call to call, and only where it is the statement the connection comes back.
_RACING = PROOFS[-1]

LOOP = Proof(
    RULE,
    "a loop over the provider is left, and the provider closes at once",
    """\
    from sqlalchemy import func, select

    from database import SessionLocal
    from models import Account


    def get_db():
        db = SessionLocal()
        try:
            yield db
        finally:
            db.close()


    def active_accounts():
        for db in get_db():
            return int(db.scalar(select(func.count()).select_from(Account).where(Account.active)))
    """,
    "active_accounts()",
    remedy="""\
    from contextlib import contextmanager

    from sqlalchemy import func, select

    from database import SessionLocal
    from models import Account


    def get_db():
        db = SessionLocal()
        try:
            yield db
        finally:
            db.close()


    def active_accounts():
        with contextmanager(get_db)() as db:
            return int(db.scalar(select(func.count()).select_from(Account).where(Account.active)))
    """,
)


@pytest.mark.parametrize("proof", PROOFS, ids=lambda proof: proof.claim)
def test_a_provider_that_is_entered_gives_its_connection_back(proof: Proof, database: Database) -> None:
    comparison = compare(proof, database)
    leaking, fixed = comparison.leaking, comparison.fixed

    assert fixed.result == leaking.result
    assert (fixed.statements, fixed.rows) == (leaking.statements, leaking.rows)

    if proof is _RACING:
        assert leaking.held > fixed.held == fixed.failures == 0
    else:
        assert_connections_are_given_back(comparison)


def test_a_loop_that_is_left_is_no_leak(database: Database) -> None:
    comparison = compare(LOOP, database)

    assert comparison.leaking.result == comparison.fixed.result
    assert (comparison.leaking.held, comparison.leaking.failures) == (0, 0)
