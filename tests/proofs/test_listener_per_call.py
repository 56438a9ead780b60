"""What it costs that every request adds a listener: memory, and time for each statement that follows."""

from __future__ import annotations

from textwrap import dedent

import pytest

from tests.proofs.databases import SQLite
from tests.proofs.harness import Proof, compare, reported, run

RULE = "LKS607"
KEPT = "bytes kept of a request"
LISTENERS = "listeners after 150 requests"
STATEMENT = "a statement then (µs)"

_HEAD = """\
import functools
import time

from fastapi import Depends, FastAPI
from sqlalchemy import event, text
from sqlalchemy.orm import Session, sessionmaker

from database import SessionLocal, engine
from served import ask, kept, noted

app = FastAPI()
"""

_SERVE = f"""\


def statement_time():
    \"\"\"Of the fastest of some: what else the machine does is not at issue.\"\"\"
    times = []
    with engine.connect() as connection:
        for _ in range(20):
            start = time.perf_counter()
            connection.execute(text("SELECT 1"))
            times.append(time.perf_counter() - start)
    return round(min(times) * 1_000_000)


def count_listeners():
    with SessionLocal() as session:
        return len(list(engine.dispatch.before_cursor_execute)) + len(list(session.dispatch.after_commit))


async def serve(requests=150):
    \"\"\"The answers to two requests, after many; notes what is kept of each, and what a statement takes then.\"\"\"
    if not noted:  # the first call counts
        before = count_listeners()
        noted["{KEPT}"] = await kept(app, ["/"] * requests)
        noted["{LISTENERS}"] = count_listeners() - before
        noted["{STATEMENT}"] = statement_time()
    return await ask(app, "/", "/")
"""


def _program(text: str) -> str:
    return f"{_HEAD}\n\n{dedent(text)}{_SERVE}"


_DEPENDENCY = _program("""\
def get_db():
    statements = []

    @event.listens_for(engine, "before_cursor_execute")
    def note(connection, cursor, statement, parameters, context, executemany):
        statements.append(statement)

    with SessionLocal() as db:
        yield db


@app.get("/")
def read(db: Session = Depends(get_db)):
    return db.scalar(text("SELECT 1"))
""")

_REMOVED = _program("""\
def get_db():
    statements = []

    def note(connection, cursor, statement, parameters, context, executemany):
        statements.append(statement)

    event.listen(engine, "before_cursor_execute", note)
    try:
        with SessionLocal() as db:
            yield db
    finally:
        event.remove(engine, "before_cursor_execute", note)


@app.get("/")
def read(db: Session = Depends(get_db)):
    return db.scalar(text("SELECT 1"))
""")

_LAMBDA = _program("""\
@app.get("/")
def read():
    body = bytes(10_000)
    event.listen(SessionLocal, "after_commit", lambda session: len(body))
    with SessionLocal() as db:
        return db.scalar(text("SELECT 1"))
""")

PROOFS = (
    Proof(
        RULE,
        "a dependency counts statements by a closure on the engine",
        _DEPENDENCY,
        "serve()",
        repeats=2,
        remedy=_REMOVED,
    ),
    Proof(
        RULE,
        "an endpoint adds a lambda to the session factory",
        _LAMBDA,
        "serve()",
        repeats=2,
        remedy=_LAMBDA.replace(
            '    event.listen(SessionLocal, "after_commit", lambda session: len(body))\n'
            "    with SessionLocal() as db:\n",
            '    with SessionLocal() as db:\n        event.listen(db, "after_commit", lambda session: len(body))\n',
        ),
    ),
)

REPORTED = {
    "once": 'event.listen(engine, "before_cursor_execute", lambda *arguments: len(body), once=True)',
    "a partial": 'event.listen(engine, "before_cursor_execute", functools.partial(hear, body))',
    "a method of a new object": 'event.listen(engine, "connect", Ear().hear)',
    "the class of sessions": 'event.listen(Session, "after_commit", lambda session: len(body))',
}
SILENT = {
    "a function of module level": 'event.listen(engine, "before_cursor_execute", hear)',
    "a method of one object": 'event.listen(engine, "before_cursor_execute", ear.hear)',
    "a session": 'event.listen(db, "after_commit", lambda session: len(body))',
    "a factory of the same call": 'event.listen(sessionmaker(engine), "after_commit", lambda session: len(body))',
}


_EARS = """\
class Ear:
    def __init__(self):
        self.noise = bytes(10_000)

    def hear(self, *arguments):
        return None


ear = Ear()


def hear(*arguments):
    return None
"""


def _endpoint(line: str, path: str = "/") -> str:
    return f"""

@app.get("{path}")
def read():
    body = bytes(10_000)
    with SessionLocal() as db:
        {line}
        return db.scalar(text("SELECT 1"))
"""


_SERVE_EACH = """


async def serve_each(*paths):
    if not noted:  # the first call counts
        for path in paths:
            noted[path] = await kept(app, [path] * 40, warm=20)
"""


@pytest.mark.slow
@pytest.mark.parametrize("proof", PROOFS, ids=lambda proof: proof.claim)
def test_listeners_that_are_removed_cost_nothing(proof: Proof, sqlite: SQLite) -> None:
    comparison = compare(proof, sqlite)
    leaking, fixed = comparison.leaking.noted, comparison.fixed.noted

    assert reported(proof.program, proof)
    assert reported(comparison.remedy, proof) == []
    assert comparison.fixed.result == comparison.leaking.result
    assert (comparison.leaking.failures, comparison.fixed.failures) == (0, 0)
    assert (leaking[LISTENERS], fixed[LISTENERS]) == (150, 0)
    assert leaking[KEPT] > fixed[KEPT] + 500
    if "statements" in proof.program:
        assert leaking[STATEMENT] > 1.5 * fixed[STATEMENT]


@pytest.mark.slow
def test_what_is_reported_is_kept_and_nothing_else_is(sqlite: SQLite) -> None:
    assert all(reported(_program(_EARS + _endpoint(line)), PROOFS[0]) for line in REPORTED.values())
    assert reported(_program(_EARS + "".join(map(_endpoint, SILENT.values()))), PROOFS[0]) == []

    lines = REPORTED | SILENT
    paths = [f"/{number}" for number in range(len(lines))]
    program = _program(_EARS + "".join(map(_endpoint, lines.values(), paths))) + _SERVE_EACH
    proof = Proof(RULE, "each line", program, f"serve_each(*{paths})", repeats=2, remedy=program)
    metrics, _ = run(program, proof, sqlite)
    held = {claim: metrics.noted[path] for claim, path in zip(lines, paths, strict=True)}
    assert [claim for claim, size in held.items() if size > 5_000] == list(REPORTED)
    assert [claim for claim, size in held.items() if size < 3_000] == list(SILENT)
