"""SQLAlchemy: the functions that make engines, sessions and statements."""

from __future__ import annotations

from sqla_leaklint.knowledge import sqlalchemy as sa
from sqla_leaklint.knowledge.facts import Function, Table, Versions

_DOCS = "https://docs.sqlalchemy.org/en/20/"
_SESSION = _DOCS + "orm/session_api.html"
_ASYNC = _DOCS + "orm/extensions/asyncio.html"
_ENGINE = _DOCS + "core/engines.html"
_SELECT = _DOCS + "core/selectable.html"
_DML = _DOCS + "core/dml.html"
_TEXT = _DOCS + "core/sqlelement.html"
_FROM_1_4 = Versions("SQLAlchemy", since="1.4")

_FUNCTIONS = (
    Function(
        "sqlalchemy.create_engine",
        sa.ENGINE,
        _ENGINE,
        (
            "sqlalchemy.engine.create_engine",
            "sqlalchemy.engine.create.create_engine",
            "sqlalchemy.future.create_engine",
        ),
    ),
    Function(
        "sqlalchemy.engine_from_config",
        sa.ENGINE,
        _ENGINE,
        ("sqlalchemy.engine.engine_from_config", "sqlalchemy.engine.create.engine_from_config"),
    ),
    Function(
        "sqlalchemy.ext.asyncio.create_async_engine",
        sa.ASYNC_ENGINE,
        _ASYNC,
        ("sqlalchemy.ext.asyncio.engine.create_async_engine",),
    ),
    Function(
        "sqlalchemy.ext.asyncio.async_engine_from_config",
        sa.ASYNC_ENGINE,
        _ASYNC,
        ("sqlalchemy.ext.asyncio.engine.async_engine_from_config",),
        versions=Versions("SQLAlchemy", since="1.4.29"),
    ),
    Function("sqlalchemy.inspect", "unknown", _DOCS + "core/inspection.html", ("sqlalchemy.inspection.inspect",)),
    Function("sqlalchemy.orm.create_session", sa.SESSION, _SESSION, versions=_FROM_1_4),
    Function("sqlalchemy.orm.object_session", sa.SESSION, _SESSION, ("sqlalchemy.orm.session.object_session",)),
    Function("sqlalchemy.ext.asyncio.async_object_session", sa.ASYNC_SESSION, _ASYNC),
    Function("sqlalchemy.ext.asyncio.async_session", sa.ASYNC_SESSION, _ASYNC),
    Function("sqlalchemy.orm.close_all_sessions", "none", _SESSION, ("sqlalchemy.orm.session.close_all_sessions",)),
    Function(
        "sqlalchemy.select",
        sa.SELECT,
        _SELECT,
        ("sqlalchemy.sql.select", "sqlalchemy.sql.expression.select", "sqlalchemy.future.select"),
    ),
    Function("sqlalchemy.text", sa.TEXT, _TEXT, ("sqlalchemy.sql.text", "sqlalchemy.sql.expression.text")),
    Function("sqlalchemy.insert", sa.INSERT, _DML, ("sqlalchemy.sql.insert", "sqlalchemy.sql.expression.insert")),
    Function("sqlalchemy.update", sa.UPDATE, _DML, ("sqlalchemy.sql.update", "sqlalchemy.sql.expression.update")),
    Function("sqlalchemy.delete", sa.DELETE, _DML, ("sqlalchemy.sql.delete", "sqlalchemy.sql.expression.delete")),
    Function(
        "sqlalchemy.dialects.postgresql.insert",
        "sqlalchemy.dialects.postgresql.Insert",
        _DOCS + "dialects/postgresql.html",
        ("sqlalchemy.dialects.postgresql.dml.insert",),
    ),
    Function(
        "sqlalchemy.dialects.sqlite.insert",
        "sqlalchemy.dialects.sqlite.Insert",
        _DOCS + "dialects/sqlite.html",
        ("sqlalchemy.dialects.sqlite.dml.insert",),
    ),
    Function(
        "sqlalchemy.dialects.mysql.insert",
        "sqlalchemy.dialects.mysql.Insert",
        _DOCS + "dialects/mysql.html",
        ("sqlalchemy.dialects.mysql.dml.insert",),
    ),
    Function("sqlalchemy.exists", sa.EXISTS, _SELECT, ("sqlalchemy.sql.exists", "sqlalchemy.sql.expression.exists")),
    Function(
        "sqlalchemy.union", sa.COMPOUND_SELECT, _SELECT, ("sqlalchemy.sql.union", "sqlalchemy.sql.expression.union")
    ),
    Function(
        "sqlalchemy.union_all",
        sa.COMPOUND_SELECT,
        _SELECT,
        ("sqlalchemy.sql.union_all", "sqlalchemy.sql.expression.union_all"),
    ),
    Function("sqlalchemy.intersect", sa.COMPOUND_SELECT, _SELECT, ("sqlalchemy.sql.expression.intersect",)),
    Function("sqlalchemy.intersect_all", sa.COMPOUND_SELECT, _SELECT, ("sqlalchemy.sql.expression.intersect_all",)),
    Function("sqlalchemy.except_", sa.COMPOUND_SELECT, _SELECT, ("sqlalchemy.sql.expression.except_",)),
    Function("sqlalchemy.except_all", sa.COMPOUND_SELECT, _SELECT, ("sqlalchemy.sql.expression.except_all",)),
    Function("sqlalchemy.lambda_stmt", "call arg 0", _DOCS + "core/connections.html", ("sqlalchemy.sql.lambda_stmt",)),
)

TABLE = Table("SQLAlchemy", functions=_FUNCTIONS)
