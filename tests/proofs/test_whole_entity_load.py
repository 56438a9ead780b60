"""Columns that nobody reads need not be loaded, nor entities made of them: the same rows and result, less memory."""

from __future__ import annotations

import pytest

from tests.proofs.databases import Database
from tests.proofs.harness import Proof, compare

RULE = "LKS202"

PROOFS = (
    Proof(
        RULE,
        "one column of a wide table",
        """\
        from sqlalchemy import select

        from database import SessionLocal
        from models import Account


        def addresses():
            with SessionLocal() as session:
                accounts = session.scalars(select(Account).order_by(Account.id)).all()
                return [account.email for account in accounts]
        """,
        "addresses()",
        at_scale=True,
    ),
    Proof(
        RULE,
        "a legacy query that joins and takes repeated entities out",
        """\
        from database import SessionLocal
        from models import Account, Post


        def addresses_of_authors():
            with SessionLocal() as session:
                accounts = (
                    session.query(Account)
                    .join(Post, Post.account_id == Account.id)
                    .filter(Post.id > 100)
                    .order_by(Account.id)
                    .all()
                )
                addresses = []
                for account in accounts:
                    addresses.append(account.email)
            return addresses
        """,
        "addresses_of_authors()",
    ),
    Proof(
        RULE,
        "two columns with asyncio",
        """\
        from sqlalchemy import select

        from async_database import AsyncSessionLocal
        from models import Account


        async def balances(country):
            async with AsyncSessionLocal() as session:
                result = await session.execute(select(Account).where(Account.country_code == country))
                accounts = result.scalars().all()
            return sum(account.balance for account in accounts if account.active)
        """,
        "balances('DE')",
    ),
)


@pytest.mark.parametrize("proof", PROOFS, ids=lambda proof: proof.claim)
def test_what_is_not_read_is_not_loaded(proof: Proof, database: Database) -> None:
    comparison = compare(proof, database)
    leaking, fixed = comparison.leaking, comparison.fixed

    keeps_entities = "load_only(Account." in comparison.remedy
    assert keeps_entities is ("takes repeated entities out" in proof.claim)
    assert fixed.result == leaking.result
    assert (fixed.statements, fixed.rows) == (leaking.statements, leaking.rows)
    assert (fixed.held, fixed.failures) == (leaking.held, leaking.failures) == (0, 0)
    assert fixed.peak * (1.5 if keeps_entities else 8) < leaking.peak


_ALONG = """\
from sqlalchemy import ForeignKey, Text, select
from sqlalchemy.orm import DeclarativeBase, Mapped, load_only, mapped_column, relationship

from database import SessionLocal


class Base(DeclarativeBase):
    pass


class Author(Base):
    __tablename__ = "accounts"

    id: Mapped[int] = mapped_column(primary_key=True)
    email: Mapped[str]
    biography: Mapped[str] = mapped_column(Text)
    posts: Mapped[list["Article"]] = relationship(lazy="selectin")


class Article(Base):
    __tablename__ = "posts"

    id: Mapped[int] = mapped_column(primary_key=True)
    account_id: Mapped[int] = mapped_column(ForeignKey("accounts.id"))


def addresses():
    with SessionLocal() as session:
        return [author.email for author in session.scalars(select(Author).order_by(Author.id)).all()]
"""
_OPTIONS = ".options(load_only(Author.email))"


def test_rows_spare_what_the_model_loads_along(database: Database) -> None:
    comparison = compare(Proof(RULE, "columns of a model with a collection", _ALONG, "addresses()"), database)

    assert comparison.fixed.result == comparison.leaking.result
    assert (comparison.fixed.statements, comparison.leaking.statements > 1) == (1, True)


def test_entities_of_some_columns_do_not(database: Database) -> None:
    remedy = _ALONG.replace("select(Author)", f"select(Author){_OPTIONS}")
    comparison = compare(Proof(RULE, "the same by an option", _ALONG, "addresses()", remedy=remedy), database)

    assert comparison.fixed.result == comparison.leaking.result
    assert comparison.fixed.statements == comparison.leaking.statements > 1
