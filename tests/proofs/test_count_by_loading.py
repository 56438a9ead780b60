"""The database counts what was loaded to be counted: the same number, and one row for it."""

from __future__ import annotations

import pytest

from tests.proofs.databases import Database
from tests.proofs.harness import Proof, compare

RULE = "LKS203"
ROWS = 20_000

PROOFS = (
    Proof(
        RULE,
        "how many accounts, by `len(query.all())`",
        """\
        from database import SessionLocal
        from models import Account


        def number():
            with SessionLocal() as session:
                return len(session.query(Account).filter(Account.balance >= 0).all())
        """,
        "number()",
        repeats=2,
        at_scale=True,
    ),
    Proof(
        RULE,
        f"a legacy query of {ROWS:,} rows",
        f"""\
        from crowd import posts

        from database import SessionLocal
        from models import Post

        posts({ROWS})


        def number():
            with SessionLocal() as session:
                return len(session.query(Post).filter(Post.id > 5).order_by(Post.title).all())
        """,
        "number()",
        repeats=2,
    ),
    Proof(
        RULE,
        f"a statement of {ROWS:,} rows, and an iterator over them",
        f"""\
        from crowd import posts
        from sqlalchemy import select

        from database import SessionLocal
        from models import Account, Post

        posts({ROWS})


        def numbers():
            with SessionLocal() as session:
                listed = len(list(session.scalars(select(Post).offset(3))))
                fetched = len(session.execute(select(Post.id, Account.id).join(Account)).fetchall())
                return listed, fetched, sum(1 for _ in session.query(Post.title).distinct())
        """,
        "numbers()",
        repeats=2,
    ),
    Proof(
        RULE,
        "with asyncio, by name",
        f"""\
        from crowd import posts
        from sqlalchemy import select
        from sqlalchemy.orm import selectinload

        from async_database import AsyncSessionLocal
        from models import Post

        posts({ROWS})


        async def number():
            async with AsyncSessionLocal() as session:
                result = await session.execute(select(Post).options(selectinload(Post.account)).where(Post.id > 9))
                rows = result.scalars().all()
                if not rows:
                    return "none"
                return f"{{len(rows)}} posts"
        """,
        "number()",
        repeats=2,
    ),
)


@pytest.mark.slow
@pytest.mark.parametrize("proof", PROOFS, ids=lambda proof: proof.claim)
def test_a_number_is_one_row(proof: Proof, database: Database) -> None:
    comparison = compare(proof, database)
    leaking, fixed = comparison.leaking, comparison.fixed

    assert "count()" in comparison.remedy
    assert fixed.result == leaking.result
    assert fixed.statements <= leaking.statements
    assert fixed.rows <= 5
    assert leaking.rows >= 2000
    assert (fixed.held, fixed.failures) == (leaking.held, leaking.failures) == (0, 0)
    assert fixed.peak * 10 < leaking.peak
