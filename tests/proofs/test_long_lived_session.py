"""A session that the process keeps holds a connection in an open transaction between its uses, and reads stale rows."""

from __future__ import annotations

import json

import pytest

from tests.proofs.databases import Database, PostgreSQL
from tests.proofs.harness import Proof, compare

RULE = "LKS106"

PROOFS = (
    Proof(
        RULE,
        "the session of a module reads",
        """\
        from fastapi import FastAPI
        from sqlalchemy import func, select

        from database import SessionLocal
        from models import Account

        app = FastAPI()
        session = SessionLocal()


        @app.get("/accounts/active")
        def active_accounts():
            return session.scalar(select(func.count()).select_from(Account).where(Account.active))
        """,
        "active_accounts()",
        remedy="""\
        from sqlalchemy import func, select

        from database import SessionLocal
        from models import Account


        def active_accounts():
            with SessionLocal() as session:
                return session.scalar(select(func.count()).select_from(Account).where(Account.active))
        """,
    ),
    Proof(
        RULE,
        "an object of a module reads, writes and commits, and reads again",
        """\
        from fastapi import FastAPI

        from database import SessionLocal
        from models import Account

        app = FastAPI()


        class Accounts:
            def __init__(self):
                self.session = SessionLocal()

            def rename(self, number, name):
                account = self.session.get(Account, number)
                account.name = name
                self.session.commit()
                return account.name


        accounts = Accounts()


        @app.post("/accounts/{number}")
        def rename(number: int, name: str):
            return accounts.rename(number, name)
        """,
        "rename(1, 'Ada')",
        remedy="""\
        from database import SessionLocal
        from models import Account


        class Accounts:
            def rename(self, number, name):
                with SessionLocal() as session:
                    account = session.get(Account, number)
                    account.name = name
                    session.commit()
                    return account.name


        accounts = Accounts()


        def rename(number, name):
            return accounts.rename(number, name)
        """,
    ),
    Proof(
        RULE,
        "the same with asyncio",
        """\
        from fastapi import FastAPI
        from sqlalchemy import func, select

        from async_database import AsyncSessionLocal
        from models import Account

        app = FastAPI()
        session = AsyncSessionLocal()


        @app.get("/accounts/active")
        async def active_accounts():
            return await session.scalar(select(func.count()).select_from(Account).where(Account.active))
        """,
        "active_accounts()",
        remedy="""\
        from sqlalchemy import func, select

        from async_database import AsyncSessionLocal
        from models import Account


        async def active_accounts():
            async with AsyncSessionLocal() as session:
                return await session.scalar(select(func.count()).select_from(Account).where(Account.active))
        """,
    ),
)

_RENAMED_BY_ANOTHER = """\
from sqlalchemy import update

from database import engine
from models import Account


def renamed_by_another(number, name):
    with engine.begin() as connection:
        connection.execute(update(Account).where(Account.id == number).values(name=name))
"""

STALE_OBJECT = Proof(
    RULE,
    "an object that somebody holds is not read again",
    _RENAMED_BY_ANOTHER
    + """\

from database import SessionLocal

session = SessionLocal()


def names():
    session.rollback()
    renamed_by_another(1, "Ada")
    account = session.get(Account, 1)
    before = account.name
    renamed_by_another(1, "Grace")
    return [before, session.get(Account, 1).name]
""",
    "names()",
    remedy=_RENAMED_BY_ANOTHER
    + """\

from database import SessionLocal


def name_of(number):
    with SessionLocal() as session:
        return session.get(Account, number).name


def names():
    renamed_by_another(1, "Ada")
    before = name_of(1)
    renamed_by_another(1, "Grace")
    return [before, name_of(1)]
""",
)

STALE_SNAPSHOT = Proof(
    RULE,
    "under REPEATABLE READ nothing is read again",
    _RENAMED_BY_ANOTHER
    + """\

from sqlalchemy import select
from sqlalchemy.orm import Session

session = Session(engine.execution_options(isolation_level="REPEATABLE READ"))


def name_of(number):
    return session.scalar(select(Account.name).where(Account.id == number))


def names():
    session.rollback()
    renamed_by_another(1, "Ada")
    before = name_of(1)
    renamed_by_another(1, "Grace")
    return [before, name_of(1)]
""",
    "names()",
    remedy=_RENAMED_BY_ANOTHER
    + """\

from sqlalchemy import select
from sqlalchemy.orm import Session

repeatable = engine.execution_options(isolation_level="REPEATABLE READ")


def name_of(number):
    with Session(repeatable) as session:
        return session.scalar(select(Account.name).where(Account.id == number))


def names():
    renamed_by_another(1, "Ada")
    before = name_of(1)
    renamed_by_another(1, "Grace")
    return [before, name_of(1)]
""",
)


@pytest.mark.parametrize("proof", PROOFS, ids=lambda proof: proof.claim)
def test_a_session_of_the_process_keeps_its_transaction_open_between_uses(proof: Proof, database: Database) -> None:
    comparison = compare(proof, database)
    kept, opened = comparison.leaking, comparison.fixed

    assert opened.result == kept.result
    assert kept.held == 1
    assert kept.idle in (None, 1), "the server shows it as `idle in transaction`"
    assert (opened.held, opened.failures, opened.errors) == (0, 0, ())
    assert opened.idle in (None, 0)


@pytest.mark.parametrize("proof", [STALE_OBJECT, STALE_SNAPSHOT], ids=lambda proof: proof.claim)
def test_a_session_of_the_process_reads_stale_rows(proof: Proof, postgres: PostgreSQL) -> None:
    comparison = compare(proof, postgres)

    assert json.loads(comparison.leaking.result) == ["Ada", "Ada"]
    assert json.loads(comparison.fixed.result) == ["Ada", "Grace"]
