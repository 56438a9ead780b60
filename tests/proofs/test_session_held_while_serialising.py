"""Under load, `def` endpoints that leave a transaction open for the response run the pool of connections dry."""

from __future__ import annotations

import json
from textwrap import dedent

import pytest

from tests.proofs.databases import Database, SQLite
from tests.proofs.harness import Proof, compare, reported, run

RULE = "LKS408"

_PROGRAM = """\
    from fastapi import Depends, FastAPI
    from pydantic import BaseModel
    from sqlalchemy import create_engine, select
    from sqlalchemy.orm import Session

    import database
    from models import Account
    from served import ask, noted

    engine = create_engine(database.engine.url, pool_size=5, max_overflow=10, pool_timeout=1)
    app = FastAPI()


    class AccountOut(BaseModel):
        id: int
        name: str


    def get_db():
        with Session(engine) as db:
            yield db


    @app.get("/accounts/{{number}}"{model})
    {function} read(number: int, db: Session = Depends(get_db{scope})):
        account = db.get(Account, number)
        {last}return account


    async def failures(requests):
        answers = await ask(app, *["/accounts/1"] * requests)
        return sum(status != 200 for status, _ in answers)


    async def answers():
        await failures(1)
        noted["requests failed (of 100)"] = await failures(100)
        return await ask(app, "/accounts/1")
    """
_FAILED = "requests failed (of 100)"


def _program(
    *, model: str = ", response_model=AccountOut", function: str = "def", scope: str = "", last: str = ""
) -> str:
    text = _PROGRAM.replace("{{", "{").replace("}}", "}")
    for name, value in (("model", model), ("function", function), ("scope", scope), ("last", last)):
        text = text.replace(f"{{{name}}}", value)
    return text


PROOFS = (
    Proof(RULE, "100 requests at once, a pool of 15", _program(), "answers()", repeats=2),
    Proof(
        RULE,
        '… with `Depends(…, scope="function")`',
        _program(scope=', scope="function"'),
        "answers()",
        repeats=2,
    ),
)


@pytest.mark.slow
@pytest.mark.parametrize("proof", PROOFS, ids=["request", "function"])
def test_requests_fail_until_the_session_is_closed_before_the_response_is_made(proof: Proof, sqlite: SQLite) -> None:
    comparison = compare(proof, sqlite)

    assert json.loads(comparison.leaking.result)[0][0] == 200
    assert comparison.fixed.result == comparison.leaking.result
    assert comparison.leaking.noted[_FAILED] >= 10
    assert comparison.fixed.noted[_FAILED] == 0


@pytest.mark.slow
def test_on_a_server_as_well(database: Database) -> None:
    comparison = compare(PROOFS[0], database)

    assert comparison.leaking.noted[_FAILED] >= 10
    assert comparison.fixed.noted[_FAILED] == 0


@pytest.mark.slow
@pytest.mark.parametrize(
    "program",
    [
        _program(last="db.commit()\n        "),
        _program(model=", response_model=None"),
        _program(function="async def"),
    ],
    ids=["committed last", "nothing to make", "on the loop"],
)
def test_what_the_rule_leaves_alone_gets_through(program: str, sqlite: SQLite) -> None:
    proof = Proof(RULE, "", program, "answers()", repeats=2)
    leaking, _ = run(dedent(_program()), PROOFS[0], sqlite)
    metrics, _ = run(dedent(program), proof, sqlite)

    assert reported(dedent(program), proof) == []
    assert metrics.noted[_FAILED] < leaking.noted[_FAILED] / 3
