"""What a session has yet to insert is all in memory; flushed a thousand at a time, a thousand objects are."""

from __future__ import annotations

import pytest

from tests.proofs.databases import Database
from tests.proofs.harness import Proof, compare

RULE = "LKS111"

_FILE = """\
import csv
import tempfile
from datetime import datetime

from sqlalchemy import func, select
"""
_WRITTEN = """\
with tempfile.NamedTemporaryFile("w", suffix=".csv", newline="", delete=False) as file:
    writer = csv.writer(file)
    writer.writerows([number % 500 + 1, f"Post {number}", "line" * 20] for number in range(4_000))
PATH = file.name
"""

PROOFS = (
    Proof(
        RULE,
        "4,000 rows of a CSV file",
        f"""\
{_FILE}
from database import SessionLocal
from models import Post

{_WRITTEN}

def import_posts():
    with SessionLocal() as session:
        with open(PATH, newline="") as file:
            for account, title, body in csv.reader(file):
                post = Post(account_id=int(account), title=title, body=body, published_at=datetime(2026, 1, 1))
                session.add(post)
        number = session.scalar(select(func.count()).select_from(Post))
        session.rollback()
    return number
""",
        "import_posts()",
        repeats=2,
    ),
    Proof(
        RULE,
        "the same with asyncio",
        f"""\
{_FILE}
from async_database import AsyncSessionLocal
from models import Post

{_WRITTEN}

def new_post(row):
    account, title, body = row
    return Post(account_id=int(account), title=title, body=body, published_at=datetime(2026, 1, 1))


async def import_posts():
    async with AsyncSessionLocal() as session:
        with open(PATH, newline="") as file:
            for row in csv.reader(file):
                session.add(new_post(row))
        number = await session.scalar(select(func.count()).select_from(Post))
        await session.rollback()
    return number
""",
        "import_posts()",
        repeats=2,
    ),
    Proof(
        RULE,
        "a copy of each of 4,000 posts, passed over by `continue`",
        """\
from datetime import datetime

from sqlalchemy import func, select

from database import SessionLocal
from models import Post


def copy():
    with SessionLocal() as session:
        for post_id, title in session.execute(select(Post.id, Post.title).order_by(Post.id)).all():
            session.add(Post(account_id=1, title=title, body="copy" * 20, published_at=datetime(2026, 1, 1)))
            if post_id % 1000 == 0:
                continue
            assert title
        number = session.scalar(select(func.count()).select_from(Post))
        session.rollback()
    return number
""",
        "copy()",
        repeats=2,
    ),
    Proof(
        RULE,
        "4,000 objects by `add_all`, made in chunks by hand",
        """\
from datetime import datetime

from sqlalchemy import func, select

from database import SessionLocal
from models import Post


def write():
    day = datetime(2026, 1, 1)
    with SessionLocal() as session:
        session.add_all([Post(account_id=1, title=f"{n}", body="", published_at=day) for n in range(4_000)])
        number = session.scalar(select(func.count()).select_from(Post))
        session.rollback()
    return number
""",
        "write()",
        repeats=2,
        remedy="""\
from datetime import datetime

from sqlalchemy import func, select

from database import SessionLocal
from models import Post


def write():
    day = datetime(2026, 1, 1)
    with SessionLocal() as session:
        for start in range(0, 4_000, 1000):
            numbers = range(start, start + 1000)
            session.add_all([Post(account_id=1, title=f"{n}", body="", published_at=day) for n in numbers])
            session.flush()
        number = session.scalar(select(func.count()).select_from(Post))
        session.rollback()
    return number
""",
    ),
)


@pytest.mark.parametrize("proof", PROOFS, ids=lambda proof: proof.claim)
def test_what_is_flushed_is_freed(proof: Proof, database: Database) -> None:
    comparison = compare(proof, database)
    leaking, fixed = comparison.leaking, comparison.fixed

    assert fixed.result == leaking.result
    assert (fixed.held, fixed.failures) == (leaking.held, leaking.failures) == (0, 0)
    assert fixed.peak * 5 < leaking.peak * 3
