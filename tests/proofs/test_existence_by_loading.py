"""One row tells whether there are any: the same answer, and not every row for it."""

from __future__ import annotations

import pytest

from tests.proofs.databases import Database
from tests.proofs.harness import Proof, compare
from tests.proofs.verdicts import assert_the_rest_stays_in_the_database

RULE = "LKS204"
ROWS = 20_000

PROOFS = (
    Proof(
        RULE,
        "whether there are accounts, by `if query.all()`",
        """\
        from database import SessionLocal
        from models import Account


        def is_any():
            with SessionLocal() as session:
                if session.query(Account).filter(Account.balance >= 0).all():
                    return "yes"
                return "no"
        """,
        "is_any()",
        repeats=2,
        at_scale=True,
    ),
    Proof(
        RULE,
        f"the truth and the length of {ROWS:,} rows",
        f"""\
        from crowd import posts
        from sqlalchemy import select
        from sqlalchemy.orm import Session

        from database import SessionLocal
        from models import Post

        posts({ROWS})


        def is_any_later(session: Session, key):
            if session.query(Post).filter(Post.id > key).all():
                return True
            rows = session.scalars(select(Post).where(Post.id > key)).all()
            return len(rows) > 0


        def answers():
            with SessionLocal() as session:
                return [is_any_later(session, 100), is_any_later(session, 10**9)]
        """,
        "answers()",
        repeats=2,
    ),
    Proof(
        RULE,
        "with asyncio, and a join that loads a collection",
        f"""\
        from crowd import posts
        from sqlalchemy import select
        from sqlalchemy.orm import joinedload

        from async_database import AsyncSessionLocal
        from models import Account

        posts({ROWS})


        async def is_there(name):
            async with AsyncSessionLocal() as session:
                query = select(Account).options(joinedload(Account.posts)).where(Account.name > name)
                result = await session.execute(query)
                return bool(result.unique().scalars().all())


        async def answers():
            return [await is_there("A"), await is_there("Z")]
        """,
        "answers()",
        repeats=2,
    ),
)

COUNTED = Proof(
    RULE,
    f"{ROWS:,} rows that are counted to see whether there are any",
    f"""\
    from crowd import posts

    from database import SessionLocal
    from models import Post

    posts({ROWS})


    def answers():
        with SessionLocal() as session:
            query = session.query(Post)
            return [query.filter(Post.id > 100).count() > 0, not query.filter(Post.id > 10**9).count()]
    """,
    "answers()",
    repeats=2,
)


@pytest.mark.slow
@pytest.mark.parametrize("proof", PROOFS, ids=lambda proof: proof.claim)
def test_one_row_is_enough(proof: Proof, database: Database) -> None:
    comparison = compare(proof, database)
    assert ".limit(1)" in comparison.remedy
    assert_the_rest_stays_in_the_database(comparison)


def test_a_count_stops_at_the_first_row(database: Database) -> None:
    comparison = compare(COUNTED, database)
    leaking, fixed = comparison.leaking, comparison.fixed

    assert comparison.remedy.count(".limit(1).count()") == 2
    assert (fixed.result, fixed.statements) == (leaking.result, leaking.statements)
