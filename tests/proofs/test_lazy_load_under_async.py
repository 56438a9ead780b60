"""A lazy relationship raises when it is read of an entity of an async session; loaded with the row, it is there."""

from __future__ import annotations

import json

from tests.proofs.databases import Database
from tests.proofs.harness import Proof, compare

RULE = "LKS304"

SERVICE = Proof(
    RULE,
    "a service lists the posts of one account: `MissingGreenlet` → the posts",
    """\
    from sqlalchemy import select

    from async_database import AsyncSessionLocal
    from models import Account


    async def titles(key):
        async with AsyncSessionLocal() as session:
            account = (await session.execute(select(Account).where(Account.id == key))).scalar_one()
            return len([post.title for post in account.posts])


    async def outcome():
        try:
            return await titles(1)
        except Exception as error:
            return "MissingGreenlet" if "MissingGreenlet" in str(error) else repr(error)
    """,
    "outcome()",
)

ROWS = Proof(
    RULE,
    "a list of posts with the names of their authors: `MissingGreenlet` → the names",
    """\
    from sqlalchemy import select

    from async_database import AsyncSessionLocal
    from models import Post


    async def authors():
        async with AsyncSessionLocal() as session:
            posts = (await session.scalars(select(Post).order_by(Post.id).limit(50))).all()
            return len([post.account.name for post in posts])


    async def outcome():
        try:
            return await authors()
        except Exception as error:
            return "MissingGreenlet" if "MissingGreenlet" in str(error) else repr(error)
    """,
    "outcome()",
)

ENDPOINT = Proof(
    RULE,
    "an endpoint whose response model has the posts: 500 → 200",
    """\
    from fastapi import Depends, FastAPI
    from httpx import ASGITransport, AsyncClient
    from pydantic import BaseModel, ConfigDict
    from sqlalchemy import select
    from sqlalchemy.ext.asyncio import AsyncSession

    from async_database import AsyncSessionLocal
    from models import Account

    app = FastAPI()


    class PostRead(BaseModel):
        model_config = ConfigDict(from_attributes=True)

        title: str


    class AccountRead(BaseModel):
        model_config = ConfigDict(from_attributes=True)

        name: str
        posts: list[PostRead]


    async def get_session():
        async with AsyncSessionLocal() as session:
            yield session


    @app.get("/accounts/1", response_model=AccountRead)
    async def account(session: AsyncSession = Depends(get_session)):
        found = (await session.execute(select(Account).where(Account.id == 1))).scalar_one()
        return found


    async def outcome():
        transport = ASGITransport(app, raise_app_exceptions=False)
        async with AsyncClient(transport=transport, base_url="http://test") as client:
            answer = await client.get("/accounts/1")
        return [answer.status_code, len(answer.json()["posts"]) if answer.status_code == 200 else 0]
    """,
    "outcome()",
)

PROOFS = (SERVICE, ROWS, ENDPOINT)


def test_a_collection_is_there_after_the_fix(database: Database) -> None:
    comparison = compare(SERVICE, database)

    assert json.loads(comparison.leaking.result) == "MissingGreenlet"
    assert json.loads(comparison.fixed.result) > 0
    assert comparison.fixed.statements == 2


def test_what_leads_to_one_row_comes_by_a_join(database: Database) -> None:
    comparison = compare(ROWS, database)

    assert json.loads(comparison.leaking.result) == "MissingGreenlet"
    assert json.loads(comparison.fixed.result) == 50
    assert comparison.fixed.statements == 1


def test_a_response_model_reads_what_was_loaded(database: Database) -> None:
    comparison = compare(ENDPOINT, database)

    assert json.loads(comparison.leaking.result) == [500, 0]
    status, posts = json.loads(comparison.fixed.result)
    assert status == 200
    assert posts > 0
