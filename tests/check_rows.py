"""Check every row of the knowledge tables against the libraries that are installed here; prints a report as JSON.

Stands alone, so that it can be run by the interpreters of environments with other versions of the libraries in them:

    PYTHONPATH=src <environment>/bin/python tests/check_rows.py
"""

from __future__ import annotations

import asyncio
import inspect
import json
import sys
import warnings
from collections.abc import Iterator
from typing import Any

from check_behaviour import check_statements, instance
from installed_versions import MISSING, holds, installed, resolve

from sqla_leaklint.knowledge import TABLES, default_knowledge
from sqla_leaklint.knowledge.facts import (
    Consumer,
    Decorator,
    Handoff,
    LoadStrategy,
    Method,
    Moment,
    Step,
    Table,
    Type,
    Wait,
)
from sqla_leaklint.knowledge.notation import class_named, is_notation

_STRATEGY_CLASSES = {
    LoadStrategy.LAZY: {"LazyLoader"},
    LoadStrategy.RAISE: {"LazyLoader"},
    LoadStrategy.JOINED: {"JoinedLoader"},
    LoadStrategy.SELECTIN: {"SelectInLoader"},
    LoadStrategy.SUBQUERY: {"SubqueryLoader"},
    LoadStrategy.IMMEDIATE: {"ImmediateLoader"},
    LoadStrategy.NONE: {"NoLoader"},
    LoadStrategy.DYNAMIC: {"DynaLoader"},
    LoadStrategy.WRITE_ONLY: {"WriteOnlyLoader"},
}


class Checker:
    """Collects what does not agree."""

    def __init__(self) -> None:
        self.problems: list[str] = []
        self.resolved: set[str] = set()
        self.claimed: set[str] = set()
        self.checked = 0
        self.owner_versions = {row.name: row.versions for table in TABLES for row in table.types}

    def expect(self, condition: bool, message: str) -> None:
        self.checked += 1
        if not condition:
            self.problems.append(message)

    def named(self, row: Any) -> Any:
        """Check the name, the range and the aliases of a row; gives its object if it holds here."""
        found = resolve(row.name)
        is_there = found is not MISSING
        is_claimed = holds(getattr(row, "versions", None))
        self.expect(
            is_there == is_claimed, f"{row.name}: {'is there' if is_there else 'is missing'}, row says otherwise"
        )
        self.claimed.add(row.name)
        if is_there:
            self.resolved.add(row.name)
        for alias in getattr(row, "aliases", ()):
            self.claimed.add(alias)
            other = resolve(alias)
            if other is not MISSING:
                self.resolved.add(alias)
                if is_there:
                    self.expect(is_twin(found, other), f"{alias}: is not {row.name}")
        return found if is_there and is_claimed else MISSING

    def owned(self, row: Any, owner: Any) -> Any:
        """Check that a class has that member exactly where the row says so."""
        member = getattr(owner, row.name, MISSING)
        label = f"{row.owner}.{row.name}"
        is_claimed = holds(row.versions)
        if getattr(row, "is_set_by_instance", False):
            if is_claimed and holds(self.owner_versions.get(row.owner)):
                self.expect(has_member(instance(row.owner), row.name), f"{label}: instances lack it")
            return MISSING
        self.expect(
            (member is not MISSING) == is_claimed, f"{label}: {'there' if member is not MISSING else 'missing'}"
        )
        return member if is_claimed else MISSING


def has_member(found: Any, name: str) -> bool:
    """Tell whether it has that attribute; a descriptor that wants an application context counts without being asked."""
    return inspect.getattr_static(found, name, MISSING) is not MISSING or hasattr(found, name)


def is_twin(found: Any, other: Any) -> bool:
    if found is other:
        return True
    if inspect.isclass(found) and inspect.isclass(other):
        return issubclass(other, found)
    same_name = getattr(found, "__name__", 0) == getattr(other, "__name__", 1)
    return callable(found) and callable(other) and same_name


def check_table(checker: Checker, table: Table, types: dict[str, Any]) -> None:
    for row in (*table.functions, *table.column_types, *table.loader_options):
        checker.named(row)
    for function in table.functions:
        checker.expect(is_notation(function.returns), f"{function.name}: cannot read {function.returns!r}")
    for reexport in table.reexports:
        offered = resolve(reexport.name)
        is_same = offered is not MISSING and is_twin(resolve(reexport.of), offered)
        checker.expect(is_same, f"{reexport.name}: is not {reexport.of}")
    for type_row in table.types:
        check_type(checker, type_row, types)
    for method in table.methods:
        check_method(checker, method, types)
    for step in table.steps:
        check_member(checker, step, types)
        checker.expect(is_notation(step.returns), f"{step.owner}.{step.name}: cannot read {step.returns!r}")
    for consumer in table.consumers:
        check_consumer(checker, consumer, types)
    for decorator in table.decorators:
        check_callable(checker, decorator, types)
    for handoff in table.handoffs:
        check_handoff(checker, handoff, types)
    for wait in table.waits:
        check_callable(checker, wait, types)
    for memoizer in table.memoizers:
        found = checker.named(memoizer)
        if memoizer.bound_keyword and found is not MISSING:
            parameter = inspect.signature(found).parameters.get(memoizer.bound_keyword)
            checker.expect(
                parameter is not None and parameter.default == memoizer.default_bound, f"{memoizer.name}: bound"
            )


def check_type(checker: Checker, row: Type, types: dict[str, Any]) -> None:
    found = types[row.name]
    if row.is_virtual:
        return
    if checker.named(row) is MISSING:
        return
    checker.expect(inspect.isclass(found), f"{row.name}: is no class")
    for base in row.bases:
        parent = types.get(base, MISSING)
        checker.expect(parent is not MISSING and issubclass(found, parent), f"{row.name}: is no {base}")
    if row.makes:
        checker.expect(inspect.isclass(types.get(row.makes)), f"{row.name}: makes unknown {row.makes}")
    if row.makes_keyword:
        checker.expect(
            row.makes_keyword in inspect.signature(found.__init__).parameters, f"{row.name}: {row.makes_keyword}"
        )
    for module in row.falls_back_to:
        checker.expect(inspect.ismodule(resolve(module)), f"{row.name}: falls back to {module}, no module")


def check_member(checker: Checker, row: Method | Step | Consumer, types: dict[str, Any]) -> Any:
    checker.expect(row.owner in types, f"{row.owner}.{row.name}: the tables have no such class")
    owner = types.get(row.owner, MISSING)
    return MISSING if owner is MISSING else checker.owned(row, owner)


def check_method(checker: Checker, row: Method, types: dict[str, Any]) -> None:
    label = f"{row.owner}.{row.name}"
    checker.expect(is_notation(row.returns), f"{label}: cannot read {row.returns!r}")
    named = class_named(row.returns)
    checker.expect(named is None or named in types, f"{label}: returns {named}, which the tables do not have")
    member = check_member(checker, row, types)
    if member is MISSING:
        return
    if row.is_attribute:
        checker.expect(not inspect.isfunction(member), f"{label}: is a method, not an attribute")
        return
    checker.expect(callable(member), f"{label}: is no method")
    if inspect.iscoroutinefunction(member):
        checker.expect(row.returns.startswith("await "), f"{label}: is a coroutine function")
    elif row.returns.startswith("await ") and inspect.isfunction(member):
        checker.expect(is_proxy(member), f"{label}: is no coroutine function")


def is_proxy(member: Any) -> bool:
    """1.4 generates proxies that return another method's coroutine; 2.x wraps generators to be awaited or entered."""
    return "<string>" in member.__code__.co_filename or inspect.isasyncgenfunction(inspect.unwrap(member))


def check_consumer(checker: Checker, row: Consumer, types: dict[str, Any]) -> None:
    member = check_member(checker, row, types)
    if member is MISSING or not inspect.isfunction(member):
        return
    runs_async = inspect.iscoroutinefunction(member) or inspect.isasyncgenfunction(member)
    if runs_async:
        checker.expect(row.is_async, f"{row.owner}.{row.name}: is async")
    elif row.is_async and not row.name.startswith("__"):
        checker.expect(is_proxy(member), f"{row.owner}.{row.name}: is not async")


def check_callable(checker: Checker, row: Decorator | Handoff | Wait, types: dict[str, Any]) -> Any:
    if not row.owner:
        return checker.named(row)
    checker.expect(row.owner in types, f"{row.owner}.{row.name}: the tables have no such class")
    owner = types.get(row.owner, MISSING)
    if owner is MISSING:
        return MISSING
    member = checker.owned(row, owner)
    if member is not MISSING:
        checker.expect(callable(member), f"{row.owner}.{row.name}: cannot be called")
    return member


def check_handoff(checker: Checker, row: Handoff, types: dict[str, Any]) -> None:
    found = check_callable(checker, row, types)
    if found is MISSING or not row.callee_keyword:
        return
    names = [
        name for name in inspect.signature(found.__init__ if row.is_constructor else found).parameters if name != "self"
    ]
    position = max(row.callee, 0)
    checker.expect(
        names[position : position + 1] == [row.callee_keyword], f"{row.owner}.{row.name}: parameters are {names}"
    )


def check_shadowed(checker: Checker) -> None:
    """No two rows of a kind may speak of one thing, nor two rows claim one alias."""
    knowledge = default_knowledge()
    seen: dict[tuple[str, str, str], int] = {}
    for table in TABLES:
        for rows in (table.methods, table.steps, table.consumers, table.decorators, table.handoffs, table.waits):
            for row in rows:
                key = (type(row).__name__, row.owner, row.name)
                seen[key] = seen.get(key, 0) + 1
        for rows in (table.types, table.functions, table.column_types, table.loader_options, table.memoizers):
            for row in rows:
                key = (type(row).__name__, "", row.name)
                seen[key] = seen.get(key, 0) + 1
                for alias in row.aliases:
                    checker.expect(knowledge.canonical(alias) == row.name, f"{alias}: claimed twice")
    for (kind, owner, name), count in seen.items():
        checker.expect(count == 1, f"{kind} {owner} {name}: {count} rows")


def check_lazy_values(checker: Checker) -> None:
    from sqlalchemy import Column, ForeignKey, Integer
    from sqlalchemy.orm import relationship

    declarative_base = resolve("sqlalchemy.orm.declarative_base")
    for row in (row for table in TABLES for row in table.lazy_values):
        base = declarative_base()
        keys = {"__tablename__": "parent", "id": Column(Integer, primary_key=True)}
        try:
            parent = type("Parent", (base,), {**keys, "children": relationship("Child", lazy=row.value)})
            foreign = {"__tablename__": "child", "id": Column(Integer, primary_key=True)}
            type("Child", (base,), {**foreign, "parent_id": Column(ForeignKey("parent.id"))})
            base.registry.configure()  # this one alone: classes of the last round may be half collected
            found = type(parent.children.property.strategy).__name__.lstrip("_")
        except Exception as error:  # noqa: BLE001 - whatever the library raises: it has no such value
            found = type(error).__name__
        base.registry.dispose()
        expected = _STRATEGY_CLASSES[row.strategy]
        checker.expect((found in expected) == holds(row.versions), f"lazy={row.value!r}: {found}")


def check_dependency_exits(checker: Checker) -> None:
    """Send a request to a real application and see what ran first."""
    from fastapi import BackgroundTasks, Depends, FastAPI

    can_scope = "scope" in inspect.signature(Depends).parameters
    here = [row.scope for row in default_knowledge().dependency_exits if holds(row.versions)]
    checker.expect(sorted(here) == (["function", "request"] if can_scope else ["request"]), f"exits hold for {here}")
    for row in default_knowledge().dependency_exits:
        if row.scope == "function":
            checker.expect(holds(row.versions) == can_scope, f"Depends(scope=...): {can_scope}")
        if not holds(row.versions):
            continue
        events: list[str] = []

        def provide(events: list[str] = events) -> Iterator[int]:
            yield 1
            events.append("exit")

        provide.__signature__ = inspect.Signature()  # type: ignore[attr-defined]
        app = FastAPI()
        dependency = Depends(provide, scope="function") if row.scope == "function" else Depends(provide)

        def endpoint(tasks: Any, value: Any, events: list[str] = events) -> dict[str, int]:
            tasks.add_task(events.append, "task")
            return {}

        endpoint.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
            [
                inspect.Parameter("tasks", inspect.Parameter.KEYWORD_ONLY, annotation=BackgroundTasks),
                inspect.Parameter("value", inspect.Parameter.KEYWORD_ONLY, default=dependency, annotation=int),
            ]
        )
        app.get("/")(endpoint)
        asyncio.run(request(app))
        expected = ["exit", "task"] if row.moment is Moment.BEFORE_RESPONSE else ["task", "exit"]
        checker.expect(events == expected, f"exit of a {row.scope} dependency: {events}")


async def request(app: Any) -> None:
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "GET",
        "path": "/",
        "raw_path": b"/",
        "root_path": "",
        "query_string": b"",
        "headers": [],
        "scheme": "http",
        "client": ("test", 1),
        "server": ("test", 80),
    }

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: dict[str, Any]) -> None:
        pass

    await app(scope, receive, send)


def main() -> None:
    warnings.simplefilter("ignore")
    checker = Checker()
    types = {row.name: resolve(row.name) for table in TABLES for row in table.types}
    types.update((row.name, resolve(row.bases[0])) for table in TABLES for row in table.types if row.is_virtual)
    skipped = sorted({table.distribution for table in TABLES if installed(table.distribution) is None})
    for table in TABLES:
        if table.distribution not in skipped:
            check_table(checker, table, types)
    check_shadowed(checker)
    if "SQLAlchemy" not in skipped:
        check_lazy_values(checker)
        check_statements(checker)
    if "fastapi" not in skipped:
        check_dependency_exits(checker)
    report = {
        "versions": {table.distribution: installed(table.distribution) for table in TABLES if table.distribution},
        "skipped": skipped,
        "checked": checker.checked,
        "problems": checker.problems,
        "resolved": sorted(checker.resolved),
        "claimed": sorted(checker.claimed),
    }
    json.dump(report, sys.stdout, indent=1)


if __name__ == "__main__":
    main()
