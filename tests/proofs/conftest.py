"""The databases that proofs run on; PostgreSQL is skipped where it cannot start."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.proofs.databases import Database, PostgreSQL, SQLite, UnavailableError, postgresql

pytest.register_assert_rewrite("tests.proofs.verdicts")


@pytest.fixture(scope="session")
def sqlite(tmp_path_factory: pytest.TempPathFactory) -> SQLite:
    return SQLite(tmp_path_factory.mktemp("proofs"))


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgreSQL]:
    try:
        with postgresql() as server:
            yield server
    except UnavailableError as reason:
        pytest.skip(str(reason))


@pytest.fixture(params=["sqlite", "postgres"])
def database(request: pytest.FixtureRequest) -> Database:
    """Each of the databases in turn."""
    chosen: Database = request.getfixturevalue(request.param)
    return chosen
