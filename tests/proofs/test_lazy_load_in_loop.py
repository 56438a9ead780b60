"""A relationship that comes with the rows is not asked for row by row: the same result, a handful of statements."""

from __future__ import annotations

import pytest

from tests.proofs.databases import Database
from tests.proofs.harness import Proof, compare

RULE = "LKS301"

PROOFS = (
    Proof(
        RULE,
        "a collection of each row",
        """\
        from sqlalchemy import select

        from database import SessionLocal
        from models import Account


        def titles():
            with SessionLocal() as session:
                accounts = session.scalars(select(Account).where(Account.id <= 100).order_by(Account.id))
                return [[account.email, sorted(post.title for post in account.posts)] for account in accounts]
        """,
        "titles()",
    ),
    Proof(
        RULE,
        "one object of each row",
        """\
        from database import SessionLocal
        from models import Post


        def authors():
            with SessionLocal() as session:
                names = []
                for post in session.query(Post).filter(Post.id <= 400).order_by(Post.id).all():
                    names.append(post.account.name)
            return names
        """,
        "authors()",
    ),
    Proof(
        RULE,
        "both, in nested loops and in a function that is called there",
        """\
        from sqlalchemy import select

        from database import SessionLocal
        from models import Account, Post


        def line(post):
            return f"{post.title} by {post.account.name}"


        def lines():
            with SessionLocal() as session:
                result = []
                for post in session.scalars(select(Post).where(Post.title.like("%0")).order_by(Post.id)):
                    result.append(line(post))
                for account in session.query(Account).filter(Account.city == "City 3").order_by(Account.id):
                    for post in account.posts:
                        result.append(post.title)
            return sorted(result)
        """,
        "lines()",
    ),
    Proof(
        RULE,
        "one object of each row, while the rows are locked",
        """\
        from sqlalchemy import select

        from database import SessionLocal
        from models import Post


        def cities():
            with SessionLocal() as session:
                statement = select(Post).where(Post.id <= 200).order_by(Post.id).with_for_update()
                return [post.account.city for post in session.scalars(statement)]
        """,
        "cities()",
    ),
)


@pytest.mark.parametrize("proof", PROOFS, ids=lambda proof: proof.claim)
def test_what_is_loaded_with_the_rows_is_not_asked_for(proof: Proof, database: Database) -> None:
    comparison = compare(proof, database)
    leaking, fixed = comparison.leaking, comparison.fixed

    assert fixed.result == leaking.result
    assert fixed.statements <= 4
    assert leaking.statements > 20 * fixed.statements
    assert (fixed.held, fixed.failures) == (leaking.held, leaking.failures) == (0, 0)
