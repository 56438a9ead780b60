"""The rows of the knowledge tables agree with the real libraries, and the view over them finds what it should."""

from __future__ import annotations

import functools
import hashlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock

from sqla_leaklint.knowledge import TABLES, KnowledgeError, default_knowledge
from sqla_leaklint.knowledge.facts import Decoration, Executor, Fetch, Kind, LoadStrategy, Role
from sqla_leaklint.knowledge.notation import is_notation

TESTS = Path(__file__).parent
SOURCE = TESTS.parent / "src"

# The versions that the rows are checked against, besides what is installed: name of the environment, requirements.
ENVIRONMENTS = {
    "oldest": ["SQLAlchemy==1.4.36", "fastapi==0.106.0", "Flask-SQLAlchemy==2.5.1", "flask<2.3", "werkzeug<2.3"],
    "app-builder": ["SQLAlchemy==1.4.54", "fastapi==0.95.2", "Flask-AppBuilder==4.3.0", "pydantic<2", "setuptools<80"],
    "first-sqlmodel": ["SQLAlchemy==1.4.41", "fastapi==0.105.0", "sqlmodel==0.0.8", "pydantic<2"],
    "last-1.4": ["SQLAlchemy==1.4.54", "fastapi==0.95.2", "Flask-SQLAlchemy==3.0.5", "pydantic<2"],
    "first-2.0": ["SQLAlchemy==2.0.0", "fastapi==0.117.1"],
    "middle-2.0": ["SQLAlchemy==2.0.21", "fastapi==0.118.0"],
    "last-2.0": ["SQLAlchemy==2.0.57", "fastapi==0.121.0", "sqlmodel==0.0.16", "Flask-SQLAlchemy==3.1.1"],
    "newest": [
        "SQLAlchemy==2.1.9",
        "fastapi",
        "sqlmodel",
        "Flask-SQLAlchemy",
        "sse-starlette",
        "cachetools",
        "aiocache",
        "fastapi-cache2",
        "async-lru",
        "celery",
        "rq",
        "dramatiq",
        "arq",
        "APScheduler<4",
        "joblib",
        "click",
        "typer",
        "httpx",
        "aiohttp",
        "requests",
        "pandas",
        "memory-profiler",
        "line-profiler",
        "objgraph",
        "pympler",
        "pytest",
        "pytest-asyncio",
    ],
}


def environments_directory() -> Path:
    default = Path.home() / ".cache" / "sqla-leaklint" / "environments"
    return Path(os.environ.get("LEAKLINT_TEST_ENVIRONMENTS", default))


@functools.cache
def environment(name: str) -> Path:
    """The interpreter of an environment with those requirements; made at first use and kept."""
    requirements = [*ENVIRONMENTS[name], "greenlet", "httpx", "uvicorn"]
    base = shutil.which("python3.11") or sys.executable
    digest = hashlib.sha256(" ".join([base, *requirements]).encode()).hexdigest()[:12]
    directory = environments_directory() / f"{name}-{digest}"
    python = directory / ("Scripts" if os.name == "nt" else "bin") / "python"
    directory.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(f"{directory}.lock"):  # another worker of the tests may want it, too
        if not (directory / "complete").exists():
            subprocess.run([base, "-m", "venv", "--clear", directory], check=True)
            subprocess.run([python, "-m", "pip", "install", "-q", *requirements], check=True)
            (directory / "complete").touch()
    return python


@functools.cache
def report(python: Path) -> dict[str, Any]:
    """What the checker says about the libraries of that interpreter."""
    done = subprocess.run(
        [python, TESTS / "check_rows.py"],
        env={**os.environ, "PYTHONPATH": os.fspath(SOURCE)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_rows_agree_with_the_installed_libraries() -> None:
    found = report(Path(sys.executable))
    assert found["problems"] == []
    assert "SQLAlchemy" not in found["skipped"]
    assert found["checked"] > 4000


@pytest.mark.slow
@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_rows_agree_with_other_versions(name: str) -> None:
    found = report(environment(name))
    assert found["problems"] == []
    wanted = dict(requirement.split("==") for requirement in ENVIRONMENTS[name] if "==" in requirement)
    assert {key: found["versions"][key] for key in wanted if key in found["versions"]}.items() <= wanted.items()
    assert "SQLAlchemy" not in found["skipped"]
    assert "fastapi" not in found["skipped"]


@pytest.mark.slow
def test_every_name_exists_in_some_version() -> None:
    reports = [report(environment(name)) for name in ENVIRONMENTS]
    claimed = {name for found in reports for name in found["claimed"]}
    resolved = {name for found in reports for name in found["resolved"]}
    assert sorted(claimed - resolved) == []
    never_installed = set.intersection(*(set(found["skipped"]) for found in reports))
    assert never_installed == set()


def test_every_row_links_to_documentation() -> None:
    for table in TABLES:
        collections = [getattr(table, name) for name in table.__dataclass_fields__]
        for row in (row for rows in collections if isinstance(rows, tuple) for row in rows if hasattr(row, "docs")):
            assert row.docs.startswith("https://"), row


@pytest.mark.parametrize(
    ("path", "canonical"),
    [
        ("sqlalchemy.orm.Session", "sqlalchemy.orm.Session"),
        ("sqlalchemy.orm.session.Session", "sqlalchemy.orm.Session"),
        ("sqlalchemy.future.select", "sqlalchemy.select"),
        ("sqlalchemy.engine.base.Connection", "sqlalchemy.engine.Connection"),
        ("sqlalchemy.ext.declarative.declarative_base", "sqlalchemy.orm.declarative_base"),
        ("sqlmodel.create_engine", "sqlalchemy.create_engine"),
        ("sqlmodel.main.SQLModel", "sqlmodel.SQLModel"),
        ("fastapi.Request", "starlette.requests.Request"),
        ("fastapi.responses.StreamingResponse", "starlette.responses.StreamingResponse"),
        ("fastapi.concurrency.run_in_threadpool", "starlette.concurrency.run_in_threadpool"),
        ("boto3.Session", None),
        ("rich.progress.Progress", None),
    ],
)
def test_canonical_names(path: str, canonical: str | None) -> None:
    assert default_knowledge().canonical(path) == canonical


def test_methods_are_inherited() -> None:
    knowledge = default_knowledge()
    method = knowledge.method("sqlmodel.Session", "close")
    assert method is not None
    assert method.owner == "sqlalchemy.orm.Session"
    assert knowledge.returns("sqlmodel.Session", "exec") == "result"
    assert knowledge.returns("sqlalchemy.ext.asyncio.session.AsyncSession", "execute") == (
        "await sqlalchemy.engine.ChunkedIteratorResult"
    )
    assert knowledge.method("sqlalchemy.orm.Session", "remove") is None
    assert knowledge.is_a("sqlmodel.ext.asyncio.session.AsyncSession", Kind.ASYNC_SESSION)
    assert knowledge.is_a("fastapi.BackgroundTasks", Kind.BACKGROUND_TASKS)
    assert not knowledge.is_a("sqlmodel.Session", Kind.SESSION_REGISTRY)


def test_statements_and_results() -> None:
    knowledge = default_knowledge()
    step = knowledge.step("sqlmodel.sql.expression.SelectOfScalar", "limit")
    assert step is not None
    assert step.role is Role.BOUNDS
    legacy = knowledge.consumer("sqlalchemy.orm.Query", "first")
    modern = knowledge.consumer("sqlalchemy.engine.ScalarResult", "first")
    assert legacy is not None
    assert legacy.is_bounded
    assert modern is not None
    assert not modern.is_bounded
    streamed = knowledge.consumer("sqlalchemy.ext.asyncio.AsyncScalarResult", "__aiter__")
    assert streamed is not None
    assert streamed.fetch is Fetch.STREAMED
    assert knowledge.returns("sqlalchemy.engine.CursorResult", "scalars") == "sqlalchemy.engine.ScalarResult"
    assert knowledge.returns("sqlalchemy.ext.asyncio.AsyncResult", "all") == "await rows"


def test_small_tables() -> None:
    knowledge = default_knowledge()
    large = knowledge.column_type("sqlalchemy.dialects.postgresql.JSONB")
    small = knowledge.column_type("sqlalchemy.types.Integer")
    assert large is not None
    assert large.is_large
    assert small is not None
    assert not small.is_large
    assert knowledge.aggregate("sqlmodel.func.count") is not None
    assert knowledge.aggregate("sqlalchemy.sql.func.lower") is None
    assert knowledge.aggregate("acme.func.count") is None
    false = knowledge.lazy_value(False)
    missing = knowledge.lazy_value(None)
    assert false is not None
    assert false.strategy is LoadStrategy.JOINED
    assert missing is not None
    assert missing.strategy is LoadStrategy.NONE
    memoizer = knowledge.memoizer("functools.lru_cache")
    assert memoizer is not None
    assert memoizer.default_bound == 128
    post = knowledge.decorator_method("fastapi.FastAPI", "post")
    assert post is not None
    assert post.decoration is Decoration.ENDPOINT
    handoff = knowledge.handoff_method("fastapi.BackgroundTasks", "add_task")
    assert handoff is not None
    assert handoff.executor is Executor.BACKGROUND_TASK


@pytest.mark.parametrize(
    "text",
    [
        "self",
        "await self",
        "enter made",
        "await enter a.B",
        "arg 0",
        "arg session",
        "class a.B",
        "element arg 0",
        "schema item",
    ],
)
def test_notation(text: str) -> None:
    assert is_notation(text)


@pytest.mark.parametrize("text", ["", "Session", "await", "arg", "a.B await", "selfish", "class", "a..B"])
def test_what_is_no_notation(text: str) -> None:
    assert not is_notation(text)


def test_rows_of_a_project() -> None:
    settings = {
        "type": [
            {
                "name": "acme.db.Maker",
                "kind": "session factory",
                "makes": "sqlalchemy.orm.Session",
                "aliases": ["acme.Maker"],
            }
        ],
        "function": [{"name": "acme.db.maker", "returns": "acme.db.Maker"}],
        "method": [{"owner": "acme.db.Maker", "name": "shut", "returns": "none", "effect": "releases"}],
        "column-type": [{"name": "acme.types.Blob", "is-large": True}],
    }
    knowledge = default_knowledge().with_rows(settings)
    assert knowledge.is_a("acme.Maker", Kind.SESSION_FACTORY)
    assert knowledge.returns("acme.Maker", "shut") == "none"
    large = knowledge.column_type("acme.types.Blob")
    assert large is not None
    assert large.is_large
    assert default_knowledge().type("acme.Maker") is None
    assert {b"Maker", b".shut"} <= knowledge.trigger_words(["LKS101"])
    assert default_knowledge().with_rows({}) is default_knowledge()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"typ": []}, "knowledge.typ: no such kind of row; did you mean `type`?"),
        ({"type": {}}, "knowledge.type: must be an array of tables, `[[tool.leaklint.knowledge.type]]`"),
        ({"type": [{"name": "a.B"}]}, "knowledge.type[0]: `kind` is missing"),
        ({"type": [{"name": "a.B", "kind": "sesion"}]}, "did you mean `session`?"),
        ({"type": [{"name": 1, "kind": "session"}]}, "knowledge.type[0].name: must be a string, not 1"),
        (
            {"type": [{"name": "a.B", "kind": "session", "aliases": "a.C"}]},
            "knowledge.type[0].aliases: must be an array of strings",
        ),
        ({"type": [{"name": "a.B", "kind": "session", "makse": "a.C"}]}, "no such key `makse`; did you mean `makes`?"),
        (
            {"function": [{"name": "a.b", "returns": "a session"}]},
            "knowledge.function[0].returns: cannot read 'a session'",
        ),
        (
            {"column-type": [{"name": "a.B", "is_large": 1}]},
            "knowledge.column-type[0].is_large: must be true or false, not 1",
        ),
    ],
)
def test_rows_that_cannot_be_understood(settings: dict[str, object], message: str) -> None:
    with pytest.raises(KnowledgeError) as caught:
        default_knowledge().with_rows(settings)
    assert message in str(caught.value)


def is_triggered(text: str, *codes: str) -> bool:
    return any(word in text.encode() for word in default_knowledge().trigger_words(codes))


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("from sqlalchemy import select\n", "LKS201"),
        ("import sqlmodel as sm\n", "LKS201"),
        ("from flask_sqlalchemy import SQLAlchemy\n", "LKS110"),
        ("def rows(db, q):\n    return q.all()\n", "LKS201"),
        ("def rows(db, q):\n    return db.scalars(q)\n", "LKS201"),
        ("def send(tasks, user):\n    tasks.add_task(mail, user)\n", "LKS402"),
        ("import os, rq\n", "LKS406"),
        ("CACHE = {}\ndef put(key, value):\n    CACHE[key] = value\n", "LKS601"),
        ("SEEN = set()\ndef see(key):\n    SEEN.add(key)\n", "LKS601"),
        ("import functools as ft\n@ft.cache\ndef f(x): ...\n", "LKS602"),
        ("import httpx as h\n\n\ndef read():\n    return h.Client().get('x')\n", "LKS610"),
        ("from gc import disable\n", "LKS612"),
        ("import tracemalloc as t\nt.start()\n", "LKS701"),
        ("from memory_profiler import profile\n", "LKS702"),
        ("x = 1  # noqa: LKS101\n", "LKS901"),
    ],
)
def test_trigger_words_find(text: str, code: str) -> None:
    assert is_triggered(text, code)


@pytest.mark.parametrize(
    "text",
    [
        "import os\n\n\ndef join(a, b):\n    return os.path.join(a, b).strip()\n",
        "class A:\n    def __init__(self):\n        self.x = []\n\n    def first(self):\n        return self.x[0]\n",
        "def total(d):\n    return sum(d.get(key, 0) for key in d.values())\n",
    ],
)
def test_trigger_words_spare(text: str) -> None:
    assert not is_triggered(text, "LKS101", "LKS201", "LKS302", "LKS401", "LKS501")


def test_every_library_path_holds_a_trigger_word() -> None:
    """A file that imports anything of SQLAlchemy's, SQLModel's or FastAPI's under any alias is looked at."""
    roots = ("sqlalchemy", "sqlmodel", "flask_sqlalchemy", "fastapi", "starlette")
    rows = [row for table in TABLES for row in (*table.types, *table.functions)]
    paths = {path for row in rows for path in (row.name, *row.aliases) if path.startswith(roots)}
    assert len(paths) > 200
    for path in paths:
        module, _, name = path.rpartition(".")
        assert is_triggered(f"from {module} import {name}\n", "LKS101"), path
