"""What a response model reads comes with the rows: the same response, a handful of statements."""

from __future__ import annotations

import pytest

from tests.proofs.databases import Database
from tests.proofs.harness import Proof, compare

RULE = "LKS303"

PROOFS = (
    Proof(
        RULE,
        "a list with a collection of each row",
        """\
        from fastapi import Depends, FastAPI
        from fastapi.testclient import TestClient
        from pydantic import BaseModel
        from sqlalchemy import select
        from sqlalchemy.orm import Session

        from database import SessionLocal
        from models import Account

        app = FastAPI()


        class PostOut(BaseModel):
            id: int
            title: str


        class AccountOut(BaseModel):
            email: str
            posts: list[PostOut]


        def get_session():
            with SessionLocal() as session:
                yield session


        @app.get("/accounts", response_model=list[AccountOut])
        def accounts(limit: int = 100, session: Session = Depends(get_session)):
            return session.scalars(select(Account).order_by(Account.id).limit(limit)).all()


        def listed():
            with TestClient(app) as client:
                answer = client.get("/accounts").json()
            return [[each["email"], sorted(post["title"] for post in each["posts"])] for each in answer]
        """,
        "listed()",
    ),
    Proof(
        RULE,
        "one object of each row, in a model around the list",
        """\
        from fastapi import Depends, FastAPI
        from fastapi.testclient import TestClient
        from pydantic import BaseModel, ConfigDict
        from sqlalchemy.orm import Session

        from database import SessionLocal
        from models import Post

        app = FastAPI()


        class AccountOut(BaseModel):
            model_config = ConfigDict(from_attributes=True)
            name: str


        class PostOut(BaseModel):
            model_config = ConfigDict(from_attributes=True)
            title: str
            account: AccountOut


        class PostsOut(BaseModel):
            posts: list[PostOut]


        def get_session():
            with SessionLocal() as session:
                yield session


        @app.get("/posts", response_model=PostsOut)
        def posts(session: Session = Depends(get_session)):
            rows = session.query(Post).filter(Post.id <= 200).order_by(Post.id).all()
            return {"posts": rows}


        def listed():
            with TestClient(app) as client:
                return client.get("/posts").json()
        """,
        "listed()",
    ),
)


@pytest.mark.parametrize("proof", PROOFS, ids=lambda proof: proof.claim)
def test_what_a_response_needs_is_loaded_with_the_rows(proof: Proof, database: Database) -> None:
    comparison = compare(proof, database)
    leaking, fixed = comparison.leaking, comparison.fixed

    assert fixed.result == leaking.result
    assert fixed.statements <= 2
    assert leaking.statements > 20 * fixed.statements
    assert (fixed.held, fixed.failures) == (leaking.held, leaking.failures) == (0, 0)
