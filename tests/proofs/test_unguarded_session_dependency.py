"""A yielded session that is not always closed keeps its connection; under `with` it gives it back."""

from __future__ import annotations

import pytest

from tests.proofs.databases import Database
from tests.proofs.harness import Proof, compare
from tests.proofs.verdicts import assert_connections_are_given_back

RULE = "LKS103"

PROOFS = (
    Proof(
        RULE,
        "an endpoint answers 404, the dependency closes after its `yield`",
        """\
        from fastapi import Depends, FastAPI, HTTPException
        from fastapi.testclient import TestClient
        from sqlalchemy import func, select

        from database import SessionLocal
        from models import Account

        app = FastAPI()


        def get_db():
            db = SessionLocal()
            yield db
            db.close()


        @app.get("/accounts/{name}")
        def read(name: str, db=Depends(get_db)):
            if not db.scalar(select(func.count()).where(Account.name == name)):
                raise HTTPException(404, "no such account")
            return name


        client = TestClient(app)


        def status_of_an_unknown_account():
            return client.get("/accounts/nobody").status_code
        """,
        "status_of_an_unknown_account()",
    ),
    Proof(
        RULE,
        "a block under a context manager raises",
        """\
        from contextlib import contextmanager

        from sqlalchemy import func, select

        from database import SessionLocal
        from models import Account


        @contextmanager
        def scope():
            session = SessionLocal()
            yield session
            session.commit()
            session.close()


        def one_account():
            try:
                with scope() as session:
                    number = session.scalar(select(func.count()).select_from(Account))
                    raise LookupError(number)
            except LookupError as error:
                return str(error)
        """,
        "one_account()",
    ),
    Proof(
        RULE,
        "a handler rolls back, and nothing goes wrong",
        """\
        from contextlib import asynccontextmanager

        from sqlalchemy import func, select

        from async_database import AsyncSessionLocal
        from models import Account


        @asynccontextmanager
        async def scope():
            session = AsyncSessionLocal()
            try:
                yield session
            except Exception:
                await session.rollback()
                raise


        async def accounts():
            async with scope() as session:
                return await session.scalar(select(func.count()).select_from(Account))
        """,
        "accounts()",
    ),
    Proof(
        RULE,
        "the close in `finally` is named, not called",
        """\
        from contextlib import contextmanager

        from sqlalchemy import func, select

        from database import SessionLocal
        from models import Account


        @contextmanager
        def scope():
            session = SessionLocal()
            try:
                yield session
            finally:
                session.close


        def accounts():
            with scope() as session:
                return session.scalar(select(func.count()).select_from(Account))
        """,
        "accounts()",
    ),
)


@pytest.mark.parametrize("proof", PROOFS, ids=lambda proof: proof.claim)
def test_a_guarded_session_gives_its_connection_back(proof: Proof, database: Database) -> None:
    comparison = compare(proof, database)
    leaking, fixed = comparison.leaking, comparison.fixed

    assert fixed.result == leaking.result
    assert (fixed.statements, fixed.rows) == (leaking.statements, leaking.rows)

    assert_connections_are_given_back(comparison)
