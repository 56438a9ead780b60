"""How many connections a program has to its database, in use or waiting in some pool."""

from __future__ import annotations

import os
from typing import Any

from sqlalchemy import event
from sqlalchemy.pool import Pool

_SERVER = os.environ.get("PROOF_SERVER")
_open: set[int] = set()


@event.listens_for(Pool, "connect")
def _connected(connection: Any, _record: Any) -> None:
    _open.add(id(connection))


@event.listens_for(Pool, "close")
def _closed(connection: Any, _record: Any) -> None:
    _open.discard(id(connection))


def open_connections() -> int:
    """As the server counts them; where there is none, as the pools do."""
    if _SERVER is None:
        return len(_open)
    import psycopg

    query = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
    with psycopg.connect(_SERVER) as connection:
        row = connection.execute(query).fetchone()
    return int(row[0]) if row else 0
