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
import tracemalloc
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


async def serve(requests=50):
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
    "a table whose foreign key is added again": (
        'Table("line", metadata, Column("row", Integer, ForeignKey("row.id")), extend_existing=True)'
    ),
    "a table whose unique constraint is added again": (
        'Table("name", metadata, Column("name", String, unique=True), extend_existing=True)'
    ),
    "a table whose index is added again": (
        'Table("label", metadata, Column("name", String, index=True), extend_existing=True)'
    ),
}
"""Reported, although the collector frees the class."""
SILENT = {
    "a class that extends its table": """\
    class Row(Base):
        __tablename__ = "row"
        __table_args__ = {"extend_existing": True}

        id = Column(Integer, primary_key=True)
        name = Column(String)
    """,
    "a local metadata": 'Table(f"row_{number}", MetaData(), Column("id", Integer))',
    "a table that is only extended": 'Table("row", metadata, Column("id", Integer), extend_existing=True)',
    "a table that is kept": 'Table("kept", metadata, Column("id", Integer, index=True), keep_existing=True)',
    "a table that is read from the database": 'Table("accounts", metadata, autoload_with=engine)',
    "a table that is removed": """\
    table = Table(f"row_{number}", metadata, Column("id", Integer))
    metadata.remove(table)
    """,
}


def _endpoint(text: str, path: str = "") -> str:
    body = "\n".join(f"    {line}" if line else "" for line in dedent(text).splitlines())
    return f'\n\n@app.get("{path}/{{number}}")\ndef define(number: int):\n{body}\n    return 1\n'


_SERVE_EACH = """


async def serve_each(cases):
    if not noted:  # the first call counts
        app.debug = True  # an answer says what was raised
        tracemalloc.start()  # for all, so that what takes the place of something older does not count as kept
        await kept(app, [f"/case0/{next(numbers)}" for _ in range(60)])  # the first is not measured: imports, pools
        for case in range(cases):
            noted[f"case{case}"] = await kept(app, [f"/case{case}/{next(numbers)}" for _ in range(60)])
        tracemalloc.stop()
        same = await ask(app, "/same/1", "/same/2")
        noted["already defined"] = sum("already defined for this MetaData instance" in text for _, text in same)
"""


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
    assert leaking.noted[TABLES] >= 100
    assert fixed.noted[TABLES] == 0


@pytest.mark.slow
def test_what_is_reported_is_kept_and_nothing_else_is(sqlite: SQLite) -> None:
    same = _endpoint('Table("same", metadata, Column("id", Integer))', "/same")
    assert all(reported(_program(_endpoint(text)), PROOFS[0]) for text in REPORTED.values())
    assert reported(_program("".join(map(_endpoint, SILENT.values()))), PROOFS[0]) == []

    # Those that keep nothing come first: what the others keep makes the tables of the library's registries grow.
    texts = SILENT | REPORTED
    endpoints = "".join(_endpoint(text, f"/case{number}") for number, text in enumerate(texts.values()))
    program = _program(endpoints + same) + _SERVE_EACH
    proof = Proof(RULE, "each text", program, f"serve_each({len(texts)})", repeats=2, remedy=program)
    metrics, _ = run(program, proof, sqlite)
    held = {claim: metrics.noted[f"case{number}"] for number, claim in enumerate(texts)}
    assert [claim for claim, size in held.items() if size > 1_500] == list(REPORTED), held
    assert [claim for claim, size in held.items() if size < 1_000] == list(SILENT), held
    assert metrics.noted["already defined"] == 1, "the same name once more raises"
