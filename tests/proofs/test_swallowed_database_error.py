"""One refused row takes those after it along, until the handler rolls back; PostgreSQL keeps an aborted transaction."""

from __future__ import annotations

import json
from textwrap import dedent

import pytest

from tests.proofs.databases import Database, PostgreSQL
from tests.proofs.harness import Proof, compare, fixed_text, run

RULE = "LKS108"

PROOFS = (
    Proof(
        RULE,
        "a loop logs the refused row and goes on: one of three is stored → all three",
        """\
        import itertools

        from sqlalchemy.exc import SQLAlchemyError

        from database import SessionLocal
        from models import Country

        numbers = itertools.count(1)


        def store():
            stored, errors = [], []
            with SessionLocal() as session:
                for number in (f"X{next(numbers)}", "DE", f"X{next(numbers)}", f"X{next(numbers)}"):
                    try:
                        session.add(Country(code=number, name="new"))
                        session.commit()
                        stored.append(number)
                    except SQLAlchemyError as error:
                        errors.append(type(error).__name__)
            return len(stored), errors
        """,
        "store()",
    ),
    Proof(
        RULE,
        "a service of an async session goes on after a refused row: one of three is stored → all three",
        """\
        import itertools

        from sqlalchemy.exc import SQLAlchemyError

        from async_database import AsyncSessionLocal
        from models import Country

        numbers = itertools.count(1)


        class Accounts:
            def __init__(self, session):
                self.session = session

            async def store(self, number):
                self.session.add(Country(code=number, name="new"))
                await self.session.commit()


        async def store():
            stored, errors = [], []
            async with AsyncSessionLocal() as session:
                accounts = Accounts(session)
                for number in (f"X{next(numbers)}", "DE", f"X{next(numbers)}", f"X{next(numbers)}"):
                    try:
                        await accounts.store(number)
                        stored.append(number)
                    except SQLAlchemyError as error:
                        errors.append(type(error).__name__)
            return len(stored), errors
        """,
        "store()",
    ),
)

ABORTED = Proof(
    RULE,
    "a statement fails, and the next ones as well",
    """\
    from sqlalchemy import text
    from sqlalchemy.exc import SQLAlchemyError

    from database import SessionLocal, engine

    STATES = text(
        "SELECT state FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
        " AND state LIKE 'idle in%'"
    )


    def states():
        if engine.dialect.name != "postgresql":
            return []
        with engine.connect() as connection:
            return list(connection.scalars(STATES))


    def totals():
        with SessionLocal() as session:
            total, seen = None, []
            for table in ("nowhere", "accounts"):
                try:
                    total = session.scalar(text(f"SELECT count(*) FROM {table}"))
                except SQLAlchemyError as error:
                    seen.append(type(getattr(error, "orig", error)).__name__)
                    seen.extend(states())
            return total, seen
    """,
    "totals()",
)


@pytest.mark.parametrize("proof", PROOFS, ids=lambda proof: proof.claim)
def test_rows_after_a_refused_one_are_stored(proof: Proof, database: Database) -> None:
    comparison = compare(proof, database)

    stored, errors = json.loads(comparison.leaking.result)
    assert (stored, errors) == (1, ["IntegrityError", "PendingRollbackError", "PendingRollbackError"])

    stored, errors = json.loads(comparison.fixed.result)
    assert (stored, errors) == (3, ["IntegrityError"])


def test_a_failed_statement_aborts_the_transaction_of_the_server(postgres: PostgreSQL) -> None:
    leaking, _ = run(dedent(ABORTED.program), ABORTED, postgres)
    assert json.loads(leaking.result) == [
        None,
        ["UndefinedTable", "idle in transaction (aborted)", "InFailedSqlTransaction", "idle in transaction (aborted)"],
    ]

    fixed, _ = run(fixed_text(ABORTED), ABORTED, postgres)
    assert json.loads(fixed.result) == [2000, ["UndefinedTable"]]
