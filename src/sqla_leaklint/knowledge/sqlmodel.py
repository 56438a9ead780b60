"""SQLModel: its model base, its sessions with `exec`, and its statements."""

from __future__ import annotations

from sqla_leaklint.knowledge import sqlalchemy as sa
from sqla_leaklint.knowledge.facts import Effect, Function, Kind, Method, Reexport, Table, Type

_DOCS = "https://sqlmodel.tiangolo.com/"
_SELECT = _DOCS + "tutorial/select/"
_ASYNC = "https://github.com/fastapi/sqlmodel/blob/main/sqlmodel/ext/asyncio/session.py"

SESSION = "sqlmodel.Session"
ASYNC_SESSION = "sqlmodel.ext.asyncio.session.AsyncSession"
SELECT = "sqlmodel.sql.expression.Select"
SELECT_OF_SCALAR = "sqlmodel.sql.expression.SelectOfScalar"

# SQLModel offers much of SQLAlchemy's top level under its own name.
_REEXPORTED = [
    "create_engine",
    "delete",
    "except_",
    "except_all",
    "exists",
    "func",
    "insert",
    "intersect",
    "intersect_all",
    "text",
    "union",
    "union_all",
    "update",
    "Column",
    "ForeignKey",
    "Index",
    "MetaData",
    "PrimaryKeyConstraint",
    "Table",
    "UniqueConstraint",
    "ARRAY",
    "BIGINT",
    "BINARY",
    "BLOB",
    "BOOLEAN",
    "BigInteger",
    "Boolean",
    "CHAR",
    "CLOB",
    "DATE",
    "DATETIME",
    "DECIMAL",
    "Date",
    "DateTime",
    "Enum",
    "FLOAT",
    "Float",
    "INT",
    "INTEGER",
    "Integer",
    "Interval",
    "JSON",
    "LargeBinary",
    "NCHAR",
    "NUMERIC",
    "NVARCHAR",
    "Numeric",
    "PickleType",
    "REAL",
    "SMALLINT",
    "SmallInteger",
    "String",
    "TEXT",
    "TIME",
    "TIMESTAMP",
    "Text",
    "Time",
    "Unicode",
    "UnicodeText",
    "VARBINARY",
    "VARCHAR",
]

TABLE = Table(
    "sqlmodel",
    types=(
        Type("sqlmodel.SQLModel", Kind.DECLARATIVE_BASE, _DOCS, ("sqlmodel.main.SQLModel",)),
        Type(SESSION, Kind.SESSION, _DOCS, ("sqlmodel.orm.session.Session",), (sa.SESSION,)),
        Type(ASYNC_SESSION, Kind.ASYNC_SESSION, _ASYNC, bases=(sa.ASYNC_SESSION,)),
        Type(SELECT, Kind.STATEMENT, _SELECT, bases=(sa.SELECT,)),
        Type(SELECT_OF_SCALAR, Kind.STATEMENT, _SELECT, bases=(sa.SELECT,)),
    ),
    reexports=tuple(Reexport(f"sqlmodel.{name}", f"sqlalchemy.{name}") for name in _REEXPORTED),
    functions=(
        Function("sqlmodel.select", "select", _SELECT, ("sqlmodel.sql.expression.select",)),
        Function("sqlmodel.Field", "column", _DOCS, ("sqlmodel.main.Field",)),
        Function("sqlmodel.Relationship", "column", _DOCS, ("sqlmodel.main.Relationship",)),
        Function("sqlmodel.col", "arg 0", _DOCS, ("sqlmodel.sql.expression.col",)),
    ),
    methods=(
        # Scalars for one selected thing, rows for several: the statement decides.
        Method(SESSION, "exec", "result", _SELECT, Effect.RUNS_SQL),
        Method(ASYNC_SESSION, "exec", "await result", _ASYNC, Effect.RUNS_SQL),
    ),
)
