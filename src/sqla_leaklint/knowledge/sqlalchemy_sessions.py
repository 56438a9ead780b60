"""SQLAlchemy: what the methods of sessions, their factories and their registries return and do."""

from __future__ import annotations

from sqla_leaklint.knowledge import sqlalchemy as sa
from sqla_leaklint.knowledge.facts import Consumer, Effect, Fetch, Method, Shape, Table, Versions

_SESSION = "https://docs.sqlalchemy.org/en/20/orm/session_api.html"
_ASYNC = "https://docs.sqlalchemy.org/en/20/orm/extensions/asyncio.html"
_CONTEXTUAL = "https://docs.sqlalchemy.org/en/20/orm/contextual.html"

_S, _A, _R, _AR = sa.SESSION, sa.ASYNC_SESSION, sa.SCOPED_SESSION, sa.ASYNC_SCOPED_SESSION
_FROM_1_4_24 = Versions("SQLAlchemy", since="1.4.24")
_FROM_2_0_20 = Versions("SQLAlchemy", since="2.0.20")
_FROM_2_0_22 = Versions("SQLAlchemy", since="2.0.22")
_FROM_2_1 = Versions("SQLAlchemy", since="2.1")

# A registry hands each of these to the session of its scope, so one list serves both.
_SHARED = (
    ("begin", sa.SESSION_TRANSACTION, Effect.BEGINS, None),
    ("begin_nested", sa.SESSION_TRANSACTION, Effect.BEGINS, None),
    ("commit", "none", Effect.ENDS_TRANSACTION, None),
    ("rollback", "none", Effect.ENDS_TRANSACTION, None),
    ("close", "none", Effect.RELEASES, None),
    ("reset", "none", Effect.RELEASES, _FROM_2_0_22),
    ("execute", sa.CHUNKED_RESULT, Effect.RUNS_SQL, None),
    ("scalars", sa.SCALAR_RESULT, Effect.RUNS_SQL, _FROM_1_4_24),
    ("scalar", "value", Effect.RUNS_SQL, None),
    ("query", sa.QUERY, None, None),
    ("get", "row", Effect.RUNS_SQL, None),
    ("get_one", "row", Effect.RUNS_SQL, _FROM_2_0_22),
    ("connection", sa.CONNECTION, Effect.BEGINS, None),
    ("get_bind", sa.ENGINE, None, None),
    ("flush", "none", Effect.FLUSHES, None),
    ("add", "none", Effect.QUEUES, None),
    ("add_all", "none", Effect.QUEUES, None),
    ("delete", "none", Effect.QUEUES, None),
    ("delete_all", "none", Effect.QUEUES, _FROM_2_1),
    ("merge", "arg 0", Effect.QUEUES, None),
    ("merge_all", "arg 0", Effect.QUEUES, _FROM_2_1),
    ("refresh", "none", Effect.RUNS_SQL, None),
    ("expire", "none", None, None),
    ("expire_all", "none", None, None),
    ("expunge", "none", Effect.REMOVES, None),
    ("expunge_all", "none", Effect.REMOVES, None),
    ("bulk_save_objects", "none", Effect.RUNS_SQL, None),
    ("bulk_insert_mappings", "none", Effect.RUNS_SQL, None),
    ("bulk_update_mappings", "none", Effect.RUNS_SQL, None),
)

_SYNC_METHODS = (
    *(Method(_S, name, returns, _SESSION, effect, versions=versions) for name, returns, effect, versions in _SHARED),
    *(Method(_R, name, returns, _CONTEXTUAL, effect, versions=versions) for name, returns, effect, versions in _SHARED),
    Method(_S, "__enter__", "self", _SESSION),
    Method(_S, "__exit__", "none", _SESSION, Effect.RELEASES),
    Method(_S, "invalidate", "none", _SESSION, Effect.RELEASES),
    Method(_S, "prepare", "none", _SESSION, Effect.FLUSHES),
    Method(_S, "close_all", "none", _SESSION, Effect.RELEASES, versions=Versions("SQLAlchemy", until="2.1")),
    # Entering it only switches autoflush off: leaving it closes nothing.
    Method(_S, "no_autoflush", "enter self", _SESSION, is_attribute=True),
    Method(_R, "no_autoflush", "enter made", _CONTEXTUAL, is_attribute=True),
    Method(_S, "bind", sa.ENGINE, _SESSION, is_attribute=True, is_set_by_instance=True),
    Method(_S, "get_transaction", sa.SESSION_TRANSACTION, _SESSION),
    Method(_S, "get_nested_transaction", sa.SESSION_TRANSACTION, _SESSION),
    Method(_S, "is_active", "value", _SESSION, is_attribute=True),
    Method(_S, "in_transaction", "value", _SESSION),
    Method(sa.SESSIONMAKER, "__call__", "made", _SESSION),
    Method(sa.SESSIONMAKER, "begin", "enter made", _SESSION, Effect.BEGINS),
    Method(sa.SESSIONMAKER, "configure", "none", _SESSION),
    Method(_R, "__call__", "made", _CONTEXTUAL),
    Method(_R, "remove", "none", _CONTEXTUAL, Effect.RELEASES),
    Method(_R, "configure", "none", _CONTEXTUAL),
    Method(_R, "query_property", sa.QUERY, _CONTEXTUAL),
    Method(_R, "session_factory", sa.SESSIONMAKER, _CONTEXTUAL, is_attribute=True, is_set_by_instance=True),
    Method(_R, "bind", sa.ENGINE, _CONTEXTUAL, is_attribute=True),
    Method(sa.SESSION_TRANSACTION, "__enter__", "self", _SESSION),
    Method(sa.SESSION_TRANSACTION, "__exit__", "none", _SESSION, Effect.ENDS_TRANSACTION),
    Method(sa.SESSION_TRANSACTION, "commit", "none", _SESSION, Effect.ENDS_TRANSACTION),
    Method(sa.SESSION_TRANSACTION, "rollback", "none", _SESSION, Effect.ENDS_TRANSACTION),
    Method(sa.SESSION_TRANSACTION, "session", sa.SESSION, _SESSION, is_attribute=True, is_set_by_instance=True),
)

_ASYNC_SHARED = (
    # `begin` and `begin_nested` are not coroutines: their value is awaited or entered.
    ("begin", sa.ASYNC_SESSION_TRANSACTION, Effect.BEGINS, None),
    ("begin_nested", sa.ASYNC_SESSION_TRANSACTION, Effect.BEGINS, None),
    ("commit", "await none", Effect.ENDS_TRANSACTION, None),
    ("rollback", "await none", Effect.ENDS_TRANSACTION, None),
    ("close", "await none", Effect.RELEASES, None),
    ("aclose", "await none", Effect.RELEASES, _FROM_2_0_20),
    ("reset", "await none", Effect.RELEASES, _FROM_2_0_22),
    ("invalidate", "await none", Effect.RELEASES, None),
    ("execute", f"await {sa.CHUNKED_RESULT}", Effect.RUNS_SQL, None),
    ("scalars", f"await {sa.SCALAR_RESULT}", Effect.RUNS_SQL, _FROM_1_4_24),
    ("scalar", "await value", Effect.RUNS_SQL, None),
    ("stream", f"await {sa.ASYNC_RESULT}", Effect.RUNS_SQL, None),
    ("stream_scalars", f"await {sa.ASYNC_SCALAR_RESULT}", Effect.RUNS_SQL, _FROM_1_4_24),
    ("get", "await row", Effect.RUNS_SQL, None),
    ("get_one", "await row", Effect.RUNS_SQL, _FROM_2_0_22),
    ("connection", f"await {sa.ASYNC_CONNECTION}", Effect.BEGINS, None),
    ("get_bind", sa.ENGINE, None, None),
    ("flush", "await none", Effect.FLUSHES, None),
    ("add", "none", Effect.QUEUES, None),
    ("add_all", "none", Effect.QUEUES, None),
    ("delete", "await none", Effect.QUEUES, None),
    ("delete_all", "await none", Effect.QUEUES, _FROM_2_1),
    ("merge", "await arg 0", Effect.QUEUES, None),
    ("merge_all", "await arg 0", Effect.QUEUES, _FROM_2_1),
    ("refresh", "await none", Effect.RUNS_SQL, None),
    ("expire", "none", None, None),
    ("expire_all", "none", None, None),
    ("expunge", "none", Effect.REMOVES, None),
    ("expunge_all", "none", Effect.REMOVES, None),
)

_ASYNC_METHODS = (
    *(
        Method(_A, name, returns, _ASYNC, effect, versions=versions)
        for name, returns, effect, versions in _ASYNC_SHARED
    ),
    *(
        Method(_AR, name, returns, _ASYNC, effect, versions=versions)
        for name, returns, effect, versions in _ASYNC_SHARED
    ),
    Method(_A, "__aenter__", "await self", _ASYNC),
    Method(_A, "__aexit__", "await none", _ASYNC, Effect.RELEASES),
    Method(_A, "run_sync", "await call arg 0", _ASYNC, Effect.RUNS_SQL),
    Method(_A, "sync_session", sa.SESSION, _ASYNC, is_attribute=True, is_set_by_instance=True),
    Method(_A, "no_autoflush", "enter self", _ASYNC, is_attribute=True),
    Method(_AR, "no_autoflush", "enter made", _ASYNC, is_attribute=True),
    Method(_A, "close_all", "await none", _ASYNC, Effect.RELEASES),
    Method(_A, "is_active", "value", _ASYNC, is_attribute=True),
    Method(_A, "in_transaction", "value", _ASYNC),
    Method(sa.ASYNC_SESSIONMAKER, "__call__", "made", _ASYNC),
    Method(sa.ASYNC_SESSIONMAKER, "begin", "enter made", _ASYNC, Effect.BEGINS),
    Method(sa.ASYNC_SESSIONMAKER, "configure", "none", _ASYNC),
    Method(_AR, "__call__", "made", _ASYNC),
    Method(_AR, "remove", "await none", _ASYNC, Effect.RELEASES),
    Method(_AR, "configure", "none", _ASYNC),
    Method(_AR, "session_factory", sa.ASYNC_SESSIONMAKER, _ASYNC, is_attribute=True, is_set_by_instance=True),
    Method(sa.ASYNC_SESSION_TRANSACTION, "__aenter__", "await self", _ASYNC),
    Method(sa.ASYNC_SESSION_TRANSACTION, "__await__", "self", _ASYNC),
    Method(sa.ASYNC_SESSION_TRANSACTION, "__aexit__", "await none", _ASYNC, Effect.ENDS_TRANSACTION),
    Method(sa.ASYNC_SESSION_TRANSACTION, "commit", "await none", _ASYNC, Effect.ENDS_TRANSACTION),
    Method(sa.ASYNC_SESSION_TRANSACTION, "rollback", "await none", _ASYNC, Effect.ENDS_TRANSACTION),
)

# `scalar` reads the first row of a result that has no LIMIT of its own; `get` and `get_one` select by primary key.
_CONSUMERS = tuple(
    Consumer(owner, name, fetch, shape, docs, bounded, is_async, takes_statement, versions)
    for owner, docs, is_async in (
        (_S, _SESSION, False),
        (_R, _CONTEXTUAL, False),
        (_A, _ASYNC, True),
        (_AR, _ASYNC, True),
    )
    for name, fetch, shape, bounded, takes_statement, versions in (
        ("scalar", Fetch.SCALAR, Shape.VALUE, False, True, None),
        ("get", Fetch.ONE, Shape.OPTIONAL_ROW, True, False, None),
        ("get_one", Fetch.ONE, Shape.ROW, True, False, _FROM_2_0_22),
    )
)

TABLE = Table("SQLAlchemy", methods=(*_SYNC_METHODS, *_ASYNC_METHODS), consumers=_CONSUMERS)
