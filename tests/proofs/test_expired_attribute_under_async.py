"""What an async session has expired raises when it is read; refreshed, it is read as it is stored."""

from __future__ import annotations

import json
from textwrap import dedent

from tests.proofs.databases import Database
from tests.proofs.harness import Proof, compare, reported

RULE = "LKS305"

SERVICE = Proof(
    RULE,
    "a service returns what it has stored: `MissingGreenlet` → the row",
    """\
    from sqlalchemy.ext.asyncio import async_sessionmaker

    from async_database import engine
    from models import Country

    SessionLocal = async_sessionmaker(engine)


    async def add(code):
        async with SessionLocal() as session:
            country = Country(code=code, name="Utopia")
            await session.merge(country)
            stored = await session.get(Country, code)
            await session.commit()
            return [stored.code, stored.name]


    async def outcome():
        try:
            return await add("UT")
        except Exception as error:
            return "MissingGreenlet" if "MissingGreenlet" in str(error) else repr(error)
    """,
    "outcome()",
)

ENDPOINT = Proof(
    RULE,
    "an endpoint returns what it has stored: 500, though the row is there → 200",
    """\
    from fastapi import Depends, FastAPI
    from httpx import ASGITransport, AsyncClient
    from pydantic import BaseModel, ConfigDict
    from sqlalchemy import func, select
    from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker

    from async_database import engine
    from models import Account

    SessionLocal = async_sessionmaker(engine)
    app = FastAPI()


    class AccountRead(BaseModel):
        model_config = ConfigDict(from_attributes=True)

        id: int
        name: str


    async def get_session():
        async with SessionLocal() as session:
            yield session


    @app.put("/accounts/1", response_model=AccountRead)
    async def rename(name: str, session: AsyncSession = Depends(get_session)):
        account = (await session.execute(select(Account).where(Account.id == 1))).scalar_one()
        account.name = name
        await session.commit()
        return account


    async def outcome():
        transport = ASGITransport(app, raise_app_exceptions=False)
        async with AsyncClient(transport=transport, base_url="http://test") as client:
            answer = await client.put("/accounts/1", params={"name": "Ann"})
        async with SessionLocal() as session:
            stored = await session.scalar(select(Account.name).where(Account.id == 1))
        return [answer.status_code, answer.json() if answer.status_code == 200 else None, stored]
    """,
    "outcome()",
)

HANDLER = Proof(
    RULE,
    "a handler tells after its rollback what is refused: `MissingGreenlet` → the message",
    """\
    from sqlalchemy import select
    from sqlalchemy.exc import IntegrityError
    from sqlalchemy.ext.asyncio import AsyncSession

    from async_database import AsyncSessionLocal
    from models import Account


    async def take_email_of_another(session: AsyncSession):
        account = (await session.execute(select(Account).where(Account.id == 1))).scalar_one()
        account.email = await session.scalar(select(Account.email).where(Account.id == 2))
        try:
            await session.commit()
        except IntegrityError:
            await session.rollback()
            return f"account {account.id} is as it was"


    async def outcome():
        async with AsyncSessionLocal() as session:
            try:
                return await take_email_of_another(session)
            except Exception as error:
                return "MissingGreenlet" if "MissingGreenlet" in str(error) else repr(error)
    """,
    "outcome()",
    remedy="""\
    from sqlalchemy import select
    from sqlalchemy.exc import IntegrityError
    from sqlalchemy.ext.asyncio import AsyncSession

    from async_database import AsyncSessionLocal
    from models import Account


    async def take_email_of_another(session: AsyncSession):
        account = (await session.execute(select(Account).where(Account.id == 1))).scalar_one()
        key = account.id
        account.email = await session.scalar(select(Account.email).where(Account.id == 2))
        try:
            await session.commit()
        except IntegrityError:
            await session.rollback()
            return f"account {key} is as it was"


    async def outcome():
        async with AsyncSessionLocal() as session:
            return await take_email_of_another(session)
    """,
)


PROOFS = (SERVICE, ENDPOINT, HANDLER)


def test_what_a_commit_has_expired_cannot_be_read(database: Database) -> None:
    comparison = compare(SERVICE, database)

    assert json.loads(comparison.leaking.result) == "MissingGreenlet"
    assert json.loads(comparison.fixed.result) == ["UT", "Utopia"]
    assert comparison.fixed.statements > comparison.leaking.statements
    assert comparison.fixed.held == 0


def test_a_response_model_cannot_read_it_either(database: Database) -> None:
    comparison = compare(ENDPOINT, database)

    # the row is stored, and the client is told that it is not
    assert json.loads(comparison.leaking.result) == [500, None, "Ann"]
    assert json.loads(comparison.fixed.result) == [200, {"id": 1, "name": "Ann"}, "Ann"]


def test_a_rollback_expires_whatever_the_maker_says(database: Database) -> None:
    (message,) = reported(dedent(HANDLER.program), HANDLER)
    assert message == "`account.id` is read after the rollback has expired it"
    assert HANDLER.remedy is not None
    assert not reported(dedent(HANDLER.remedy), HANDLER)

    comparison = compare(HANDLER, database)

    assert json.loads(comparison.leaking.result) == "MissingGreenlet"
    assert json.loads(comparison.fixed.result) == "account 1 is as it was"
