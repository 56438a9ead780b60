"""SQLAlchemy: what the methods of engines, connections, transactions and mapper registries return and do."""

from __future__ import annotations

from sqla_leaklint.knowledge import sqlalchemy as sa
from sqla_leaklint.knowledge.facts import Consumer, Effect, Fetch, Method, Shape, Table, Versions

_CORE = "https://docs.sqlalchemy.org/en/20/core/connections.html"
_ASYNC = "https://docs.sqlalchemy.org/en/20/orm/extensions/asyncio.html"
_POOL = "https://docs.sqlalchemy.org/en/20/core/pooling.html"
_MAPPING = "https://docs.sqlalchemy.org/en/20/orm/mapping_api.html"
_METADATA = "https://docs.sqlalchemy.org/en/20/core/metadata.html"

_E, _C, _T = sa.ENGINE, sa.CONNECTION, sa.TRANSACTION
_AE, _AC, _AT = sa.ASYNC_ENGINE, sa.ASYNC_CONNECTION, sa.ASYNC_TRANSACTION
_UNTIL_2_0 = Versions("SQLAlchemy", until="2.0")
_FROM_1_4_24 = Versions("SQLAlchemy", since="1.4.24")
_FROM_2_0 = Versions("SQLAlchemy", since="2.0")

_SYNC_METHODS = (
    Method(_E, "connect", _C, _CORE, Effect.CONNECTS),
    Method(_E, "begin", f"enter {_C}", _CORE, Effect.BEGINS),
    Method(_E, "raw_connection", sa.DBAPI_CONNECTION, _CORE, Effect.CONNECTS),
    Method(_E, "dispose", "none", _CORE, Effect.RELEASES),
    Method(_E, "execution_options", "self", _CORE),
    # Runs on a connection that goes back to the pool when the result is exhausted or collected.
    Method(_E, "execute", sa.CURSOR_RESULT, _CORE, Effect.RUNS_SQL, versions=_UNTIL_2_0),
    Method(_E, "scalar", "value", _CORE, Effect.RUNS_SQL, versions=_UNTIL_2_0),
    Method(_C, "__enter__", "self", _CORE),
    Method(_C, "__exit__", "none", _CORE, Effect.RELEASES),
    Method(_C, "close", "none", _CORE, Effect.RELEASES),
    Method(_C, "invalidate", "none", _CORE, Effect.RELEASES),
    Method(_C, "detach", "none", _CORE),
    Method(_C, "begin", "sqlalchemy.engine.RootTransaction", _CORE, Effect.BEGINS),
    Method(_C, "begin_nested", "sqlalchemy.engine.NestedTransaction", _CORE, Effect.BEGINS),
    Method(_C, "begin_twophase", "sqlalchemy.engine.TwoPhaseTransaction", _CORE, Effect.BEGINS),
    Method(_C, "commit", "none", _CORE, Effect.ENDS_TRANSACTION, versions=_FROM_2_0),
    Method(_C, "rollback", "none", _CORE, Effect.ENDS_TRANSACTION, versions=_FROM_2_0),
    Method(_C, "execute", sa.CURSOR_RESULT, _CORE, Effect.RUNS_SQL),
    Method(_C, "exec_driver_sql", sa.CURSOR_RESULT, _CORE, Effect.RUNS_SQL),
    Method(_C, "scalars", sa.SCALAR_RESULT, _CORE, Effect.RUNS_SQL, versions=_FROM_1_4_24),
    Method(_C, "scalar", "value", _CORE, Effect.RUNS_SQL),
    Method(_C, "execution_options", "self", _CORE),
    Method(_C, "get_transaction", "sqlalchemy.engine.RootTransaction", _CORE),
    Method(_C, "connection", sa.DBAPI_CONNECTION, _CORE, is_attribute=True),
    Method(_C, "engine", _E, _CORE, is_attribute=True, is_set_by_instance=True),
    Method(_T, "__enter__", "self", _CORE),
    Method(_T, "__exit__", "none", _CORE, Effect.ENDS_TRANSACTION),
    Method(_T, "commit", "none", _CORE, Effect.ENDS_TRANSACTION),
    Method(_T, "rollback", "none", _CORE, Effect.ENDS_TRANSACTION),
    Method(_T, "close", "none", _CORE, Effect.ENDS_TRANSACTION),
    Method(_T, "connection", _C, _CORE, is_attribute=True, is_set_by_instance=True),
    Method(sa.DBAPI_CONNECTION, "close", "none", _POOL, Effect.RELEASES, versions=_FROM_2_0),
    Method(sa.DBAPI_CONNECTION, "detach", "none", _POOL, versions=_FROM_2_0),
    Method(sa.DBAPI_CONNECTION, "invalidate", "none", _POOL, Effect.RELEASES, versions=_FROM_2_0),
    Method(sa.DBAPI_CONNECTION, "cursor", "unknown", _POOL, Effect.BEGINS, is_set_by_instance=True, versions=_FROM_2_0),
    Method(
        sa.DBAPI_CONNECTION,
        "commit",
        "none",
        _POOL,
        Effect.ENDS_TRANSACTION,
        is_set_by_instance=True,
        versions=_FROM_2_0,
    ),
    Method(
        sa.DBAPI_CONNECTION,
        "rollback",
        "none",
        _POOL,
        Effect.ENDS_TRANSACTION,
        is_set_by_instance=True,
        versions=_FROM_2_0,
    ),
)

_ASYNC_METHODS = (
    Method(_AE, "connect", _AC, _ASYNC, Effect.CONNECTS),
    Method(_AE, "begin", f"enter {_AC}", _ASYNC, Effect.BEGINS),
    Method(_AE, "raw_connection", f"await {sa.DBAPI_CONNECTION}", _ASYNC, Effect.CONNECTS),
    Method(_AE, "dispose", "await none", _ASYNC, Effect.RELEASES),
    Method(_AE, "execution_options", "self", _ASYNC),
    Method(_AE, "sync_engine", _E, _ASYNC, is_attribute=True),
    # `async_engine.connect()` is awaited or entered: either gives the connection.
    Method(_AC, "__await__", "self", _ASYNC),
    Method(_AC, "__aenter__", "await self", _ASYNC),
    Method(_AC, "__aexit__", "await none", _ASYNC, Effect.RELEASES),
    Method(_AC, "start", "await self", _ASYNC),
    Method(_AC, "close", "await none", _ASYNC, Effect.RELEASES),
    Method(_AC, "aclose", "await none", _ASYNC, Effect.RELEASES, versions=Versions("SQLAlchemy", since="2.0.20")),
    Method(_AC, "invalidate", "await none", _ASYNC, Effect.RELEASES),
    Method(_AC, "begin", _AT, _ASYNC, Effect.BEGINS),
    Method(_AC, "begin_nested", _AT, _ASYNC, Effect.BEGINS),
    Method(_AC, "commit", "await none", _ASYNC, Effect.ENDS_TRANSACTION),
    Method(_AC, "rollback", "await none", _ASYNC, Effect.ENDS_TRANSACTION),
    Method(_AC, "execute", f"await {sa.CURSOR_RESULT}", _ASYNC, Effect.RUNS_SQL),
    Method(_AC, "exec_driver_sql", f"await {sa.CURSOR_RESULT}", _ASYNC, Effect.RUNS_SQL),
    Method(_AC, "scalars", f"await {sa.SCALAR_RESULT}", _ASYNC, Effect.RUNS_SQL, versions=_FROM_1_4_24),
    Method(_AC, "scalar", "await value", _ASYNC, Effect.RUNS_SQL),
    Method(_AC, "stream", f"await {sa.ASYNC_RESULT}", _ASYNC, Effect.RUNS_SQL),
    Method(_AC, "stream_scalars", f"await {sa.ASYNC_SCALAR_RESULT}", _ASYNC, Effect.RUNS_SQL, versions=_FROM_1_4_24),
    Method(_AC, "execution_options", "await self", _ASYNC),
    Method(_AC, "run_sync", "await call arg 0", _ASYNC, Effect.RUNS_SQL),
    Method(_AC, "get_raw_connection", f"await {sa.DBAPI_CONNECTION}", _ASYNC),
    Method(_AC, "sync_connection", _C, _ASYNC, is_attribute=True),
    Method(_AC, "engine", _AE, _ASYNC, is_attribute=True),
    Method(_AT, "__await__", "self", _ASYNC),
    Method(_AT, "__aenter__", "await self", _ASYNC),
    Method(_AT, "__aexit__", "await none", _ASYNC, Effect.ENDS_TRANSACTION),
    Method(_AT, "commit", "await none", _ASYNC, Effect.ENDS_TRANSACTION),
    Method(_AT, "rollback", "await none", _ASYNC, Effect.ENDS_TRANSACTION),
    Method(_AT, "close", "await none", _ASYNC, Effect.ENDS_TRANSACTION),
)

_MAPPING_METHODS = (
    Method(sa.REGISTRY, "generate_base", "class sqlalchemy.orm.DeclarativeBase", _MAPPING),
    Method(sa.REGISTRY, "as_declarative_base", "decorator", _MAPPING),
    Method(sa.REGISTRY, "mapped", "decorator", _MAPPING),
    Method(sa.REGISTRY, "mapped_as_dataclass", "decorator", _MAPPING, versions=_FROM_2_0),
    Method(sa.REGISTRY, "map_imperatively", "none", _MAPPING),
    Method(sa.REGISTRY, "map_declaratively", "none", _MAPPING),
    Method(sa.REGISTRY, "metadata", sa.METADATA, _MAPPING, is_attribute=True, is_set_by_instance=True),
    Method(sa.METADATA, "create_all", "none", _METADATA, Effect.RUNS_SQL),
    Method(sa.METADATA, "drop_all", "none", _METADATA, Effect.RUNS_SQL),
    Method(sa.METADATA, "reflect", "none", _METADATA, Effect.RUNS_SQL),
    Method(sa.METADATA, "clear", "none", _METADATA, Effect.REMOVES),
    Method(sa.METADATA, "remove", "none", _METADATA, Effect.REMOVES),
    Method(sa.TABLE_CLASS, "select", sa.SELECT, _METADATA),
    Method(sa.TABLE_CLASS, "insert", sa.INSERT, _METADATA),
    Method(sa.TABLE_CLASS, "update", sa.UPDATE, _METADATA),
    Method(sa.TABLE_CLASS, "delete", sa.DELETE, _METADATA),
    Method(sa.TABLE_CLASS, "metadata", sa.METADATA, _METADATA, is_attribute=True, is_set_by_instance=True),
)

_CONSUMERS = (
    Consumer(_C, "scalar", Fetch.SCALAR, Shape.VALUE, _CORE, takes_statement=True),
    Consumer(_E, "scalar", Fetch.SCALAR, Shape.VALUE, _CORE, takes_statement=True, versions=_UNTIL_2_0),
    Consumer(_AC, "scalar", Fetch.SCALAR, Shape.VALUE, _ASYNC, is_async=True, takes_statement=True),
)

TABLE = Table("SQLAlchemy", methods=(*_SYNC_METHODS, *_ASYNC_METHODS, *_MAPPING_METHODS), consumers=_CONSUMERS)
