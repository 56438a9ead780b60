"""Which FastAPI a project runs on, read from the files that people have."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent

import pytest

from sqla_leaklint.domain.application.fastapi_version import (
    VersionRange,
    exact,
    fastapi_versions,
    moment_of_exit,
    parsed,
    specified,
)
from sqla_leaklint.knowledge import default_knowledge
from sqla_leaklint.knowledge.facts import Moment

UNKNOWN = VersionRange()
AFTER, BEFORE = Moment.AFTER_BACKGROUND_TASKS, Moment.BEFORE_RESPONSE


def moment(versions: VersionRange, scope: str = "") -> Moment | None:
    return moment_of_exit(default_knowledge().dependency_exits, versions, scope)


@pytest.mark.parametrize(
    ("version", "request_scope", "function_scope"),
    [
        ("0.95.2", AFTER, None),
        ("0.105.0", AFTER, None),
        ("0.106.0", BEFORE, None),
        ("0.117.1", BEFORE, None),
        ("0.118.0", AFTER, None),
        ("0.120.4", AFTER, None),
        ("0.121.0", AFTER, BEFORE),
        ("0.163.2", AFTER, BEFORE),
        ("1.0", AFTER, BEFORE),
    ],
)
def test_the_moment_of_exit(version: str, request_scope: Moment, function_scope: Moment | None) -> None:
    assert moment(exact(version)) is moment(exact(version), "request") is request_scope
    assert moment(exact(version), "function") is function_scope


@pytest.mark.parametrize(
    ("specifier", "since", "until", "expected"),
    [
        (">=0.115,<0.117", (0, 115), (0, 117), BEFORE),
        (">= 0.115 , < 0.118.0", (0, 115), (0, 118, 0), BEFORE),
        (">=0.115,<=0.118", (0, 115), (0, 118, 1), None),
        (">=0.106,<=0.117.1", (0, 106), (0, 117, 1, 1), BEFORE),
        ("<0.106", (0,), (0, 106), AFTER),
        (">=0.118", (0, 118), UNKNOWN.until, AFTER),
        (">=0.110", (0, 110), UNKNOWN.until, None),
        ("^0.110", (0, 110), (0, 111), BEFORE),
        ("^0.117.1", (0, 117, 1), (0, 118), BEFORE),
        ("~0.105.0", (0, 105, 0), (0, 106), AFTER),
        ("~=0.110.2", (0, 110, 2), (0, 111), BEFORE),
        ("~=0.110", (0, 110), (1,), None),
        ("==0.117.*", (0, 117), (0, 118), BEFORE),
        ("==0.110.1", (0, 110, 1), (0, 110, 2), BEFORE),
        ("0.110", (0, 110, 0), (0, 110, 1), BEFORE),
        (">=0.106,!=0.112.0,<0.118", (0, 106), (0, 118), BEFORE),
        ("*", (0,), UNKNOWN.until, None),
        ("", (0,), UNKNOWN.until, None),
        ("latest", (0,), UNKNOWN.until, None),
    ],
)
def test_specifiers(specifier: str, since: tuple[int, ...], until: tuple[int, ...], expected: Moment | None) -> None:
    versions = specified(specifier)
    assert versions == VersionRange(since, until)
    assert moment(versions) is expected


def test_what_follows_the_numbers_does_not_count() -> None:
    assert parsed(" 0.110.0rc1") == parsed("0.110.0.post1") == (0, 110, 0)


UV = """\
version = 1

[[package]]
name = "fastapi-cli"
version = "0.0.5"

[[package]]
name = "fastapi"
version = "0.117.1"
source = { registry = "https://pypi.org/simple" }
"""
POETRY = '[[package]]\nname = "fastapi"\nversion = "0.110.0"\ndescription = "FastAPI framework"\n'
PIPENV = '{"default": {"fastapi": {"hashes": ["sha256:0"], "index": "pypi", "version": "==0.105.0"}}}'

FILES = [
    ("uv.lock", UV, exact("0.117.1")),
    ("uv.lock", UV.replace("\n", "\r\n"), exact("0.117.1")),
    ("poetry.lock", POETRY, exact("0.110.0")),
    ("pdm.lock", POETRY, exact("0.110.0")),
    ("Pipfile.lock", PIPENV, exact("0.105.0")),
    ("uv.lock", UV + POETRY, VersionRange((0, 110, 0), (0, 117, 2))),
    ("uv.lock", '[[package]]\nname = "fastapi-users"\nversion = "12.0.0"\n', UNKNOWN),
    ("uv.lock", "\x00 not a lock file", UNKNOWN),
    ("requirements.txt", "uvicorn==0.30\nfastapi==0.110.0\n", exact("0.110.0")),
    ("requirements.txt", "FastAPI[standard] == 0.110.0  # pinned\n", exact("0.110.0")),
    ("requirements.txt", "fastapi [all]>=0.106,<0.118 ; python_version > '3.8'\n", VersionRange((0, 106), (0, 118))),
    ("requirements.txt", "fastapi==0.110.0 \\\n    --hash=sha256:aa\n", exact("0.110.0")),
    ("requirements-prod.txt", "fastapi~=0.110.0\n", VersionRange((0, 110, 0), (0, 111))),
    ("requirements/base.txt", "fastapi<0.106\n", VersionRange((0,), (0, 106))),
    ("requirements.txt", "# fastapi==0.110.0\nfastapi\nfastapi-users==12.0.0\n", UNKNOWN),
    ("requirements.txt", "fastapi\n==0.1\n", VersionRange((0, 1, 0), (0, 1, 1))),
    ("requirements.txt", "fastapi @ git+https://github.com/fastapi/fastapi\n", UNKNOWN),
    (
        "pyproject.toml",
        '[project]\ndependencies = ["uvicorn", "fastapi>=0.115,<0.117"]\n',
        VersionRange((0, 115), (0, 117)),
    ),
    (
        "pyproject.toml",
        "[project]\ndependencies = [\n    'fastapi[standard]==0.110.*',\n]\n",
        VersionRange((0, 110), (0, 111)),
    ),
    ("pyproject.toml", '[tool.poetry.dependencies]\nfastapi = "^0.110"\n', VersionRange((0, 110), (0, 111))),
    (
        "pyproject.toml",
        '[tool.poetry.dependencies]\nfastapi = { extras = ["all"], version = "^0.110.1" }\n',
        VersionRange((0, 110, 1), (0, 111)),
    ),
    (
        "pyproject.toml",
        '[tool.poetry.dependencies.fastapi]\nextras = ["all"]\nversion = "~0.105"\n',
        VersionRange((0, 105), (0, 106)),
    ),
    (
        "pyproject.toml",
        '[tool.poetry.group.web.dependencies.fastapi]\nversion = "0.118.0"\n',
        exact("0.118.0"),
    ),
    (
        "pyproject.toml",
        '[tool.poetry.dependencies.fastapi]\npath = "x"\n[tool.poetry.dependencies.a]\nversion = "1"\n',
        UNKNOWN,
    ),
    ("pyproject.toml", '[tool.poetry.dependencies]\nfastapi = "*"\n', UNKNOWN),
    ("pyproject.toml", '[project]\ndependencies = ["fastapi"]\n', UNKNOWN),
    ("setup.cfg", "[options]\n", UNKNOWN),
]


@pytest.mark.parametrize(("name", "text", "expected"), FILES)
def test_files_say_the_version(name: str, text: str, expected: VersionRange, tmp_path: Path) -> None:
    write(tmp_path / name, text)
    assert fastapi_versions(tmp_path, None) == expected


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(dedent(text).encode())


def test_a_file_in_utf_16_is_read(tmp_path: Path) -> None:
    (tmp_path / "requirements.txt").write_bytes("fastapi==0.110.0\r\n".encode("utf-16"))
    assert fastapi_versions(tmp_path, None) == exact("0.110.0")


def test_a_lock_file_says_more_than_a_range(tmp_path: Path) -> None:
    write(tmp_path / "pyproject.toml", '[project]\ndependencies = ["fastapi>=0.100"]\n')
    write(tmp_path / "poetry.lock", POETRY)
    assert fastapi_versions(tmp_path, None) == exact("0.110.0")


def test_the_lock_file_of_a_workspace_lies_above(tmp_path: Path) -> None:
    (tmp_path / "repository" / ".git").mkdir(parents=True)
    write(tmp_path / "repository" / "uv.lock", UV)
    member = tmp_path / "repository" / "packages" / "api"
    write(member / "pyproject.toml", '[project]\ndependencies = ["fastapi>=0.100"]\n')
    assert fastapi_versions(member, None) == exact("0.117.1")


def test_a_lock_file_that_contradicts_the_project_is_another_one_s(tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    write(tmp_path / "uv.lock", UV)
    write(tmp_path / "service" / "requirements.txt", "fastapi>=0.120\n")
    assert fastapi_versions(tmp_path / "service", None) == VersionRange((0, 120))


def test_nothing_above_the_repository_is_read(tmp_path: Path) -> None:
    write(tmp_path / "uv.lock", UV)
    (tmp_path / "repository" / ".git").mkdir(parents=True)
    assert fastapi_versions(tmp_path / "repository", None) == UNKNOWN
    (tmp_path / "no_repository").mkdir()
    assert fastapi_versions(tmp_path / "no_repository", None) == UNKNOWN


def test_the_setting_wins(tmp_path: Path) -> None:
    write(tmp_path / "uv.lock", UV)
    assert fastapi_versions(tmp_path, "0.118.0") == exact("0.118.0")
    assert fastapi_versions(tmp_path, ">=0.121") == VersionRange((0, 121))
    assert fastapi_versions(None, "0.118.0") == exact("0.118.0")


def test_a_setting_without_a_version_says_nothing(tmp_path: Path) -> None:
    assert fastapi_versions(tmp_path, "newest") == UNKNOWN
    assert moment(fastapi_versions(tmp_path, "newest")) is None


def test_without_a_project_nothing_is_known() -> None:
    assert fastapi_versions(None, None) == UNKNOWN
