"""A task with a session of its own leaves the request's connection to the next request; its result stays the same.

Requests come in while the tasks of earlier ones are at work outside of the database.
"""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.proofs.databases import Database, SQLite
from tests.proofs.harness import Proof, compare
from tests.proofs.verdicts import assert_connections_are_given_back

RULE = "LKS401"

SYNC = """\
from fastapi import BackgroundTasks, Depends, FastAPI
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from database import SessionLocal
from models import Account, Post
from requests_in_flight import finish, post, work

app = FastAPI()
statements = []


def get_db():
    with SessionLocal() as db:
        yield db


def print_statement(db, account_id):
    work.wait()
    account = db.get(Account, account_id)
    count = db.scalar(select(func.count()).where(Post.account_id == account_id))
    statements.append([account.email, count])


@app.post("/accounts/{account_id}/statement")
def order_statement(account_id: int, tasks: BackgroundTasks, db: Session = Depends(get_db)):
    account = db.get(Account, account_id)
    tasks.add_task(print_statement, db, account_id)
    return {"to": account.email}


async def to_its_end(path):
    answer = await post(app, path)
    return answer, await finish(), statements
"""

ASYNC = """\
from typing import Annotated

from fastapi import BackgroundTasks, Depends, FastAPI
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from async_database import AsyncSessionLocal
from models import Account, Post
from requests_in_flight import finish, post, work

app = FastAPI()
statements = []


async def get_session():
    async with AsyncSessionLocal() as session:
        yield session


SessionDep = Annotated[AsyncSession, Depends(get_session)]


async def print_statement(account_id, *, session):
    await work.wait_async()
    account = await session.get(Account, account_id)
    count = await session.scalar(select(func.count()).where(Post.account_id == account_id))
    statements.append([account.email, count])


@app.post("/accounts/{account_id}/statement")
async def order_statement(account_id: int, tasks: BackgroundTasks, session: SessionDep):
    account = await session.get(Account, account_id)
    tasks.add_task(print_statement, account_id, session=session)
    return {"to": account.email}


async def to_its_end(path):
    answer = await post(app, path)
    return answer, await finish(), statements
"""

PATH = "/accounts/7/statement"

PROOFS = (
    Proof(RULE, "requests come in while tasks are at work", SYNC, f"post(app, {PATH!r})"),
    Proof(RULE, "the same with asyncio", ASYNC, f"post(app, {PATH!r})"),
)


@pytest.mark.parametrize("proof", PROOFS, ids=lambda proof: proof.claim)
def test_tasks_at_work_hold_no_connection(proof: Proof, database: Database) -> None:
    comparison = compare(proof, database)
    leaking, fixed = comparison.leaking, comparison.fixed

    assert leaking.result == fixed.result == '[200, "{\\"to\\":\\"account7@example.org\\"}"]'
    assert (fixed.statements, fixed.rows) == (leaking.statements, leaking.rows) == (1, 1)

    assert_connections_are_given_back(comparison)


@pytest.mark.parametrize("proof", PROOFS, ids=lambda proof: proof.claim)
def test_the_tasks_come_to_the_same_end(proof: Proof, database: Database) -> None:
    comparison = compare(replace(proof, call=f"to_its_end({PATH!r})", repeats=2), database)
    leaking, fixed = comparison.leaking, comparison.fixed

    answer = '[200, "{\\"to\\":\\"account7@example.org\\"}"]'
    assert leaking.result == fixed.result == f'[{answer}, [], [["account7@example.org", 2]]]'
    assert (leaking.held, fixed.held) == (0, 0)
    assert leaking.statements == fixed.statements == 3
    assert leaking.rows == fixed.rows


@pytest.mark.parametrize("proof", PROOFS, ids=lambda proof: proof.claim)
def test_a_session_of_its_own_alone_makes_it_worse(proof: Proof, sqlite: SQLite) -> None:
    """Why the fix also closes the request's session: or else each request needs two connections."""
    lines = compare(proof, sqlite).remedy.splitlines(keepends=True)
    closing = [line for line in lines if ".close)" in line]
    assert len(closing) == 1
    halfway = "".join(line for line in lines if line not in closing)
    tasks = compare(replace(proof, remedy=halfway), sqlite).fixed
    assert (tasks.held, tasks.failures) == (5, proof.repeats - 5)
