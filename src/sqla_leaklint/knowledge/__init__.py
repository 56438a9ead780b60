"""What libraries are to us: tables of facts, and one fast view over all of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from typing import Any, TypeVar

from sqla_leaklint.knowledge import (
    anyio,
    caches,
    clients,
    fastapi,
    flask_sqlalchemy,
    messages,
    profiling,
    sqlalchemy,
    sqlalchemy_columns,
    sqlalchemy_engines,
    sqlalchemy_functions,
    sqlalchemy_mapping,
    sqlalchemy_queries,
    sqlalchemy_sessions,
    sqlmodel,
    sse_starlette,
    starlette,
    stdlib,
    tasks,
    triggers,
)
from sqla_leaklint.knowledge.facts import (
    Aggregate,
    ColumnType,
    Consumer,
    Decorator,
    DependencyExit,
    Fetch,
    Function,
    Handoff,
    Kind,
    LazyValue,
    LoaderOption,
    Memoizer,
    Method,
    Shape,
    Step,
    Table,
    Type,
    Wait,
)
from sqla_leaklint.knowledge.user_rows import KnowledgeError, table_from_settings

__all__ = ["TABLES", "Knowledge", "KnowledgeError", "default_knowledge"]

TABLES: tuple[Table, ...] = (
    stdlib.TABLE,
    sqlalchemy.TABLE,
    sqlalchemy_functions.TABLE,
    sqlalchemy_mapping.TABLE,
    sqlalchemy_sessions.TABLE,
    sqlalchemy_engines.TABLE,
    sqlalchemy_queries.TABLE,
    sqlalchemy_columns.TABLE,
    sqlmodel.TABLE,
    flask_sqlalchemy.TABLE,
    flask_sqlalchemy.APPBUILDER,
    starlette.TABLE,
    fastapi.TABLE,
    sse_starlette.TABLE,
    anyio.TABLE,
    *caches.TABLES,
    *tasks.TABLES,
    *messages.TABLES,
    *clients.TABLES,
    *profiling.TABLES,
)

_FUNC = "sqlalchemy.func."
_SHAPES = {
    Shape.LIST: "rows",
    Shape.ITERATOR: "rows",
    Shape.BATCHES: "rows",
    Shape.ROW: "row",
    Shape.OPTIONAL_ROW: "row",
    Shape.VALUE: "value",
    Shape.CLAUSE: "unknown",
}

_Named = TypeVar("_Named", Type, Function, ColumnType, LoaderOption, Memoizer)
_Owned = TypeVar("_Owned", Method, Step, Consumer, Decorator, Handoff, Wait)


class Knowledge:
    """All rows, found by name.  Immutable; where two rows speak of one thing, the later table wins.

    Every `path` may be a canonical name or an alias of it.
    """

    def __init__(self, tables: Iterable[Table] = TABLES) -> None:
        self._tables = tuple(tables)
        self._types = self._by_name(row for table in self._tables for row in table.types)
        self._functions = self._by_name(row for table in self._tables for row in table.functions)
        self._column_types = self._by_name(row for table in self._tables for row in table.column_types)
        self._loader_options = self._by_name(row for table in self._tables for row in table.loader_options)
        self._memoizers = self._by_name(row for table in self._tables for row in table.memoizers)
        self._methods = self._by_owner(row for table in self._tables for row in table.methods)
        self._steps = self._by_owner(row for table in self._tables for row in table.steps)
        self._consumers = self._by_owner(row for table in self._tables for row in table.consumers)
        self._decorators = self._by_owner(row for table in self._tables for row in table.decorators)
        self._handoffs = self._by_owner(row for table in self._tables for row in table.handoffs)
        self._waits = self._by_owner(row for table in self._tables for row in table.waits)
        self._lazy_values = {(type(row.value), row.value): row for table in self._tables for row in table.lazy_values}
        self._aggregates = {row.name: row for table in self._tables for row in table.aggregates}
        self._canonical = self._names()
        self._lineage: dict[str, tuple[str, ...]] = {name: tuple(self._walk(name)) for name in self._types}

    @staticmethod
    def _by_name(rows: Iterable[_Named]) -> dict[str, _Named]:
        return {row.name: row for row in rows}

    @staticmethod
    def _by_owner(rows: Iterable[_Owned]) -> dict[tuple[str, str], _Owned]:
        return {(row.owner, row.name): row for row in rows}

    def _names(self) -> dict[str, str]:
        names: dict[str, str] = {}
        named: tuple[Mapping[str, Any], ...] = (
            self._types,
            self._functions,
            self._column_types,
            self._loader_options,
            self._memoizers,
            {row.name: row for (owner, _), row in self._decorators.items() if not owner},
            {row.name: row for (owner, _), row in self._handoffs.items() if not owner},
            {row.name: row for (owner, _), row in self._waits.items() if not owner},
        )
        for rows in named:
            for name, row in rows.items():
                names[name] = name
                names.update(dict.fromkeys(row.aliases, name))
        for table in self._tables:
            names.update((row.name, names.get(row.of, row.of)) for row in table.reexports)
        return names

    def _walk(self, name: str) -> Iterator[str]:
        """The class and its bases, nearest first."""
        pending, seen = [name], set()
        while pending:
            current = self._canonical.get(pending[0], pending[0])
            del pending[0]
            if current in seen:
                continue
            seen.add(current)
            yield current
            if current in self._types:
                pending.extend(self._types[current].bases)

    def _inherited(self, rows: Mapping[tuple[str, str], _Owned], owner: str, name: str) -> _Owned | None:
        for ancestor in self.lineage(owner):
            row = rows.get((ancestor, name))
            if row is not None:
                return row
        return None

    @property
    def tables(self) -> tuple[Table, ...]:
        return self._tables

    def with_rows(self, settings: Mapping[str, object]) -> Knowledge:
        """Give this knowledge and the rows of `[tool.leaklint.knowledge]`; raises KnowledgeError."""
        return Knowledge((*self._tables, table_from_settings(settings))) if settings else self

    def canonical(self, path: str) -> str | None:
        """The canonical name of what programs import under that path; None if the tables do not know it."""
        return self._canonical.get(path)

    def lineage(self, path: str) -> tuple[str, ...]:
        """The canonical names of a class and of its bases in the tables, nearest first; empty for an unknown class."""
        return self._lineage.get(self._canonical.get(path, path), ())

    def type(self, path: str) -> Type | None:
        return self._types.get(self._canonical.get(path, path))

    def function(self, path: str) -> Function | None:
        return self._functions.get(self._canonical.get(path, path))

    def is_a(self, path: str, kind: Kind) -> bool:
        """Tell whether the class or one of its bases is of that kind."""
        return any(self._types[name].kind is kind for name in self.lineage(path) if name in self._types)

    def method(self, owner: str, name: str) -> Method | None:
        """The method or attribute of a class, its bases included."""
        return self._inherited(self._methods, owner, name)

    def step(self, owner: str, name: str) -> Step | None:
        """What a method of a statement, query or result does to the rows that will come."""
        return self._inherited(self._steps, owner, name)

    def consumer(self, owner: str, name: str) -> Consumer | None:
        """How many rows a method brings to Python, and in what shape."""
        return self._inherited(self._consumers, owner, name)

    def returns(self, owner: str, name: str) -> str | None:
        """What calling that method returns, whichever table knows it, in the notation of `facts`."""
        for ancestor in self.lineage(owner):
            method = self._methods.get((ancestor, name))
            if method is not None:
                return method.returns
            step = self._steps.get((ancestor, name))
            if step is not None:
                return step.returns
            consumer = self._consumers.get((ancestor, name))
            if consumer is not None:
                return _consumed(consumer)
        return None

    def decorator(self, path: str) -> Decorator | None:
        """What a function does as a decorator."""
        return self._decorators.get(("", self._canonical.get(path, path)))

    def decorator_method(self, owner: str, name: str) -> Decorator | None:
        """What `@instance.name(...)` does, for an instance of that class."""
        return self._inherited(self._decorators, owner, name)

    def handoff(self, path: str) -> Handoff | None:
        """Who runs what is given to that function or constructor."""
        return self._handoffs.get(("", self._canonical.get(path, path)))

    def handoff_method(self, owner: str, name: str) -> Handoff | None:
        return self._inherited(self._handoffs, owner, name)

    def wait(self, path: str) -> Wait | None:
        """What a function waits for."""
        return self._waits.get(("", self._canonical.get(path, path)))

    def wait_method(self, owner: str, name: str) -> Wait | None:
        return self._inherited(self._waits, owner, name)

    def memoizer(self, path: str) -> Memoizer | None:
        return self._memoizers.get(self._canonical.get(path, path))

    def column_type(self, path: str) -> ColumnType | None:
        return self._column_types.get(self._canonical.get(path, path))

    def loader_option(self, path: str) -> LoaderOption | None:
        return self._loader_options.get(self._canonical.get(path, path))

    def lazy_value(self, value: str | bool | None) -> LazyValue | None:
        """What a value of `relationship(lazy=...)` means."""
        return self._lazy_values.get((type(value), value))

    def aggregate(self, path: str) -> Aggregate | None:
        """The aggregate that `func.<name>` is, for the path under which the program reaches it."""
        head, _, name = path.rpartition(".")
        return self._aggregates.get(name.lower()) if f"{self._canonical.get(head)}." == _FUNC else None

    @property
    def dependency_exits(self) -> tuple[DependencyExit, ...]:
        return tuple(row for table in self._tables for row in table.dependency_exits)

    def trigger_words(self, codes: Iterable[str]) -> frozenset[bytes]:
        """The words without any of which a file holds nothing that one of these rules could report, to be searched as
        substrings of its bytes.

        Guaranteed for a file in which, besides, no name is spelled that another file of the project exports and that
        is made of something in these tables: such a file imports none of the libraries that these rules know, so no
        expression in it has a known value (retention rules: nothing in it grows, memoizes, opens or switches the
        collector).  The project's own names are the caller's to add.  The words of methods are there for values that
        come without an import, by a star import or an inherited attribute; these are likely, not guaranteed, to be
        caught.  Nor does the guarantee hold for names that are spelled only in strings that are put together, or for
        a name that is split by a line continuation.
        """
        return triggers.trigger_words(self._tables, codes)


def _consumed(consumer: Consumer) -> str:
    if consumer.fetch is Fetch.EXISTS:
        return sqlalchemy.EXISTS
    awaited = consumer.is_async and consumer.shape not in (Shape.ITERATOR, Shape.BATCHES)
    return f"await {_SHAPES[consumer.shape]}" if awaited else _SHAPES[consumer.shape]


@lru_cache(maxsize=1)
def default_knowledge() -> Knowledge:
    """The knowledge without any rows of a project's own."""
    return Knowledge()
