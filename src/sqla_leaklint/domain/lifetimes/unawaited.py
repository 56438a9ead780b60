"""Calls of async sessions, connections and engines whose coroutine nobody awaits.

Terms
    *idle*: a coroutine that is a statement of its own, or is bound to a name that is never read.  What is passed on,
    returned, stored or awaited later is somebody's to run.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from sqla_leaklint.domain.application.endpoints import method_name
from sqla_leaklint.domain.values import (
    BoundMethod,
    Instance,
    Literal,
    Origin,
    ProjectFunction,
    ProjectInstance,
    ResultValue,
    Value,
    alternatives,
)
from sqla_leaklint.knowledge import Knowledge
from sqla_leaklint.knowledge.facts import Effect, Kind
from sqla_leaklint.knowledge.sqlalchemy import SESSION
from sqla_leaklint.semantic import terms as t
from sqla_leaklint.semantic.body import Body
from sqla_leaklint.semantic.events import Deed, Event
from sqla_leaklint.syntax import tree
from sqla_leaklint.syntax.walk import walk

if TYPE_CHECKING:
    from sqla_leaklint.domain.module import Domain

_KINDS = (Kind.ASYNC_SESSION, Kind.SESSION_REGISTRY, Kind.ASYNC_ENGINE, Kind.ASYNC_CONNECTION, Kind.TRANSACTION)


@dataclass(frozen=True, slots=True, eq=False)
class IdleCoroutine:
    """A call that makes an idle coroutine; `owner` is the library's class whose method `name` is called.

    `provider` is the function that FastAPI had the receiver from, if it injected it.
    """

    body: Body
    event: Event
    owner: str
    name: str
    effect: Effect | None
    provider: ProjectFunction | None

    @staticmethod
    def find(domain: Domain) -> Iterator[IdleCoroutine]:
        """Every such call of the module, in the order of the text."""
        names = _coroutine_methods(domain.evaluator.knowledge)
        for body in domain.bodies:
            for event in body.events:
                if event.deed is Deed.CALLED and method_name(event.call.func) in names and _is_idle(body, event):
                    found = _judged(domain, body, event)
                    if found is not None:
                        yield found

    @property
    def node(self) -> tree.Call:
        return self.event.call_node

    @property
    def can_await(self) -> bool:
        """Whether `await` may stand where the call does."""
        return isinstance(self.body.node, tree.Function) and self.body.node.is_async


def _judged(domain: Domain, body: Body, event: Event) -> IdleCoroutine | None:
    name = method_name(event.call.func)
    callees = [each for each in alternatives(domain.value_of(event.call.func)) if each != Literal(None)]
    owners = [_owner(domain, callee) for callee in callees]
    for owner in owners:
        returned = domain.evaluator.knowledge.returns(owner, name) if owner is not None else None
        if returned is None or not returned.startswith("await "):
            return None
    if not owners or owners[0] is None:
        return None
    row = domain.evaluator.knowledge.method(owners[0], name)
    effect = row.effect if row is not None else None
    found = IdleCoroutine(body, event, owners[0], name, effect, _provider(callees[0]))
    return None if _may_be_sync(domain, found, callees) or _is_taken_for_sync(domain, found) else found


def _owner(domain: Domain, callee: Value) -> str | None:
    """The library's class of which something is a bound method; what the project overrides is the project's."""
    match callee:
        case BoundMethod(receiver=ResultValue(type=owner)):
            return owner
        case BoundMethod(receiver=receiver) if domain.evaluator.classes.is_a(receiver, *_KINDS):
            return domain.evaluator.classes.library_type(receiver)
        case _:
            return None


def _may_be_sync(domain: Domain, found: IdleCoroutine, callees: list[Value]) -> bool:
    """Whether a function may be run by `run_sync`: it then gets a plain session, whatever it calls its parameter."""
    if found.can_await or not isinstance(found.body.node, tree.Function):
        return False
    if not any(isinstance(each, BoundMethod) and _is_parameter(each.receiver) for each in callees):
        return False
    project, name = domain.evaluator.project, found.body.node.name
    users = {module.path for module in project.mentioning("run_sync")}
    return any(module.path in users for module in project.mentioning(name))


def _is_taken_for_sync(domain: Domain, found: IdleCoroutine) -> bool:
    """Whether the same function calls what only a plain session has, like `query`: it fails there, or the receiver is
    not what it seems; `await` alone mends neither.
    """
    function, knowledge = found.event.call.func, domain.evaluator.knowledge
    if not isinstance(function, t.Attr) or not knowledge.is_a(found.owner, Kind.ASYNC_SESSION):
        return False
    called = (event.call.func for event in found.body.events if event.deed is Deed.CALLED)
    others = {other.name for other in called if isinstance(other, t.Attr) and other.base is function.base}
    return any(_is_only_of_plain_sessions(knowledge, found.owner, name) for name in others)


def _is_only_of_plain_sessions(knowledge: Knowledge, owner: str, name: str) -> bool:
    """Whether a method runs SQL, or makes a query that will, and async sessions lack it."""
    row = knowledge.method(SESSION, name)
    if row is None or knowledge.returns(owner, name) is not None:
        return False
    return row.effect is Effect.RUNS_SQL or knowledge.is_a(row.returns, Kind.LEGACY_QUERY)


def _is_parameter(receiver: Value) -> bool:
    return isinstance(receiver, Instance | ProjectInstance) and receiver.origin is Origin.PARAMETER


def _provider(callee: Value) -> ProjectFunction | None:
    match callee:
        case BoundMethod(receiver=Instance(provider=provider) | ProjectInstance(provider=provider)):
            return provider
        case _:
            return None


def _is_idle(body: Body, event: Event) -> bool:
    match event.stmt:
        case tree.ExprStmt(value=value):
            return value is event.node
        case tree.Assign(targets=(tree.Name(id=name) as target,), value=value) if value is event.node:
            return _is_never_read(body, name, target)
        case tree.AnnAssign(target=tree.Name(id=name) as target, value=value) if value is event.node:
            return _is_never_read(body, name, target)
        case _:
            return False


def _is_never_read(body: Body, name: str, target: tree.Name) -> bool:
    """Whether nothing else in a function has that name; a class or module shows its names to others."""
    if not isinstance(body.node, tree.Function):
        return False
    for node in walk(body.node):
        if isinstance(node, tree.Name) and node.id == name and node is not target:
            return False
        if isinstance(node, tree.Global | tree.Nonlocal) and name in node.names:
            return False
    return True


@lru_cache(maxsize=8)
def _coroutine_methods(knowledge: Knowledge) -> frozenset[str]:
    """The names of all methods in the tables that return coroutines."""
    tables = knowledge.tables
    found = {row.name for table in tables for row in table.methods if row.returns.startswith("await ")}
    found |= {row.name for table in tables for row in table.steps if row.returns.startswith("await ")}
    found |= {row.name for table in tables for row in table.consumers if row.is_async}
    return frozenset(name for name in found if not name.startswith("__"))
