"""SQLAlchemy: what methods of statements, queries and results do to the rows, and how many they bring to Python."""

from __future__ import annotations

from collections.abc import Iterator

from sqla_leaklint.knowledge import sqlalchemy as sa
from sqla_leaklint.knowledge.facts import Consumer, Fetch, Method, Role, Shape, Step, Table, Versions

_QUERY = "https://docs.sqlalchemy.org/en/20/orm/queryguide/query.html"
_SELECT = "https://docs.sqlalchemy.org/en/20/core/selectable.html"
_DML = "https://docs.sqlalchemy.org/en/20/core/dml.html"
_TEXT = "https://docs.sqlalchemy.org/en/20/core/sqlelement.html"
_CORE = "https://docs.sqlalchemy.org/en/20/core/connections.html"
_ASYNC = "https://docs.sqlalchemy.org/en/20/orm/extensions/asyncio.html"

_FROM_1_4_24 = Versions("SQLAlchemy", since="1.4.24")
_FROM_2_0 = Versions("SQLAlchemy", since="2.0")
_UNTIL_2_0 = Versions("SQLAlchemy", until="2.0")
_FROM_1_4_40 = Versions("SQLAlchemy", since="1.4.40")
_FROM_1_4_43 = Versions("SQLAlchemy", since="1.4.43")


def _steps(
    owner: str, docs: str, role: Role, names: str, returns: str = "self", versions: Versions | None = None
) -> Iterator[Step]:
    return (Step(owner, name, role, docs, returns, versions) for name in names.split())


_QUERY_STEPS = (
    *_steps(sa.QUERY, _QUERY, Role.FILTERS, "filter filter_by where having with_parent"),
    *_steps(sa.QUERY, _QUERY, Role.BOUNDS, "limit slice"),
    *_steps(sa.QUERY, _QUERY, Role.OFFSETS, "offset"),
    *_steps(sa.QUERY, _QUERY, Role.GROUPS, "group_by"),
    *_steps(sa.QUERY, _QUERY, Role.DISTINCT, "distinct"),
    *_steps(sa.QUERY, _QUERY, Role.ORDERS, "order_by"),
    *_steps(sa.QUERY, _QUERY, Role.JOINS, "join outerjoin"),
    *_steps(sa.QUERY, _QUERY, Role.LOADS, "options"),
    *_steps(sa.QUERY, _QUERY, Role.LOCKS, "with_for_update"),
    *_steps(sa.QUERY, _QUERY, Role.STREAMS, "yield_per execution_options"),
    *_steps(sa.QUERY, _QUERY, Role.SOURCES, "select_from from_statement"),
    *_steps(sa.QUERY, _QUERY, Role.SOURCES, "from_self select_entity_from", versions=_UNTIL_2_0),
    *_steps(sa.QUERY, _QUERY, Role.PROJECTS, "with_entities add_columns add_column add_entity"),
    *_steps(sa.QUERY, _QUERY, Role.COMBINES, "union union_all intersect intersect_all except_ except_all"),
    *_steps(sa.QUERY, _QUERY, Role.NEUTRAL, "autoflush correlate enable_assertions enable_eagerloads params"),
    *_steps(sa.QUERY, _QUERY, Role.NEUTRAL, "populate_existing prefix_with suffix_with reset_joinpoint with_session"),
    *_steps(sa.QUERY, _QUERY, Role.NEUTRAL, "with_hint with_statement_hint with_labels set_label_style"),
    *_steps(sa.QUERY, _QUERY, Role.NEUTRAL, "only_return_tuples"),
    *_steps(sa.QUERY, _QUERY, Role.NEUTRAL, "tuples", versions=_FROM_2_0),
    *_steps(sa.QUERY, _QUERY, Role.NEUTRAL, "with_transformation", "call arg 0"),
    *_steps(sa.QUERY, _QUERY, Role.NEUTRAL, "subquery", sa.SUBQUERY),
    *_steps(sa.QUERY, _QUERY, Role.NEUTRAL, "cte", sa.CTE),
    *_steps(sa.QUERY, _QUERY, Role.NEUTRAL, "scalar_subquery as_scalar label", sa.SCALAR_SELECT),
)

_SELECT_STEPS = (
    *_steps(sa.SELECT, _SELECT, Role.FILTERS, "where filter filter_by having"),
    *_steps(sa.SELECT, _SELECT, Role.JOINS, "join join_from outerjoin outerjoin_from"),
    *_steps(sa.SELECT, _SELECT, Role.DISTINCT, "distinct"),
    *_steps(sa.SELECT, _SELECT, Role.SOURCES, "select_from"),
    *_steps(sa.SELECT, _SELECT, Role.PROJECTS, "with_only_columns add_columns column reduce_columns"),
    *_steps(sa.SELECT, _SELECT, Role.NEUTRAL, "correlate correlate_except prefix_with suffix_with"),
    *_steps(sa.SELECT, _SELECT, Role.NEUTRAL, "with_hint with_statement_hint"),
    *_steps(sa.SELECT, _SELECT, Role.NEUTRAL, "ext", versions=Versions("SQLAlchemy", since="2.1")),
    *_steps(
        sa.SELECT,
        _SELECT,
        Role.COMBINES,
        "union union_all intersect intersect_all except_ except_all",
        sa.COMPOUND_SELECT,
    ),
)

# What Select and CompoundSelect share.
_GENERATIVE_STEPS = tuple(
    step
    for owner in (sa.SELECT, sa.COMPOUND_SELECT)
    for step in (
        *_steps(owner, _SELECT, Role.BOUNDS, "limit fetch slice"),
        *_steps(owner, _SELECT, Role.OFFSETS, "offset"),
        *_steps(owner, _SELECT, Role.GROUPS, "group_by"),
        *_steps(owner, _SELECT, Role.ORDERS, "order_by"),
        *_steps(owner, _SELECT, Role.LOCKS, "with_for_update"),
    )
)

# What every statement that selects rows shares, the textual one included.
_ROWS_STEPS = tuple(
    step
    for owner in (sa.SELECT, sa.COMPOUND_SELECT, sa.TEXTUAL_SELECT)
    for step in (
        *_steps(owner, _SELECT, Role.LOADS, "options"),
        *_steps(owner, _SELECT, Role.STREAMS, "execution_options"),
        *_steps(owner, _SELECT, Role.NEUTRAL, "params unique_params add_cte"),
        *_steps(owner, _SELECT, Role.NEUTRAL, "subquery alias", sa.SUBQUERY),
        *_steps(owner, _SELECT, Role.NEUTRAL, "cte", sa.CTE),
        *_steps(owner, _SELECT, Role.NEUTRAL, "lateral", "sqlalchemy.sql.expression.Lateral"),
        *_steps(owner, _SELECT, Role.NEUTRAL, "scalar_subquery as_scalar label", sa.SCALAR_SELECT),
        *_steps(owner, _SELECT, Role.NEUTRAL, "exists", sa.EXISTS, _FROM_1_4_24),
    )
)

_TEXT_STEPS = (
    *_steps(sa.SELECT, _SELECT, Role.NEUTRAL, "set_label_style"),
    *_steps(sa.COMPOUND_SELECT, _SELECT, Role.NEUTRAL, "set_label_style"),
    *_steps(sa.TEXTUAL_SELECT, _SELECT, Role.NEUTRAL, "set_label_style", versions=_FROM_2_0),
    *_steps(sa.TEXT, _TEXT, Role.NEUTRAL, "bindparams"),
    *_steps(sa.TEXT, _TEXT, Role.STREAMS, "execution_options"),
    *_steps(sa.TEXT, _TEXT, Role.PROJECTS, "columns", sa.TEXTUAL_SELECT),
)

_WRITE_STEPS = (
    *_steps(sa.INSERT, _DML, Role.WRITES, "values from_select"),
    *_steps(sa.INSERT, _DML, Role.RETURNING, "return_defaults"),
    *_steps(sa.UPDATE, _DML, Role.RETURNING, "return_defaults"),
    *_steps(sa.DELETE, _DML, Role.RETURNING, "return_defaults", versions=_FROM_2_0),
    *_steps(sa.UPDATE, _DML, Role.WRITES, "values ordered_values"),
    *_steps(sa.UPDATE, _DML, Role.FILTERS, "where filter filter_by"),
    *_steps(sa.DELETE, _DML, Role.FILTERS, "where filter filter_by"),
    *_steps("sqlalchemy.dialects.postgresql.Insert", _DML, Role.WRITES, "on_conflict_do_update on_conflict_do_nothing"),
    *_steps("sqlalchemy.dialects.sqlite.Insert", _DML, Role.WRITES, "on_conflict_do_update on_conflict_do_nothing"),
    *_steps("sqlalchemy.dialects.mysql.Insert", _DML, Role.WRITES, "on_duplicate_key_update"),
    *(
        step
        for owner in (sa.INSERT, sa.UPDATE, sa.DELETE)
        for step in (
            *_steps(owner, _DML, Role.RETURNING, "returning"),
            *_steps(owner, _DML, Role.STREAMS, "execution_options"),
            *_steps(owner, _DML, Role.NEUTRAL, "with_hint with_dialect_options"),
            *_steps(owner, _DML, Role.LOADS, "options"),
            *_steps(owner, _DML, Role.NEUTRAL, "cte", sa.CTE),
        )
    ),
)

_SYNC_RESULTS = (sa.RESULT, sa.SCALAR_RESULT, sa.MAPPING_RESULT)
_ASYNC_RESULTS = (sa.ASYNC_RESULT, sa.ASYNC_SCALAR_RESULT, sa.ASYNC_MAPPING_RESULT)

_RESULT_STEPS = (
    *_steps(sa.RESULT, _CORE, Role.PROJECTS, "scalars", sa.SCALAR_RESULT),
    *_steps(sa.RESULT, _CORE, Role.PROJECTS, "mappings", sa.MAPPING_RESULT),
    *_steps(sa.RESULT, _CORE, Role.PROJECTS, "columns"),
    *_steps(sa.RESULT, _CORE, Role.NEUTRAL, "tuples", versions=_FROM_2_0),
    *_steps(sa.MAPPING_RESULT, _CORE, Role.PROJECTS, "columns"),
    *_steps(sa.ASYNC_RESULT, _ASYNC, Role.PROJECTS, "scalars", sa.ASYNC_SCALAR_RESULT),
    *_steps(sa.ASYNC_RESULT, _ASYNC, Role.PROJECTS, "mappings", sa.ASYNC_MAPPING_RESULT),
    *_steps(sa.ASYNC_RESULT, _ASYNC, Role.PROJECTS, "columns"),
    *_steps(sa.ASYNC_RESULT, _ASYNC, Role.NEUTRAL, "tuples", versions=_FROM_2_0),
    *_steps(sa.ASYNC_MAPPING_RESULT, _ASYNC, Role.PROJECTS, "columns"),
    *(step for owner in _SYNC_RESULTS for step in _steps(owner, _CORE, Role.NEUTRAL, "unique")),
    *(step for owner in _ASYNC_RESULTS for step in _steps(owner, _ASYNC, Role.NEUTRAL, "unique")),
    *_steps(sa.RESULT, _CORE, Role.STREAMS, "yield_per"),
    *_steps(sa.SCALAR_RESULT, _CORE, Role.STREAMS, "yield_per", versions=_FROM_1_4_40),
    *_steps(sa.MAPPING_RESULT, _CORE, Role.STREAMS, "yield_per", versions=_FROM_1_4_40),
    *(
        step
        for owner in _ASYNC_RESULTS
        for step in _steps(owner, _ASYNC, Role.STREAMS, "yield_per", versions=_FROM_1_4_40)
    ),
)

# `one` and `one_or_none` want to see a second row, and without a LIMIT the driver fetches them all.
_QUERY_CONSUMERS = (
    Consumer(sa.QUERY, "all", Fetch.ALL_ROWS, Shape.LIST, _QUERY),
    Consumer(sa.QUERY, "__iter__", Fetch.ALL_ROWS, Shape.ITERATOR, _QUERY),
    Consumer(sa.QUERY, "first", Fetch.FIRST, Shape.OPTIONAL_ROW, _QUERY, is_bounded=True),
    Consumer(sa.QUERY, "one", Fetch.ONE, Shape.ROW, _QUERY),
    Consumer(sa.QUERY, "one_or_none", Fetch.ONE, Shape.OPTIONAL_ROW, _QUERY),
    Consumer(sa.QUERY, "scalar", Fetch.SCALAR, Shape.VALUE, _QUERY),
    Consumer(sa.QUERY, "get", Fetch.ONE, Shape.OPTIONAL_ROW, _QUERY, is_bounded=True),
    Consumer(sa.QUERY, "count", Fetch.COUNT, Shape.VALUE, _QUERY, is_bounded=True),
    Consumer(sa.QUERY, "exists", Fetch.EXISTS, Shape.CLAUSE, _QUERY, is_bounded=True),
    # `query[i]` and `query[i:j]` become LIMIT and OFFSET.
    Consumer(sa.QUERY, "__getitem__", Fetch.SOME_ROWS, Shape.LIST, _QUERY, is_bounded=True),
    Consumer(sa.QUERY, "delete", Fetch.COUNT, Shape.VALUE, _QUERY, is_bounded=True),
    Consumer(sa.QUERY, "update", Fetch.COUNT, Shape.VALUE, _QUERY, is_bounded=True),
)

_EVERY_RESULT = (
    ("all", Fetch.ALL_ROWS, Shape.LIST),
    ("fetchall", Fetch.ALL_ROWS, Shape.LIST),
    ("fetchmany", Fetch.SOME_ROWS, Shape.LIST),
    ("partitions", Fetch.SOME_ROWS, Shape.BATCHES),
    ("first", Fetch.FIRST, Shape.OPTIONAL_ROW),
    ("one", Fetch.ONE, Shape.ROW),
    ("one_or_none", Fetch.ONE, Shape.OPTIONAL_ROW),
)
_ROWS_RESULT = (
    ("fetchone", Fetch.FIRST, Shape.OPTIONAL_ROW),
    ("scalar", Fetch.SCALAR, Shape.VALUE),
    ("scalar_one", Fetch.ONE, Shape.VALUE),
    ("scalar_one_or_none", Fetch.ONE, Shape.VALUE),
)

_RESULT_CONSUMERS = (
    *(Consumer(owner, name, fetch, shape, _CORE) for owner in _SYNC_RESULTS for name, fetch, shape in _EVERY_RESULT),
    *(Consumer(sa.RESULT, name, fetch, shape, _CORE) for name, fetch, shape in _ROWS_RESULT),
    Consumer(sa.MAPPING_RESULT, "fetchone", Fetch.FIRST, Shape.OPTIONAL_ROW, _CORE),
    *(Consumer(owner, "__iter__", Fetch.ALL_ROWS, Shape.ITERATOR, _CORE) for owner in _SYNC_RESULTS),
    *(Consumer(owner, "__next__", Fetch.FIRST, Shape.ROW, _CORE) for owner in _SYNC_RESULTS),
    *(
        Consumer(owner, name, fetch, shape, _ASYNC, is_async=True)
        for owner in _ASYNC_RESULTS
        for name, fetch, shape in _EVERY_RESULT
        if (owner, name) != (sa.ASYNC_RESULT, "fetchall")
    ),
    Consumer(sa.ASYNC_RESULT, "fetchall", Fetch.ALL_ROWS, Shape.LIST, _ASYNC, is_async=True, versions=_FROM_2_0),
    *(Consumer(sa.ASYNC_RESULT, name, fetch, shape, _ASYNC, is_async=True) for name, fetch, shape in _ROWS_RESULT),
    Consumer(sa.ASYNC_MAPPING_RESULT, "fetchone", Fetch.FIRST, Shape.OPTIONAL_ROW, _ASYNC, is_async=True),
    # Rows of a streamed result come in batches only with `yield_per`; see the rule about buffered streams.
    *(Consumer(owner, "__aiter__", Fetch.STREAMED, Shape.ITERATOR, _ASYNC, is_async=True) for owner in _ASYNC_RESULTS),
    *(Consumer(owner, "__anext__", Fetch.STREAMED, Shape.ROW, _ASYNC, is_async=True) for owner in _ASYNC_RESULTS),
)

_RESULT_METHODS = (
    Method(sa.RESULT, "close", "none", _CORE),
    *(Method(owner, "close", "none", _CORE, versions=_FROM_1_4_43) for owner in (sa.SCALAR_RESULT, sa.MAPPING_RESULT)),
    *(Method(owner, "close", "await none", _ASYNC) for owner in _ASYNC_RESULTS),
)

TABLE = Table(
    "SQLAlchemy",
    methods=_RESULT_METHODS,
    steps=(
        *_QUERY_STEPS,
        *_SELECT_STEPS,
        *_GENERATIVE_STEPS,
        *_ROWS_STEPS,
        *_TEXT_STEPS,
        *_WRITE_STEPS,
        *_RESULT_STEPS,
    ),
    consumers=(*_QUERY_CONSUMERS, *_RESULT_CONSUMERS),
)
