"""Fills the tables."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from database import SessionLocal, engine
from models import Account, Base, Country, Post
from sqlalchemy import insert

_COUNTRIES = ("AT", "CH", "DE", "FR", "NL")
_START = datetime(2026, 1, 1)  # noqa: DTZ001  (the columns are without a zone)


BATCH = 10_000


def fill(rows: int) -> None:
    """`rows` accounts, two posts for each of them."""
    Base.metadata.create_all(engine)
    with SessionLocal.begin() as session:
        session.execute(insert(Country), [{"code": code, "name": code.lower()} for code in _COUNTRIES])
        for start in range(1, rows + 1, BATCH):
            session.execute(
                insert(Account), [_account(number) for number in range(start, min(start + BATCH, rows + 1))]
            )
        for start in range(1, 2 * rows + 1, BATCH):
            session.execute(insert(Post), [_post(number) for number in range(start, min(start + BATCH, 2 * rows + 1))])
    engine.dispose()


def _account(number: int) -> dict[str, Any]:
    return {
        "email": f"account{number}@example.org",
        "name": f"Account {number:06d}",
        "phone": f"{number:07d}",
        "street": f"Street {number}",
        "city": f"City {number % 50}",
        "country_code": _COUNTRIES[number % len(_COUNTRIES)],
        "language": "en",
        "active": number % 2 == 0,
        "biography": f"born on day {number} " * 20,
        "notes": f"note {number} " * 20,
        "preferences": {"theme": "dark", "columns": [number % 5, number % 7]},
        "created_at": _START + timedelta(minutes=number),
        "balance": number % 1000,
    }


def _post(number: int) -> dict[str, Any]:
    return {
        "account_id": (number + 1) // 2,
        "title": f"Post {number}",
        "body": f"line {number}\n" * 10,
        "published_at": _START + timedelta(minutes=number),
    }
