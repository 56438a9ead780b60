"""Makes a table long, by copies of its rows; for programs whose waste shows in large tables only."""

from __future__ import annotations

from database import SessionLocal
from models import Account, Post
from sqlalchemy import func, insert, select

_COPIED = [Post.account_id, Post.title, Post.body, Post.published_at]


def posts(rows: int) -> None:
    """Fill the table of posts up to that many, in whole copies of what is there."""
    with SessionLocal.begin() as session:
        there = session.scalar(select(func.count()).select_from(Post)) or 1
        copies = select(*_COPIED).join(Account, Account.id < rows // there)
        session.execute(insert(Post).from_select([column.key for column in _COPIED], copies))
