"""A session that its registry keeps holds its connection for as long as its thread lives; removed, it holds nothing."""

from __future__ import annotations

import json

import pytest

from tests.proofs.databases import Database, SQLite
from tests.proofs.harness import Proof, compare
from tests.proofs.verdicts import assert_connections_are_given_back

RULE = "LKS110"

PROOFS = (
    Proof(
        RULE,
        "every worker has a thread of its own",
        """\
        from concurrent.futures import ThreadPoolExecutor

        from sqlalchemy import func, select
        from sqlalchemy.orm import scoped_session

        from database import SessionLocal
        from models import Account

        Session = scoped_session(SessionLocal)
        workers = []


        def active_accounts():
            return Session.scalar(select(func.count()).where(Account.active))


        def counted():
            worker = ThreadPoolExecutor(1)
            workers.append(worker)
            return worker.submit(active_accounts).result()
        """,
        "counted()",
    ),
    Proof(
        RULE,
        "a worker reads once more after its commit",
        """\
        from concurrent.futures import ThreadPoolExecutor

        from sqlalchemy import func, select
        from sqlalchemy.orm import scoped_session

        from database import SessionLocal
        from models import Account

        Session = scoped_session(SessionLocal)
        workers = []


        def deactivate(account_id):
            session = Session()
            session.get(Account, account_id).active = False
            session.commit()
            return session.scalar(select(func.count()).where(Account.active))


        def deactivated():
            worker = ThreadPoolExecutor(1)
            workers.append(worker)
            return worker.submit(deactivate, 1).result()
        """,
        "deactivated()",
    ),
    Proof(
        RULE,
        "a function makes a registry of its own",
        """\
        from sqlalchemy import func, select
        from sqlalchemy.orm import scoped_session

        from database import SessionLocal
        from models import Account


        def active_accounts():
            registry = scoped_session(SessionLocal)
            total = registry.scalar(select(func.count()).where(Account.active))
            return total
        """,
        "active_accounts()",
    ),
    Proof(
        RULE,
        "a session for every task of the event loop",
        """\
        import asyncio

        from sqlalchemy import func, select
        from sqlalchemy.ext.asyncio import async_scoped_session

        from async_database import AsyncSessionLocal
        from models import Account

        Session = async_scoped_session(AsyncSessionLocal, scopefunc=asyncio.current_task)


        async def active_accounts():
            return await Session.scalar(select(func.count()).where(Account.active))


        async def counted():
            return await asyncio.create_task(active_accounts())
        """,
        "counted()",
    ),
)

CLOSED = Proof(
    RULE,
    "a session for every task, closed and not removed",
    """\
    import asyncio

    from sqlalchemy import func, select
    from sqlalchemy.ext.asyncio import async_scoped_session

    from async_database import AsyncSessionLocal
    from models import Account

    Session = async_scoped_session(AsyncSessionLocal, scopefunc=asyncio.current_task)


    async def active_accounts():
        count = await Session.scalar(select(func.count()).where(Account.active))
        await Session.close()
        return count


    async def sessions_kept():
        for _ in range(100):
            await asyncio.create_task(active_accounts())
        return len(Session.registry.registry)
    """,
    "sessions_kept()",
    repeats=2,
)


@pytest.mark.parametrize("proof", PROOFS, ids=lambda proof: proof.claim)
def test_a_removed_session_gives_its_connection_back(proof: Proof, database: Database) -> None:
    comparison = compare(proof, database)

    assert comparison.fixed.result == comparison.leaking.result
    assert (comparison.fixed.statements, comparison.fixed.rows) == (
        comparison.leaking.statements,
        comparison.leaking.rows,
    )
    assert_connections_are_given_back(comparison)


def test_a_session_that_is_closed_is_kept_until_it_is_removed(sqlite: SQLite) -> None:
    comparison = compare(CLOSED, sqlite)

    assert json.loads(comparison.leaking.result) == 100
    assert json.loads(comparison.fixed.result) == 0
    assert comparison.leaking.held == comparison.fixed.held == 0, "it is not about connections"
