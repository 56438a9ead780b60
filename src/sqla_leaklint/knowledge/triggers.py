"""The words without which a file cannot be of interest, generated from the tables."""

from __future__ import annotations

from collections.abc import Iterable

from sqla_leaklint.knowledge.facts import Effect, Kind, Table

# Methods that every second program calls on something else: they say nothing about a file.
_COMMON_METHODS = frozenset(
    [
        "add",
        "alias",
        "all",
        "autoflush",
        "begin",
        "callback",
        "clear",
        "close",
        "column",
        "columns",
        "connect",
        "connection",
        "correlate",
        "count",
        "cursor",
        "delete",
        "distinct",
        "except_",
        "exec",
        "exists",
        "ext",
        "fetch",
        "filter",
        "first",
        "flush",
        "get",
        "group",
        "head",
        "intersect",
        "invalidate",
        "join",
        "label",
        "limit",
        "map",
        "mappings",
        "merge",
        "message",
        "middleware",
        "offset",
        "one",
        "options",
        "params",
        "patch",
        "post",
        "prepare",
        "push",
        "put",
        "reflect",
        "refresh",
        "remove",
        "returning",
        "s",
        "scalar",
        "send",
        "si",
        "slice",
        "stream",
        "subquery",
        "task",
        "trace",
        "tuples",
        "union",
        "unique",
        "update",
        "values",
        "where",
    ]
)
_TELLING_EFFECTS = frozenset((Effect.RUNS_SQL, Effect.ENDS_TRANSACTION, Effect.BEGINS, Effect.QUEUES, Effect.FLUSHES))
# Distributions whose names alone are no reason to look: nothing in them holds a session, a connection or a row.
_UNTELLING_DISTRIBUTIONS = frozenset(
    (
        "",
        "anyio",
        "click",
        "typer",
        "pytest",
        "pytest-asyncio",
        "cachetools",
        "aiocache",
        "async-lru",
        "fastapi-cache2",
        "httpx",
        "aiohttp",
        "requests",
        "Flask",
    )
)
_SHORT = 3
_PROFILERS = ("memory-profiler", "line-profiler", "objgraph", "pympler")
_CONTAINER_RULES = ("LKS601", "LKS605", "LKS606", "LKS611")
_MEMOIZER_RULES = ("LKS602", "LKS603", "LKS604", "LKS605")
_RESOURCE_RULES = ("LKS610",)
_COLLECTOR_RULES = ("LKS612", "LKS703", "LKS704")
_PROFILING_RULES = ("LKS701", "LKS702", "LKS704")
_POOL_RULES = ("LKS504",)
_ENDPOINT_RULES = ("LKS704",)
_CLASS_RULES = ("LKS609",)
_LINTING_RULES = ("LKS9",)


def _is_one_of(code: str, prefixes: Iterable[str]) -> bool:
    return any(code.startswith(prefix) for prefix in prefixes)


def trigger_words(tables: Iterable[Table], codes: Iterable[str]) -> frozenset[bytes]:
    """The words for these rules; no word is part of another."""
    tables = tuple(tables)
    words: set[str] = set()
    for code in codes:
        special = False
        for prefixes, generate in _GENERATORS:
            if _is_one_of(code, prefixes):
                special = True
                words |= generate(tables)
        if not special:
            words |= _database_words(tables)
    return frozenset(word.encode() for word in words if not any(other != word and other in word for other in words))


def _root_words(tables: Iterable[Table]) -> set[str]:
    """The top-level packages of everything in these tables: a file that imports from them has to spell one."""
    paths: set[str] = set()
    for table in tables:
        for type_row in table.types:
            paths.update((type_row.name, *type_row.aliases))
        for function in table.functions:
            paths.update((function.name, *function.aliases))
        for column_type in table.column_types:
            paths.update((column_type.name, *column_type.aliases))
        for option in table.loader_options:
            paths.update((option.name, *option.aliases))
        paths.update(memoizer.name for memoizer in table.memoizers)
        paths.update(reexport.name for reexport in table.reexports)
        paths.update(decorator.name for decorator in table.decorators if not decorator.owner)
        paths.update(handoff.name for handoff in table.handoffs if not handoff.owner)
    roots = {path.partition(".")[0] for path in paths if "." in path}
    # A short name is part of many words; in an import a space goes before it.
    return {root if len(root) > _SHORT else f" {root}" for root in roots}


def _database_words(tables: tuple[Table, ...]) -> set[str]:
    chosen = tuple(
        table
        for table in tables
        if table.distribution not in _UNTELLING_DISTRIBUTIONS and table.distribution not in _PROFILERS
    )
    methods = {row.name for table in chosen for row in table.methods if row.effect in _TELLING_EFFECTS}
    methods |= {row.name for table in chosen for row in table.consumers}
    methods |= {row.name for table in chosen for row in table.steps}
    methods |= {row.name for table in chosen for row in table.handoffs if row.owner}
    telling = {f".{name}" for name in methods if not name.startswith("__") and name not in _COMMON_METHODS}
    # The commonest of the common names are kept in the form of a call.
    calls = {".all(", ".delay(", ".delete(", ".execute(", ".filter(", ".scalar(", ".exec(", ".refresh(", ".stream("}
    return _root_words(chosen) | telling | _user_words(tables) | calls | {"ession"}


def _user_words(tables: tuple[Table, ...]) -> set[str]:
    """The last part of each path in the rows that a project's settings add, and their methods."""
    words: set[str] = set()
    for table in tables:
        if table.is_user:
            words.update(type_row.name.rpartition(".")[2] for type_row in table.types)
            words.update(function.name.rpartition(".")[2] for function in table.functions)
            words.update(reexport.name.rpartition(".")[2] for reexport in table.reexports)
            words.update(f".{method.name}" for method in table.methods)
    return words


def _container_words(tables: tuple[Table, ...]) -> set[str]:
    """What makes a container or makes it grow: an empty one, a method of it, an item that is set, or an operator."""
    containers = {row.name for table in tables for row in table.types if row.kind is Kind.GROWING_CONTAINER}
    growing = {
        row.name
        for table in tables
        for row in table.methods
        if row.owner in containers and row.effect is Effect.GROWS and not row.name.startswith("__")
    }
    # A container is reported where it is made, whichever module fills it.
    made = {f"{name.rpartition('.')[2]}(" for name in containers} | {"= {}", "={}", "= []", "=[]"}
    return {f".{name}" for name in growing} | {"] =", "]=", "] +=", "]+=", "|=", "+="} | made


def _memoizer_words(tables: tuple[Table, ...]) -> set[str]:
    """The packages of what keeps results, and memoisers by name, which another module of the project may hand on."""
    memoizers = [row.name for table in tables for row in table.memoizers]
    others = [row.name for table in tables for row in table.decorators if row.keeps_results]
    packages = {name.partition(".")[0] for name in (*memoizers, *others)}
    return packages | {f"@{name.rpartition('.')[2]}" for name in memoizers}


def _resource_words(tables: tuple[Table, ...]) -> set[str]:
    """The packages whose clients keep open what they opened."""
    clients = {row.name for table in tables for row in table.types if row.kind is Kind.RESOURCE}
    rows = (row for table in tables for row in table.methods if row.effect is Effect.CONNECTS)
    return {row.owner.partition(".")[0] for row in rows if row.owner in clients}


def _profiling_words(tables: tuple[Table, ...]) -> set[str]:
    profilers = _root_words(table for table in tables if table.distribution in _PROFILERS)
    return profilers | {"tracemalloc"}


_GENERATORS = (
    (_CONTAINER_RULES, _container_words),
    (_MEMOIZER_RULES, _memoizer_words),
    (_RESOURCE_RULES, _resource_words),
    # `gc` alone is part of too many words: it is imported, or used as `gc.`.
    (_COLLECTOR_RULES, lambda _: {"gc.", "from gc", "gc as"}),
    (_PROFILING_RULES, _profiling_words),
    # A module of settings need not name a library.
    (_POOL_RULES, lambda tables: _database_words(tuple(tables)) | {"SQLALCHEMY_ENGINE_OPTIONS"}),
    # What an endpoint returns, another module may have made.
    (_ENDPOINT_RULES, lambda tables: _root_words(table for table in tables if table.distribution == "fastapi")),
    (_CLASS_RULES, lambda _: {"class "}),
    (_LINTING_RULES, lambda _: {"noqa"}),
)
