"""Which version of any library a project runs on, read from the files that people have."""

from __future__ import annotations

from pathlib import Path

import pytest

from sqla_leaklint.domain.application.versions import VersionRange, exact, specified, versions_below

FILES = [
    ("uv.lock", '[[package]]\nname = "sqlalchemy"\nversion = "1.4.54"\n', exact("1.4.54")),
    ("poetry.lock", '[[package]]\nname = "SQLAlchemy"\nversion = "2.0.44"\n', exact("2.0.44")),
    ("requirements.txt", "SQLAlchemy[asyncio]==1.4.46\nSQLAlchemy-Utils==0.38\n", exact("1.4.46")),
    ("requirements.txt", "SQLAlchemy-Utils==0.38\n", VersionRange()),
    ("pyproject.toml", '[tool.poetry.dependencies]\nSQLAlchemy = "^1.4.36"\n', VersionRange((1, 4, 36), (2,))),
    ("pyproject.toml", '[project]\ndependencies = ["sqlalchemy>=1.4,<2"]\n', VersionRange((1, 4), (2,))),
    ("setup.cfg", "[options]\ninstall_requires =\n    sqlalchemy>=1.3.18, <1.4\n", VersionRange((1, 3, 18), (1, 4))),
    ("setup.py", 'setup(install_requires=["sqlalchemy>=1.4, <2.0"])\n', VersionRange((1, 4), (2, 0))),
]


@pytest.mark.parametrize(("name", "text", "expected"), FILES)
def test_files_say_the_version(name: str, text: str, expected: VersionRange, tmp_path: Path) -> None:
    (tmp_path / name).write_text(text, encoding="utf-8")
    assert versions_below(tmp_path, "sqlalchemy") == expected
    assert versions_below(tmp_path, "fastapi") == VersionRange()


def test_a_caret_keeps_the_first_number_that_is_not_zero() -> None:
    assert specified("^2.0.1") == VersionRange((2, 0, 1), (3,))
    assert specified("^0.110") == VersionRange((0, 110), (0, 111))
    assert specified("^0.0.3") == VersionRange((0, 0, 3), (0, 0, 4))


def test_without_a_project_nothing_is_known() -> None:
    assert versions_below(None, "sqlalchemy") == VersionRange()
