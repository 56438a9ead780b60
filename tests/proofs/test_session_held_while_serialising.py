"""Under load, `def` endpoints that leave a transaction open for the response run the pool of connections dry."""

from __future__ import annotations

import json
from textwrap import dedent

import pytest

from tests.proofs.databases import SQLite
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
        return account


    async def failures(requests):
        answers = await ask(app, *["/accounts/1"] * requests)
        return sum(status != 200 for status, _ in answers)


    async def answers():
        await failures(1)
        noted["requests failed (of 100)"] = await failures(100)
        return await ask(app, "/accounts/1")
    """
_FAILED = "requests failed (of 100)"


def _program(*, model: str = ", response_model=AccountOut", function: str = "def", scope: str = "") -> str:
    text = _PROGRAM.replace("{{", "{").replace("}}", "}")
    for name, value in (("model", model), ("function", function), ("scope", scope)):
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
    assert comparison.fixed.noted[_FAILED] < comparison.leaking.noted[_FAILED] / 3


_LEFT_ALONE = """

@app.get("/committed", response_model=AccountOut)
def read_and_commit(db: Session = Depends(get_db)):
    account = db.get(Account, 1)
    db.commit()
    return account


@app.get("/unmodelled", response_model=None)
def read_unmodelled(db: Session = Depends(get_db)):
    account = db.get(Account, 1)
    return account
"""
_EACH = """

async def each():
    for path in ("/committed", "/unmodelled", "/accounts/1"):
        await ask(app, path)
        answers = await ask(app, *[path] * 100)
        noted[path] = sum(status != 200 for status, _ in answers)
        await until(lambda: engine.pool.checkedout() == 0)
"""


@pytest.mark.slow
def test_what_the_rule_leaves_alone_gets_through(sqlite: SQLite) -> None:
    program = dedent(_program()).replace("import ask, noted\n", "import ask, noted\nfrom sockets import until\n")
    proof = Proof(RULE, "", program + _LEFT_ALONE + _EACH, "each()", repeats=2)
    metrics, _ = run(proof.program, proof, sqlite)

    assert len(reported(proof.program, proof)) == 1, "the endpoint with the response model"
    assert metrics.noted["/committed"] < metrics.noted["/accounts/1"] / 3
    assert metrics.noted["/unmodelled"] < metrics.noted["/accounts/1"] / 3


def test_an_endpoint_on_the_loop_is_left_to_another_rule() -> None:
    """A plain session blocks the loop there, see `test_blocking_session_in_async_endpoint`; no thread is waited for."""
    assert reported(dedent(_program(function="async def")), PROOFS[0]) == []
