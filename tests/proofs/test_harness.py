"""The harness on programs whose numbers are known beforehand."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from tests.proofs.databases import ROWS, Database, SQLite
from tests.proofs.harness import Proof, ProofError, compare, section
from tests.proofs.measure import HEADING, with_section

PROGRAM = """\
from sqlalchemy import select

from database import SessionLocal
from models import Account


def emails():
    with SessionLocal() as session:
        accounts = session.scalars(select(Account).order_by(Account.id)).all()
        return [account.email for account in accounts]
"""

REMEDY = """\
from sqlalchemy import select

from database import SessionLocal
from models import Account


def emails():
    with SessionLocal() as session:
        return list(session.scalars(select(Account.email).order_by(Account.id)))
"""

PROOF = Proof("LKS202", "only the addresses are read", PROGRAM, "emails()", repeats=2, remedy=REMEDY)


def test_results_rows_statements_and_memory_are_measured(database: Database) -> None:
    comparison = compare(PROOF, database)
    assert json.loads(comparison.leaking.result)[:2] == ["account1@example.org", "account2@example.org"]
    assert comparison.leaking.result == comparison.fixed.result
    assert (comparison.leaking.statements, comparison.leaking.rows) == (1, ROWS)
    assert (comparison.fixed.statements, comparison.fixed.rows) == (1, ROWS)
    assert comparison.leaking.peak > 4 * comparison.fixed.peak > 0
    assert comparison.leaking.held == comparison.fixed.held == 0


def test_streamed_rows_are_counted(database: Database) -> None:
    streamed = PROGRAM.replace(".order_by(Account.id)", ".execution_options(yield_per=100).limit(250)")
    comparison = compare(replace(PROOF, remedy=streamed, call="len(emails())"), database)
    assert (comparison.fixed.result, comparison.fixed.rows) == ("250", 250)


def test_every_run_has_a_database_of_its_own(sqlite: SQLite) -> None:
    deleting = """\
    from sqlalchemy import delete

    from database import SessionLocal
    from models import Post


    def prune():
        with SessionLocal.begin() as session:
            return session.execute(delete(Post)).rowcount
    """
    comparison = compare(Proof("LKS101", "", deleting, "prune()", remedy=deleting), sqlite)
    assert comparison.leaking.result == comparison.fixed.result == str(2 * ROWS)


def test_a_program_that_fails_is_an_error(sqlite: SQLite) -> None:
    with pytest.raises(ProofError, match="ZeroDivisionError"):
        compare(replace(PROOF, call="1 / 0"), sqlite)


def test_a_program_without_a_leak_has_nothing_to_fix(sqlite: SQLite) -> None:
    with pytest.raises(ProofError, match="nothing was fixed"):
        compare(Proof("LKS101", "", "x = 1\n", "x"), sqlite)


def test_the_section_replaces_the_old_one(sqlite: SQLite) -> None:
    body = section([compare(PROOF, sqlite)])
    assert "| program | database | peak memory |\n|---|---|---|\n| only the addresses are read | SQLite | " in body
    assert "Equal before and after: result, statements, rows." in body
    page = "# `x` (`LKS202`)\n\n## Measured\n\nold\n\n## References\n\n- y\n"
    new = with_section(page, HEADING, body)
    assert "old" not in new
    assert new.index(body) < new.index("## References\n\n- y\n")
    assert with_section(new, HEADING, body) == new
    assert with_section("# t\n\n## Known problems\n\nz\n", HEADING, body).startswith("# t\n\n## Measured\n\n")


SERVED = """\
import time

from fastapi import FastAPI

from served import ask, kept, longest_wait, noted

app = FastAPI()
seen = []


@app.get("/answer/{number}")
async def answer(number: int):
    seen.append(bytes(10_000))
    return number


@app.get("/block")
async def block():
    time.sleep(0.3)


async def answers():
    noted["bytes kept of a request"] = await kept(app, [f"/answer/{number}" for number in range(60)])
    noted["others wait (ms)"] = await longest_wait(app, "/answer/0", "/block")
    return await ask(app, "/answer/1", "/answer/x", "/nothing")
"""


def test_a_served_application_is_asked_over_sockets(sqlite: SQLite) -> None:
    remedy = SERVED.replace("bytes(10_000)", "None").replace("time.sleep(0.3)", "pass")
    proof = replace(PROOF, program=SERVED, remedy=remedy, call="answers()")
    comparison = compare(proof, sqlite)
    assert [status for status, _ in json.loads(comparison.leaking.result)] == [200, 422, 404]
    assert comparison.leaking.noted["bytes kept of a request"] >= 10_000
    assert comparison.fixed.noted["bytes kept of a request"] < 2_000
    assert comparison.leaking.noted["others wait (ms)"] >= 290
    assert "others wait (ms)" in section([comparison])
