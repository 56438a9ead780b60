"""SQLAlchemy: sessions, engines, statements and results, and the names by which the other tables speak of them."""

from __future__ import annotations

from sqla_leaklint.knowledge.facts import Kind, Table, Type, Versions

_DOCS = "https://docs.sqlalchemy.org/en/20/"
_SESSION = _DOCS + "orm/session_api.html"
_QUERY = _DOCS + "orm/queryguide/query.html"
_ASYNC = _DOCS + "orm/extensions/asyncio.html"
_CONNECTION = _DOCS + "core/connections.html"
_SELECT = _DOCS + "core/selectable.html"
_DML = _DOCS + "core/dml.html"
_TEXT = _DOCS + "core/sqlelement.html"
_POOL = _DOCS + "core/pooling.html"

_FROM_1_4 = Versions("SQLAlchemy", since="1.4")
_FROM_2_0 = Versions("SQLAlchemy", since="2.0")

SESSION = "sqlalchemy.orm.Session"
SESSIONMAKER = "sqlalchemy.orm.sessionmaker"
SCOPED_SESSION = "sqlalchemy.orm.scoped_session"
SESSION_TRANSACTION = "sqlalchemy.orm.SessionTransaction"
ASYNC_SESSION = "sqlalchemy.ext.asyncio.AsyncSession"
ASYNC_SESSIONMAKER = "sqlalchemy.ext.asyncio.async_sessionmaker"
ASYNC_SCOPED_SESSION = "sqlalchemy.ext.asyncio.async_scoped_session"
ASYNC_SESSION_TRANSACTION = "sqlalchemy.ext.asyncio.AsyncSessionTransaction"
ENGINE = "sqlalchemy.engine.Engine"
CONNECTION = "sqlalchemy.engine.Connection"
TRANSACTION = "sqlalchemy.engine.Transaction"
ASYNC_ENGINE = "sqlalchemy.ext.asyncio.AsyncEngine"
ASYNC_CONNECTION = "sqlalchemy.ext.asyncio.AsyncConnection"
ASYNC_TRANSACTION = "sqlalchemy.ext.asyncio.AsyncTransaction"
QUERY = "sqlalchemy.orm.Query"
SELECT = "sqlalchemy.sql.expression.Select"
COMPOUND_SELECT = "sqlalchemy.sql.expression.CompoundSelect"
INSERT = "sqlalchemy.sql.expression.Insert"
UPDATE = "sqlalchemy.sql.expression.Update"
DELETE = "sqlalchemy.sql.expression.Delete"
TEXT = "sqlalchemy.sql.expression.TextClause"
TEXTUAL_SELECT = "sqlalchemy.sql.expression.TextualSelect"
SUBQUERY = "sqlalchemy.sql.expression.Subquery"
CTE = "sqlalchemy.sql.expression.CTE"
EXISTS = "sqlalchemy.sql.expression.Exists"
SCALAR_SELECT = "sqlalchemy.sql.expression.ScalarSelect"
RESULT = "sqlalchemy.engine.Result"
CURSOR_RESULT = "sqlalchemy.engine.CursorResult"
SCALAR_RESULT = "sqlalchemy.engine.ScalarResult"
MAPPING_RESULT = "sqlalchemy.engine.MappingResult"
CHUNKED_RESULT = "sqlalchemy.engine.ChunkedIteratorResult"
ASYNC_RESULT = "sqlalchemy.ext.asyncio.AsyncResult"
ASYNC_SCALAR_RESULT = "sqlalchemy.ext.asyncio.AsyncScalarResult"
ASYNC_MAPPING_RESULT = "sqlalchemy.ext.asyncio.AsyncMappingResult"
DBAPI_CONNECTION = "sqlalchemy.pool.PoolProxiedConnection"
REGISTRY = "sqlalchemy.orm.registry"
DECLARATIVE_BASE = "sqlalchemy.orm.DeclarativeBase"
AS_DECLARATIVE = "sqlalchemy.ext.declarative.as_declarative"
METADATA = "sqlalchemy.MetaData"
TABLE_CLASS = "sqlalchemy.Table"

_SESSION_TYPES = (
    Type(SESSION, Kind.SESSION, _SESSION, ("sqlalchemy.orm.session.Session",)),
    Type(
        SESSIONMAKER,
        Kind.SESSION_FACTORY,
        _SESSION,
        ("sqlalchemy.orm.session.sessionmaker",),
        makes=SESSION,
        makes_keyword="class_",
    ),
    Type(
        SCOPED_SESSION,
        Kind.SESSION_REGISTRY,
        _DOCS + "orm/contextual.html",
        ("sqlalchemy.orm.scoping.scoped_session", "sqlalchemy.orm.scoping.ScopedSession"),
        makes=SESSION,
        makes_argument=True,
    ),
    Type(SESSION_TRANSACTION, Kind.TRANSACTION, _SESSION, ("sqlalchemy.orm.session.SessionTransaction",)),
    Type(
        ASYNC_SESSION,
        Kind.ASYNC_SESSION,
        _ASYNC,
        ("sqlalchemy.ext.asyncio.session.AsyncSession",),
        versions=_FROM_1_4,
    ),
    Type(
        ASYNC_SESSIONMAKER,
        Kind.SESSION_FACTORY,
        _ASYNC,
        ("sqlalchemy.ext.asyncio.session.async_sessionmaker",),
        makes=ASYNC_SESSION,
        makes_keyword="class_",
        versions=_FROM_2_0,
    ),
    Type(
        ASYNC_SCOPED_SESSION,
        Kind.SESSION_REGISTRY,
        _ASYNC,
        ("sqlalchemy.ext.asyncio.scoping.async_scoped_session",),
        makes=ASYNC_SESSION,
        makes_argument=True,
        versions=_FROM_1_4,
    ),
    Type(
        ASYNC_SESSION_TRANSACTION,
        Kind.TRANSACTION,
        _ASYNC,
        ("sqlalchemy.ext.asyncio.session.AsyncSessionTransaction",),
    ),
)

_ENGINE_TYPES = (
    Type(
        ENGINE,
        Kind.ENGINE,
        _CONNECTION,
        (
            "sqlalchemy.Engine",
            "sqlalchemy.engine.base.Engine",
            "sqlalchemy.future.Engine",
            "sqlalchemy.future.engine.Engine",
        ),
    ),
    Type(
        CONNECTION,
        Kind.CONNECTION,
        _CONNECTION,
        (
            "sqlalchemy.Connection",
            "sqlalchemy.engine.base.Connection",
            "sqlalchemy.future.Connection",
            "sqlalchemy.future.engine.Connection",
        ),
    ),
    Type(TRANSACTION, Kind.TRANSACTION, _CONNECTION, ("sqlalchemy.Transaction", "sqlalchemy.engine.base.Transaction")),
    Type(
        "sqlalchemy.engine.RootTransaction",
        Kind.TRANSACTION,
        _CONNECTION,
        ("sqlalchemy.RootTransaction", "sqlalchemy.engine.base.RootTransaction"),
        (TRANSACTION,),
    ),
    Type(
        "sqlalchemy.engine.NestedTransaction",
        Kind.TRANSACTION,
        _CONNECTION,
        ("sqlalchemy.NestedTransaction", "sqlalchemy.engine.base.NestedTransaction"),
        (TRANSACTION,),
    ),
    Type(
        "sqlalchemy.engine.TwoPhaseTransaction",
        Kind.TRANSACTION,
        _CONNECTION,
        ("sqlalchemy.TwoPhaseTransaction", "sqlalchemy.engine.base.TwoPhaseTransaction"),
        ("sqlalchemy.engine.RootTransaction",),
    ),
    Type(ASYNC_ENGINE, Kind.ASYNC_ENGINE, _ASYNC, ("sqlalchemy.ext.asyncio.engine.AsyncEngine",)),
    Type(ASYNC_CONNECTION, Kind.ASYNC_CONNECTION, _ASYNC, ("sqlalchemy.ext.asyncio.engine.AsyncConnection",)),
    Type(ASYNC_TRANSACTION, Kind.TRANSACTION, _ASYNC, ("sqlalchemy.ext.asyncio.engine.AsyncTransaction",)),
    Type(
        DBAPI_CONNECTION,
        Kind.CONNECTION,
        _POOL,
        ("sqlalchemy.PoolProxiedConnection", "sqlalchemy.pool.base.PoolProxiedConnection"),
        versions=_FROM_2_0,
    ),
)

_STATEMENT_TYPES = (
    Type(QUERY, Kind.LEGACY_QUERY, _QUERY, ("sqlalchemy.orm.query.Query",)),
    Type(
        SELECT,
        Kind.STATEMENT,
        _SELECT,
        ("sqlalchemy.Select", "sqlalchemy.sql.Select", "sqlalchemy.sql.selectable.Select", "sqlalchemy.future.Select"),
    ),
    Type(
        COMPOUND_SELECT,
        Kind.STATEMENT,
        _SELECT,
        ("sqlalchemy.CompoundSelect", "sqlalchemy.sql.selectable.CompoundSelect"),
    ),
    Type(TEXT, Kind.STATEMENT, _TEXT, ("sqlalchemy.TextClause", "sqlalchemy.sql.elements.TextClause")),
    Type(
        TEXTUAL_SELECT,
        Kind.STATEMENT,
        _SELECT,
        ("sqlalchemy.TextualSelect", "sqlalchemy.sql.selectable.TextualSelect"),
    ),
    Type(INSERT, Kind.STATEMENT, _DML, ("sqlalchemy.Insert", "sqlalchemy.sql.Insert", "sqlalchemy.sql.dml.Insert")),
    Type(
        "sqlalchemy.dialects.postgresql.Insert",
        Kind.STATEMENT,
        _DOCS + "dialects/postgresql.html",
        ("sqlalchemy.dialects.postgresql.dml.Insert",),
        (INSERT,),
    ),
    Type(
        "sqlalchemy.dialects.sqlite.Insert",
        Kind.STATEMENT,
        _DOCS + "dialects/sqlite.html",
        ("sqlalchemy.dialects.sqlite.dml.Insert",),
        (INSERT,),
    ),
    Type(
        "sqlalchemy.dialects.mysql.Insert",
        Kind.STATEMENT,
        _DOCS + "dialects/mysql.html",
        ("sqlalchemy.dialects.mysql.dml.Insert",),
        (INSERT,),
    ),
    Type(UPDATE, Kind.STATEMENT, _DML, ("sqlalchemy.Update", "sqlalchemy.sql.Update", "sqlalchemy.sql.dml.Update")),
    Type(DELETE, Kind.STATEMENT, _DML, ("sqlalchemy.Delete", "sqlalchemy.sql.Delete", "sqlalchemy.sql.dml.Delete")),
    Type(
        SUBQUERY,
        Kind.CLAUSE,
        _SELECT,
        ("sqlalchemy.Subquery", "sqlalchemy.sql.Subquery", "sqlalchemy.sql.selectable.Subquery"),
    ),
    Type(CTE, Kind.CLAUSE, _SELECT, ("sqlalchemy.CTE", "sqlalchemy.sql.selectable.CTE")),
    Type(EXISTS, Kind.CLAUSE, _SELECT, ("sqlalchemy.Exists", "sqlalchemy.sql.selectable.Exists")),
    Type(SCALAR_SELECT, Kind.CLAUSE, _SELECT, ("sqlalchemy.ScalarSelect", "sqlalchemy.sql.selectable.ScalarSelect")),
    Type("sqlalchemy.sql.expression.Lateral", Kind.CLAUSE, _SELECT, ("sqlalchemy.Lateral",)),
)

_RESULT_TYPES = (
    Type(RESULT, Kind.RESULT, _CONNECTION, ("sqlalchemy.Result", "sqlalchemy.engine.result.Result")),
    Type(
        CURSOR_RESULT,
        Kind.RESULT,
        _CONNECTION,
        ("sqlalchemy.CursorResult", "sqlalchemy.engine.cursor.CursorResult", "sqlalchemy.engine.ResultProxy"),
        (RESULT,),
    ),
    Type(
        "sqlalchemy.engine.IteratorResult",
        Kind.RESULT,
        _CONNECTION,
        ("sqlalchemy.engine.result.IteratorResult",),
        (RESULT,),
    ),
    Type(
        CHUNKED_RESULT,
        Kind.RESULT,
        _CONNECTION,
        ("sqlalchemy.ChunkedIteratorResult", "sqlalchemy.engine.result.ChunkedIteratorResult"),
        ("sqlalchemy.engine.IteratorResult",),
    ),
    Type(
        SCALAR_RESULT,
        Kind.RESULT,
        _CONNECTION,
        ("sqlalchemy.ScalarResult", "sqlalchemy.engine.result.ScalarResult"),
    ),
    Type(
        MAPPING_RESULT,
        Kind.RESULT,
        _CONNECTION,
        ("sqlalchemy.MappingResult", "sqlalchemy.engine.result.MappingResult"),
    ),
    Type(
        "sqlalchemy.engine.TupleResult",
        Kind.RESULT,
        _CONNECTION,
        ("sqlalchemy.engine.result.TupleResult",),
        versions=_FROM_2_0,
    ),
    Type(ASYNC_RESULT, Kind.RESULT, _ASYNC, ("sqlalchemy.ext.asyncio.result.AsyncResult",)),
    Type(ASYNC_SCALAR_RESULT, Kind.RESULT, _ASYNC, ("sqlalchemy.ext.asyncio.result.AsyncScalarResult",)),
    Type(ASYNC_MAPPING_RESULT, Kind.RESULT, _ASYNC, ("sqlalchemy.ext.asyncio.result.AsyncMappingResult",)),
    Type(
        "sqlalchemy.ext.asyncio.AsyncTupleResult",
        Kind.RESULT,
        _ASYNC,
        ("sqlalchemy.ext.asyncio.result.AsyncTupleResult",),
        versions=_FROM_2_0,
    ),
)

TABLE = Table("SQLAlchemy", types=(*_SESSION_TYPES, *_ENGINE_TYPES, *_STATEMENT_TYPES, *_RESULT_TYPES))
