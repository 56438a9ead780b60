"""What a shared `MetaData` keeps of the tables and classes that requests define on it."""

from __future__ import annotations

from textwrap import dedent

import pytest

from tests.proofs.databases import SQLite
from tests.proofs.harness import Proof, compare, reported, run

RULE = "LKS608"
KEPT = "bytes kept of a request"
TABLES = "tables in the metadata"

_HEAD = """\
from itertools import count
from uuid import uuid4

from fastapi import FastAPI
from sqlalchemy import Column, ForeignKey, Integer, MetaData, String, Table, insert, select, func
from sqlalchemy.orm import declarative_base
from sqlmodel import Field, SQLModel

from database import engine
from served import ask, kept, noted

app = FastAPI()
metadata = MetaData()
Base = declarative_base()
"""

_SERVE = f"""\


numbers = count()


async def serve(requests=80):
    \"\"\"The answers to two requests, after many with other names; notes what is kept of each.\"\"\"
    paths = [f"/{{next(numbers)}}" for _ in range(requests)]
    noted["{KEPT}"] = await kept(app, paths)
    noted["{TABLES}"] = len(metadata.tables) + len(Base.metadata.tables) + len(SQLModel.metadata.tables)
    return await ask(app, f"/{{next(numbers)}}", f"/{{next(numbers)}}")
"""


def _program(text: str) -> str:
    return f"{_HEAD}\n\n{dedent(text)}{_SERVE}"


_TABLE = _program("""\
@app.get("/{number}")
def load(number: int):
    staging = Table(f"staging_{number}", metadata, Column("number", Integer), prefixes=["TEMPORARY"])
    # Of compiled statements an engine keeps a few hundred: they are not at issue.
    with engine.execution_options(compiled_cache=None).connect() as connection:
        staging.create(connection)
        connection.execute(insert(staging), [{"number": each} for each in range(10)])
        return connection.scalar(select(func.sum(staging.c.number)))
""")

_CLASS = _program("""\
@app.get("/{number}")
def report(number: int):
    class Row(Base):
        __tablename__ = f"row_{number}"

        id = Column(Integer, primary_key=True)
        name = Column(String)

    return Row.__name__
""")

PROOFS = (
    Proof(
        RULE,
        "an endpoint fills a temporary table with a name of its own",
        _TABLE,
        "serve()",
        repeats=2,
        remedy=_TABLE.replace('", metadata, Column', '", MetaData(), Column'),
    ),
    Proof(
        RULE,
        "an endpoint maps a class on the shared base",
        _CLASS,
        "serve()",
        repeats=2,
        remedy=_CLASS.replace("class Row(Base)", "class Row(declarative_base())"),
    ),
)

REPORTED = {
    "a SQLModel class": """\
    class Row(SQLModel, table=True):
        __tablename__ = f"row_{number}"

        id: int = Field(primary_key=True)
    """,
    "a class made by `type`": (
        'type("Row", (Base,), {"__tablename__": f"row_{number}", "id": Column(Integer, primary_key=True)})'
    ),
    "a class that extends its table": """\
    class Row(Base):
        __tablename__ = "row"
        __table_args__ = {"extend_existing": True}

        id = Column(Integer, primary_key=True)
        name = Column(String)
    """,
    "a table whose foreign key is added again": (
        'Table("line", metadata, Column("row", Integer, ForeignKey("row.id")), extend_existing=True)'
    ),
    "a table whose unique constraint is added again": (
        'Table("name", metadata, Column("name", String, unique=True), extend_existing=True)'
    ),
    "a table whose index is added again": (
        'Table("name", metadata, Column("name", String, index=True), extend_existing=True)'
    ),
}
SILENT = {
    "a local metadata": 'Table(f"row_{number}", MetaData(), Column("id", Integer))',
    "a table that is only extended": 'Table("row", metadata, Column("id", Integer), extend_existing=True)',
    "a table that is kept": 'Table("row", metadata, Column("id", Integer, index=True), keep_existing=True)',
    "a table that is read from the database": 'Table("account", metadata, autoload_with=engine)',
    "a table that is removed": """\
    table = Table(f"row_{number}", metadata, Column("id", Integer))
    metadata.remove(table)
    """,
}


def _defining(text: str) -> str:
    body = "\n".join(f"    {line}" if line else "" for line in dedent(text).splitlines())
    return _program(f'@app.get("/{{number}}")\ndef define(number: int):\n{body}\n    return 1\n')


@pytest.mark.slow
@pytest.mark.parametrize("proof", PROOFS, ids=lambda proof: proof.claim)
def test_a_metadata_of_its_own_ends_with_the_request(proof: Proof, sqlite: SQLite) -> None:
    comparison = compare(proof, sqlite)
    leaking, fixed = comparison.leaking, comparison.fixed

    assert reported(proof.program, proof)
    assert reported(comparison.remedy, proof) == []
    assert fixed.result == leaking.result
    assert (leaking.failures, fixed.failures) == (0, 0)
    assert leaking.noted[KEPT] > 2_500
    assert fixed.noted[KEPT] < leaking.noted[KEPT] / 2
    assert leaking.noted[TABLES] >= 160
    assert fixed.noted[TABLES] == 0


@pytest.mark.slow
@pytest.mark.parametrize("claim", REPORTED)
def test_what_is_reported_is_kept(claim: str, sqlite: SQLite) -> None:
    program = _defining(REPORTED[claim])
    proof = Proof(RULE, claim, program, "serve()", repeats=2, remedy=program)
    metrics, _ = run(program, proof, sqlite)
    assert metrics.noted[KEPT] > 1_000
    assert reported(program, proof)


@pytest.mark.slow
@pytest.mark.parametrize("claim", SILENT)
def test_what_is_not_reported_is_not_kept(claim: str, sqlite: SQLite) -> None:
    program = _defining(SILENT[claim])
    proof = Proof(RULE, claim, program, "serve()", repeats=2, remedy=program)
    metrics, _ = run(program, proof, sqlite)
    assert metrics.noted[KEPT] < 700
    assert reported(program, proof) == []


@pytest.mark.slow
def test_the_same_name_once_more_raises(sqlite: SQLite) -> None:
    program = _defining('Table("row", metadata, Column("id", Integer))')
    proof = Proof(
        RULE, "", program + "app.debug = True\n", "ask(app, '/1', '/2', seconds=5)", repeats=2, remedy=program
    )
    metrics, _ = run(proof.program, proof, sqlite)
    assert "already defined for this MetaData instance" in metrics.result
