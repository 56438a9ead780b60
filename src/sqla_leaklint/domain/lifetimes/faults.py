"""Faults: the calls between opening and closing a session that are known to fail now and then.

Nearly everything in Python can raise.  Only what fails in the ordinary life of a program is a fault here: SQL through
the session, also in a function of the project that is given it and has no handlers; functions of the project that raise
or call others that may; functions of libraries.  Not: logging, constructors, the standard library's plain functions,
methods of what is not known.
"""

from __future__ import annotations

import sys
from collections.abc import Container, Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Protocol

from sqla_leaklint.domain.application.endpoints import method_name
from sqla_leaklint.domain.lifetimes.doings import Doing, Use
from sqla_leaklint.domain.lifetimes.handlers import DATABASE_ERROR
from sqla_leaklint.domain.values import ProjectFunction, Statement, Symbol, alternatives
from sqla_leaklint.flow.exceptions import statements_within
from sqla_leaklint.knowledge.facts import Effect, Kind
from sqla_leaklint.semantic import terms as t
from sqla_leaklint.semantic.events import Deed, Event
from sqla_leaklint.syntax import tree

if TYPE_CHECKING:
    from sqla_leaklint.domain.module import Domain
    from sqla_leaklint.semantic.body import Body

_ANY_ERROR = ""
_QUERY = "sqlalchemy.orm.Query"

_QUIET = sys.stdlib_module_names | {
    "builtins",
    "sqlalchemy",
    "sqlmodel",
    "structlog",
    "loguru",
    "logfire",
    "sentry_sdk",
    "click",
    "typer",
    "rich",
    "tqdm",
    "typing_extensions",
    "fastapi",
    "starlette",
    "pydantic",
}
"""Modules whose functions fail by a mistake of the programmer only, or whose failure is nobody's concern."""
_FAILING = frozenset({"json.loads", "json.load", "urllib.request.urlopen", "subprocess.run", "subprocess.check_output"})
_TALKING = ("log", "_log", "print", "debug", "warn", "info", "trace", "record_metric")
"""Beginnings of the names of functions that only tell what happens."""
_EXCEPTIONS = ("Error", "Exception", "NotFound")
"""Ends of the names of classes that are made to be raised."""


class Work(Protocol):
    """A session and all that one function does with it."""

    @property
    def domain(self) -> Domain: ...
    @property
    def body(self) -> Body: ...
    @property
    def uses(self) -> tuple[Use, ...]: ...
    @property
    def idle_closes(self) -> Container[tree.Node]: ...


@dataclass(frozen=True, eq=False)
class Faults:
    """What may fail in a function that works with a session."""

    work: Work

    @cached_property
    def uses(self) -> tuple[Use, ...]:
        """The uses of the session, with SQL where it runs: a query runs where its rows are asked for, not where it is
        made; a coroutine that nobody awaits closes nothing.
        """
        idle = self.work.idle_closes
        found = [
            use
            for use in self.work.uses
            if not (isinstance(use.act, Event) and (use.act.node in idle or use.act.value in self._queries))
        ]
        return (*found, *self._executions())

    @cached_property
    def _queries(self) -> frozenset[t.Term]:
        """`session.query(…)`: the terms of what will run on the session."""
        found: set[t.Term] = set()
        for use in self.work.uses:
            match use.act.value:
                case t.Call(func=t.Attr(name=name)) as call if use.doing is Doing.RUNS_SQL and use.callee is None:
                    if self._makes_query(name):
                        found.add(call)
                case _:
                    pass
        return frozenset(found)

    def _makes_query(self, name: str) -> bool:
        knowledge = self.work.domain.evaluator.knowledge
        row = knowledge.method("sqlalchemy.orm.Session", name)
        return row is not None and row.effect is None and knowledge.is_a(row.returns, Kind.LEGACY_QUERY)

    def _executions(self) -> Iterator[Use]:
        """Where the rows of such a query are asked for."""
        if not self._queries:
            return
        for event in self.work.body.events:
            match event.deed, event.value:
                case Deed.CALLED, t.Call(func=t.Attr(base=base, name=name)):
                    if self._runs(name) and self._is_query(base):
                        yield Use(Doing.RUNS_SQL, event)
                case Deed.ITERATED, value if isinstance(event.node, tree.For) and self._is_query(value):
                    yield Use(Doing.RUNS_SQL, replace(event, node=event.node.iter))
                case _:
                    pass

    def _runs(self, name: str) -> bool:
        knowledge = self.work.domain.evaluator.knowledge
        row = knowledge.method(_QUERY, name)
        return knowledge.consumer(_QUERY, name) is not None or (row is not None and row.effect is Effect.RUNS_SQL)

    def _is_query(self, term: t.Term) -> bool:
        """Whether a term is such a query; what cannot be followed is one if it is made of one."""
        if not any(part in self._queries for part in t.all_in([term])):
            return False
        values = alternatives(self.work.domain.value_of(term))
        return any(isinstance(value, Statement) for value in values)

    @cached_property
    def _queued(self) -> bool:
        return any(use.doing in {Doing.QUEUES, Doing.PASSES} for use in self.uses)

    @cached_property
    def errors(self) -> dict[tree.Node, str]:
        """The nodes that may fail, each with the name of the class of exceptions: empty if it can be any."""
        found: dict[tree.Node, str] = {}
        for event in self.work.body.events:
            if event.deed is Deed.CALLED and self._may_fail(event.call):
                found[event.node] = _ANY_ERROR
        for use in self.uses:
            if not isinstance(use.act, Event) or use.doing not in {Doing.RUNS_SQL, Doing.ENDS_TRANSACTION}:
                continue
            if use.callee is None and (use.doing is Doing.RUNS_SQL or is_commit(use)):
                found[use.act.node] = DATABASE_ERROR
            elif use.callee is not None and use.doing is Doing.RUNS_SQL:
                if self.handles_errors(use.callee):
                    found.pop(use.act.node, None)  # what it lets out may come before its SQL
                else:
                    found.setdefault(use.act.node, DATABASE_ERROR)
        return found

    def handles_errors(self, callee: ProjectFunction) -> bool:
        """Whether a function of the project has handlers of its own, or cannot be read."""
        domain = self.work.domain
        is_here = callee.path == domain.module.path
        module = domain.module if is_here else domain.evaluator.project.module_at(callee.path)
        body = module.executor.bodies.get(callee.qualname) if module is not None else None
        if body is None or not isinstance(body.node, tree.Function):
            return True
        return any(isinstance(stmt, tree.Try) and stmt.handlers for stmt in statements_within(body.node.body))

    def held_after(self, uses: list[Use], held: bool) -> bool:
        """Whether a connection is held after a step that failed."""
        if any(use.doing in {Doing.CLOSES, Doing.ENTERS} for use in uses):
            return False  # that a close can fail itself is a matter of its own
        if any(use.doing is Doing.RUNS_SQL for use in uses):
            return True
        return held or (self._queued and any(is_commit(use) for use in uses))

    # --- calls that have nothing to do with the session ---

    def _may_fail(self, call: t.Call) -> bool:
        func = call.func
        name = func.qualname.rpartition(".")[2] if isinstance(func, t.FunctionRef) else method_name(func)
        if name.startswith(_TALKING):
            return False
        domain = self.work.domain
        values = alternatives(domain.value_of(call.func))
        return bool(values) and all(self._fails(value) for value in values)

    def _fails(self, value: object) -> bool:
        match value:
            case Symbol(path=path):
                top, name = path.partition(".")[0], path.rpartition(".")[2]
                return path in _FAILING or (top not in _QUIET and name[:1].islower())
            case ProjectFunction():
                summary = self.work.domain.evaluator.classes.function(value)
                return summary is not None and any(_is_serious(act.deed, act.value) for act in summary.acts)
            case _:
                return False


def is_commit(use: Use) -> bool:
    """Whether a use ends a transaction by a commit, which flushes first and so may fail."""
    if use.doing is not Doing.ENDS_TRANSACTION or not isinstance(use.act.value, t.Call):
        return False
    return method_name(use.act.value.func) not in {"rollback", "expunge_all"}


def _is_serious(deed: Deed, value: t.Term) -> bool:
    """Whether an act of a function may fail: it makes an exception, or calls what is neither built in nor logging."""
    if deed is not Deed.CALLED or not isinstance(value, t.Call):
        return False
    match value.func:
        case t.Ref(path=path):
            top, name = path.partition(".")[0], path.rpartition(".")[2]
            is_telling = name.startswith(_TALKING) or _is_logger(path.split(".")[-2:][0])
            return name.endswith(_EXCEPTIONS) or (top not in _QUIET and name[:1].islower() and not is_telling)
        case func:
            return isinstance(func, t.FunctionRef)


def _is_logger(name: str) -> bool:
    """Whether a name is one that loggers have: `log`, `LOGGER`, `app_logger`."""
    return name.lower().endswith(("log", "logger", "logging"))
