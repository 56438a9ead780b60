"""Two registries in one thread give two sessions, that know nothing of each other; one gives one."""

from __future__ import annotations

import json

import pytest

from tests.proofs.databases import SQLite
from tests.proofs.harness import Proof, compare, reported

RULE = "LKS503"
SESSIONS = "sessions in one request"
CONNECTIONS = "connections that it takes at once"

_PROGRAM = """\
from fastapi import FastAPI
from sqlalchemy import func, select
from sqlalchemy.orm import scoped_session, sessionmaker

from database import engine
from models import Account
from served import ask, noted
{module}
app = FastAPI()
sessions = set()


def number_of_accounts():
    {function}
    sessions.add(Session())
    return Session.scalar(select(func.count()).select_from(Account))


def number_of_active():
    {function}
    sessions.add(Session())
    return Session.scalar(select(func.count()).where(Account.active))


@app.get("/numbers")
def numbers():
    sessions.clear()
    found = number_of_accounts(), number_of_active()
    noted["{sessions}"] = len(sessions)
    noted["{connections}"] = engine.pool.checkedout()
    for session in sessions:
        session.close()
    return found


async def answers():
    return await ask(app, "/numbers")
"""

_MADE = "Session = scoped_session(sessionmaker(engine))"


def _program(module: str, function: str) -> str:
    return _PROGRAM.format(module=module, function=function, sessions=SESSIONS, connections=CONNECTIONS)


PROOFS = (
    Proof(
        RULE,
        "two functions ask for the request's session",
        _program("", _MADE),
        "answers()",
        repeats=2,
        remedy=_program(f"\n{_MADE}\n", '"""Of the session of this thread."""'),
    ),
)


@pytest.mark.parametrize("proof", PROOFS, ids=lambda proof: proof.claim)
def test_a_registry_for_every_call_gives_a_session_for_every_call(proof: Proof, sqlite: SQLite) -> None:
    comparison = compare(proof, sqlite)
    leaking, fixed = comparison.leaking, comparison.fixed

    assert fixed.result == leaking.result
    assert [status for status, _ in json.loads(leaking.result)] == [200]
    assert leaking.noted == {SESSIONS: 2, CONNECTIONS: 2}
    assert fixed.noted == {SESSIONS: 1, CONNECTIONS: 1}
    assert len(reported(proof.program, proof)) == 2
    assert reported(comparison.remedy, proof) == []
