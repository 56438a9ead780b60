"""A connection that nobody closes stays checked out; under `with` it goes back, and nothing else changes."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from sqla_leaklint.config import Settings
from sqla_leaklint.linter import run as linter
from sqla_leaklint.linter.discovery import discover
from tests.proofs.databases import SECONDS, Database
from tests.proofs.harness import Proof, compare
from tests.proofs.verdicts import assert_connections_are_given_back
from tests.test_knowledge import environment

RULE = "LKS502"

PROOFS = (
    Proof(
        RULE,
        "a connection is opened and forgotten",
        """\
        from sqlalchemy import func, select

        from database import engine
        from models import Account


        def accounts_by_country():
            connection = engine.connect()
            rows = connection.execute(
                select(Account.country_code, func.count()).group_by(Account.country_code).order_by(Account.country_code)
            ).fetchall()
            return {code: count for code, count in rows}
        """,
        "accounts_by_country()",
    ),
    Proof(
        RULE,
        "a chain of calls",
        """\
        from sqlalchemy import text

        from database import engine


        def number_of_accounts():
            return engine.connect().execution_options(stream_results=True).scalar(text("select count(*) from accounts"))
        """,
        "number_of_accounts()",
    ),
    Proof(
        RULE,
        "a loop over a chain of calls",
        """\
        from sqlalchemy import text

        from database import engine


        def number_of_accounts():
            number = 0
            for row in engine.connect().execute(text("select id from accounts order by id")):
                number += 1
            return number
        """,
        "number_of_accounts()",
    ),
    Proof(
        RULE,
        "the same with asyncio",
        """\
        from sqlalchemy import func, select

        from async_database import engine
        from models import Account


        async def active_accounts():
            connection = await engine.connect()
            count = await connection.scalar(select(func.count()).select_from(Account).where(Account.active))
            return count or 0
        """,
        "active_accounts()",
    ),
    Proof(
        RULE,
        "a generator without `finally`, left early",
        """\
        from sqlalchemy import text

        from database import engine


        def connections():
            connection = engine.connect()
            yield connection
            connection.close()


        def first():
            for connection in connections():
                return connection.scalar(text("select count(*) from accounts"))
        """,
        "first()",
    ),
    Proof(
        RULE,
        "the database refuses a statement, and the close is skipped",
        """\
        from sqlalchemy import text
        from sqlalchemy.exc import DBAPIError

        from database import engine


        def size(table):
            connection = engine.connect()
            number = connection.scalar(text(f"select count(*) from {table}"))
            connection.close()
            return number


        def size_of_nothing():
            try:
                return size("nothing")
            except DBAPIError:
                return "there is none"
        """,
        "size_of_nothing()",
    ),
)

SERVED = Proof(
    RULE,
    "an endpoint opens a connection and forgets it",
    """\
    from fastapi import FastAPI
    from sqlalchemy import func, select

    from database import engine
    from models import Account
    from served import ask, noted

    app = FastAPI()


    @app.get("/countries/{code}")
    def read(code: str):
        connection = engine.connect()
        return connection.scalar(select(func.count()).where(Account.country_code == code))


    async def answer_seven():
        answers = await ask(app, *["/countries/AT"] * 7)
        noted["requests that fail (of 7)"] = sum(status != 200 for status, _ in answers)
        noted["connections out after them"] = engine.pool.checkedout()
        return answers[0][1] if answers[0][0] == 200 else max(text for _, text in answers)
    """,
    "answer_seven()",
    repeats=1,
)


@pytest.mark.parametrize("proof", PROOFS, ids=lambda proof: proof.claim)
def test_a_fixed_connection_goes_back_to_the_pool(proof: Proof, database: Database) -> None:
    comparison = compare(proof, database)
    leaking, fixed = comparison.leaking, comparison.fixed

    assert fixed.result == leaking.result
    assert (fixed.statements, fixed.rows) == (leaking.statements, leaking.rows)

    assert_connections_are_given_back(comparison)


def test_requests_go_without_the_connections_of_others(database: Database) -> None:
    comparison = compare(SERVED, database)
    leaking, fixed = comparison.leaking, comparison.fixed

    assert leaking.noted["requests that fail (of 7)"] >= 2
    assert leaking.noted["connections out after them"] == 5
    assert (fixed.noted["requests that fail (of 7)"], fixed.noted["connections out after them"]) == (0, 0)


# --- what is kept hangs on the version --------------------------------------------------------------------------------

HEAD = """\
from sqlalchemy import create_engine, text
from sqlalchemy.pool import QueuePool

engine = create_engine("sqlite:///proof.db", poolclass=QueuePool, pool_size=5, max_overflow=0)
"""

SHAPES = {
    "run SQL": 'c = engine.connect(); c.execute(text("select 1"))',
    "run SQL and read all": 'c = engine.connect(); c.execute(text("select 1")).fetchall()',
    "chain": 'engine.connect().execute(text("select 1")).fetchall()',
    "begin": "c = engine.connect(); c.begin()",
    "begin and commit": 'c = engine.connect(); t = c.begin(); c.execute(text("select 1")); t.commit()',
    "begin by with": "c = engine.connect()\n    with c.begin():\n        c.execute(text('select 1'))",
    "connect": "c = engine.connect(); c.in_transaction()",
    "raw": 'c = engine.raw_connection(); c.cursor().execute("select 1")',
}
KEPT_FROM_2_0 = {"run SQL", "run SQL and read all", "chain", "begin"}
KEPT_BEFORE = {"begin"}

DRIVER = """\
import gc
import json
import program

gc.disable()
kept = []
for name, function in program.shapes.items():
    function()
    if program.engine.pool.checkedout():
        kept.append(name)
    gc.collect()
    assert not program.engine.pool.checkedout()
print(json.dumps(kept))
"""


def _program() -> str:
    functions = [f"def shape_{place}():\n    {text}\n" for place, text in enumerate(SHAPES.values())]
    names = ", ".join(f"{name!r}: shape_{place}" for place, name in enumerate(SHAPES))
    return "\n\n".join((HEAD, *functions, f"shapes = {{{names}}}\n"))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "version", "kept"),
    [
        ("oldest", "1.4.36", KEPT_BEFORE),
        ("last-1.4", "1.4.54", KEPT_BEFORE),
        ("first-2.0", "2.0.0", KEPT_FROM_2_0),
        ("last-2.0", "2.0.57", KEPT_FROM_2_0),
        ("newest", "", KEPT_FROM_2_0),
    ],
)
def test_what_is_reported_is_what_is_kept(name: str, version: str, kept: set[str], tmp_path: Path) -> None:
    program = _program()
    (tmp_path / "program.py").write_text(program, encoding="utf-8")
    (tmp_path / "driver.py").write_text(DRIVER, encoding="utf-8")
    requirement = f"sqlalchemy=={version}" if version else "sqlalchemy"
    (tmp_path / "requirements.txt").write_text(f"{requirement}\n", encoding="utf-8")
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "proof"\n', encoding="utf-8")
    done = subprocess.run(
        [environment(name), "driver.py"], cwd=tmp_path, capture_output=True, text=True, timeout=SECONDS, check=False
    )
    assert done.returncode == 0, done.stderr
    assert set(json.loads(done.stdout)) == kept

    settings = Settings(select=(RULE,))
    files = list(discover([str(tmp_path / "program.py")], lambda _: settings))
    lines = {one.location.span.line for one in linter.run(files, lambda _: settings).diagnostics}
    place = {text.splitlines()[0]: name for name, text in SHAPES.items()}
    reported = {place[text.strip()] for number, text in enumerate(program.splitlines(), 1) if number in lines}
    assert reported == kept
