"""A session whose close is skipped keeps its connection; under `with` it gives it back, and the error stays."""

from __future__ import annotations

import pytest

from tests.proofs.databases import Database
from tests.proofs.harness import Proof, compare

RULE = "LKS102"

PROOFS = (
    Proof(
        RULE,
        "the database refuses a row, and the close is skipped",
        """\
        from sqlalchemy.exc import IntegrityError

        from database import SessionLocal
        from models import Account


        def register(name):
            session = SessionLocal()
            session.add(Account(id=1, name=name))
            session.commit()
            session.close()
            return True


        def registered_twice():
            try:
                return register("nobody")
            except IntegrityError as error:
                return type(error).__name__
        """,
        "registered_twice()",
    ),
    Proof(
        RULE,
        "the database refuses a row, and nothing but the commit ends the session",
        """\
        from sqlalchemy.exc import IntegrityError

        from database import SessionLocal
        from models import Account


        def register(name):
            session = SessionLocal()
            session.add(Account(id=1, name=name))
            session.commit()
            return True


        def registered_twice():
            try:
                return register("nobody")
            except IntegrityError as error:
                return type(error).__name__
        """,
        "registered_twice()",
    ),
    Proof(
        RULE,
        "a commit in `finally` raises",
        """\
        from sqlalchemy.exc import IntegrityError

        from database import SessionLocal
        from models import Account


        def register(name):
            session = SessionLocal()
            try:
                session.add(Account(id=1, name=name))
            finally:
                session.commit()
                session.close()


        def registered_twice():
            try:
                return register("nobody")
            except IntegrityError as error:
                return type(error).__name__
        """,
        "registered_twice()",
    ),
    Proof(
        RULE,
        "an early return passes the close",
        """\
        from sqlalchemy import func, select

        from database import SessionLocal
        from models import Account


        def number_of(name):
            session = SessionLocal()
            number = session.scalar(select(func.count()).where(Account.name == name))
            if not number:
                return 0
            session.close()
            return number
        """,
        "number_of('nobody')",
    ),
    Proof(
        RULE,
        "a task is cancelled while it waits for somebody else",
        """\
        import asyncio

        from sqlalchemy import func, select

        from async_database import AsyncSessionLocal
        from models import Account


        async def total():
            session = AsyncSessionLocal()
            try:
                number = await session.scalar(select(func.count()).select_from(Account))
                await asyncio.sleep(30)
                await session.commit()
            except Exception:
                await session.rollback()
                await session.close()
                raise
            await session.close()
            return number


        async def given_up():
            try:
                await asyncio.wait_for(total(), 0.5)
            except asyncio.TimeoutError:
                return "gave up"
        """,
        "given_up()",
    ),
)


@pytest.mark.parametrize("proof", PROOFS, ids=lambda proof: proof.claim)
def test_a_session_gives_its_connection_back_when_something_goes_wrong(proof: Proof, database: Database) -> None:
    comparison = compare(proof, database)
    leaking, fixed = comparison.leaking, comparison.fixed

    assert fixed.result == leaking.result
    assert (fixed.statements, fixed.rows) == (leaking.statements, leaking.rows)

    assert leaking.held == 5, "the pool is not exhausted: the program does not leak"

    assert (fixed.held, fixed.failures, fixed.errors) == (0, 0, ())
    assert fixed.idle in (None, 0)
