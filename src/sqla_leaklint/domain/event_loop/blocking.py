"""Calls that wait for the database in the thread that makes them: by themselves, or in functions of the project.

    session.execute(query)                  # waits
    session.query(User).first()             # waits, whatever session it is: an async one has no `query`
    users = list_users(session)             # waits, if `list_users` does with the session that it is given
    await list_users(session)               # so does an `async def` that does, when it is awaited
    await asyncio.to_thread(list_users, session)        # calls nothing here
    await asyncio.to_thread(lambda: session.execute(query))     # and what a lambda calls is not called here, either

Whether a session is plain its origin decides: the provider, the factory, the registry.  One that is known by the
annotation of a parameter alone may be another, so that nothing is said of it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from sqla_leaklint.domain.application.endpoints import method_name
from sqla_leaklint.domain.event_loop.lending import SYNC, Given, Resource, given_to, is_lent, is_plainly_sync
from sqla_leaklint.domain.lifetimes.wrappers import is_plain
from sqla_leaklint.domain.linking.decorators import PLAIN_DECORATORS, decoration_of
from sqla_leaklint.domain.linking.library import unwrapped
from sqla_leaklint.domain.memo import Memo
from sqla_leaklint.domain.rows.certain_queries import Hop, called_function, domain_of, hop_to
from sqla_leaklint.domain.rows.queries import function_text
from sqla_leaklint.domain.values import (
    BoundMethod,
    Instance,
    Literal,
    ProjectFunction,
    ProjectInstance,
    Statement,
    alternatives,
)
from sqla_leaklint.domain.writes.flushing import may_call, sending_methods
from sqla_leaklint.knowledge import Knowledge
from sqla_leaklint.knowledge.facts import Decoration, Effect, Kind, Method
from sqla_leaklint.knowledge.sqlalchemy import QUERY
from sqla_leaklint.semantic import terms as t
from sqla_leaklint.semantic.body import Body
from sqla_leaklint.semantic.events import Deed, Event
from sqla_leaklint.syntax import tree

if TYPE_CHECKING:
    from sqla_leaklint.domain.evaluation import Evaluator
    from sqla_leaklint.domain.module import Domain

_DEEPEST = 3
"""Functions of the project that call each other on the way to a blocking call."""
_WAITS = frozenset({Effect.RUNS_SQL, Effect.FLUSHES})
_COMMIT = "commit"


@dataclass(frozen=True, slots=True, eq=False)
class Blocking:
    """A call, or a loop over a query, that waits for the database.

    `resource` is what it waits by, where that is known; `way` leads to it through functions of the project.
    """

    node: tree.Expr
    resource: Resource | None
    way: tuple[Hop, ...] = ()


def blocking_in(domain: Domain, body: Body, left: int = _DEEPEST) -> Iterator[Blocking]:
    """What waits in a body, in the order of the text; the functions and lambdas in it are not called by that."""
    names = blocking_methods(domain.evaluator.knowledge)
    for event in body.events:
        found: Blocking | None = None
        if event.deed is Deed.ITERATED:
            found = _iterated(domain, event)
        elif event.deed is Deed.CALLED and isinstance(event.node, tree.Call):
            if method_name(event.call.func) in names:
                found = _directly(domain, event, event.node)
            if found is None and left and _may_be_of_project(event.call.func):
                found = _through(domain, body, event, event.node, left)
        if found is not None and not _is_in_lambda(domain, body, found.node):
            yield found


def _is_in_lambda(domain: Domain, body: Body, node: tree.Node) -> bool:
    parents = function_text(domain, body).parents
    inner: tree.Node | None = node
    while inner is not None and not isinstance(inner, tree.Lambda):
        inner = parents.get(inner)
    return inner is not None


def _may_be_of_project(function: t.Term) -> bool:
    return not (isinstance(function, t.Ref) and function.path.startswith("builtins."))


# --- by itself ---


def _directly(domain: Domain, event: Event, node: tree.Call) -> Blocking | None:
    callees = [each for each in alternatives(domain.value_of(event.call.func)) if each != Literal(None)]
    resources: list[Resource | None] = []
    for callee in callees:
        match callee:
            case BoundMethod(receiver=Statement() as query, name=name) if _runs(domain, query, name):
                resources.append(_session_of(domain, event.call.func))
            case BoundMethod(receiver=Instance() | ProjectInstance() as receiver, name=name) if waits(
                domain, receiver, name
            ):
                resources.append(receiver)
            case _:
                return None
    known = [each for each in resources if each is not None]
    if not resources or not all(is_plainly_sync(domain, each) for each in known):
        return None
    return Blocking(node, known[0] if known else None)


def _iterated(domain: Domain, event: Event) -> Blocking | None:
    """`for user in session.query(User):`."""
    values = alternatives(unwrapped(domain.value_of(event.value)))
    if not all(isinstance(each, Statement) and _is_query(domain, each) for each in values):
        return None
    match event.node:
        case tree.For(iter=node, is_async=False) | tree.CompFor(iter=node, is_async=False):
            session = _session_of(domain, event.value)
            return Blocking(node, session) if session is None or is_plainly_sync(domain, session) else None
        case _:
            return None


def _runs(domain: Domain, query: Statement, name: str) -> bool:
    return _is_query(domain, query) and domain.evaluator.knowledge.consumer(query.type, name) is not None


def _is_query(domain: Domain, statement: Statement) -> bool:
    return domain.evaluator.knowledge.is_a(statement.type, Kind.LEGACY_QUERY)


def _session_of(domain: Domain, term: t.Term) -> Resource | None:
    """The session that a chain of methods on a query began with."""
    while True:
        match term:
            case t.Call(func=t.Attr(base=base)):
                value = domain.value_of(base)
                if isinstance(value, Instance | ProjectInstance) and domain.evaluator.classes.is_a(value, *SYNC):
                    return value
                term = base
            case t.Attr(base=base):
                term = base
            case t.Join(terms=(first, *_)):
                term = first
            case _:
                return None


def waits(domain: Domain, receiver: Resource, name: str) -> bool:
    """Whether a method waits for the database in the thread that calls it, if the object is a plain one."""
    owner = domain.evaluator.classes.library_type(receiver)
    row = domain.evaluator.knowledge.method(owner, name) if owner is not None else None
    return row is not None and _is_waiting(row)


def _is_waiting(row: Method) -> bool:
    if row.returns.startswith("await ") or row.is_attribute:
        return False
    return row.effect in _WAITS or (row.effect is Effect.ENDS_TRANSACTION and row.name == _COMMIT)


@lru_cache(maxsize=8)
def blocking_methods(knowledge: Knowledge) -> frozenset[str]:
    """The names of the methods that wait."""
    found = {
        row.name
        for table in knowledge.tables
        for row in table.methods
        if _is_waiting(row) and any(knowledge.is_a(row.owner, kind) for kind in SYNC)
    }
    consumers = (row for table in knowledge.tables for row in table.consumers)
    return frozenset(found | {row.name for row in consumers if row.owner == QUERY})


# --- in functions of the project ---

_Found = tuple[tuple[Hop, ...], Resource | None]
_KNOWN: Memo[Evaluator, dict[tuple[str, str, Given, int], _Found]] = Memo(lambda _: {})
_NOTHING: _Found = ((), None)


def _through(domain: Domain, body: Body, event: Event, node: tree.Call, left: int) -> Blocking | None:
    function = called_function(domain, body, event)
    summary = domain.evaluator.classes.function(function) if function is not None else None
    if function is None or summary is None:
        return None
    given = given_to(domain, event.call, function)
    resources = [value for _, value in given if isinstance(value, Instance | ProjectInstance)]
    if summary.is_async and not any(is_lent(domain, function, name, value) for (_, name), value in given):
        return None  # what it waits by is its own: it is reported itself
    if not summary.is_async and isinstance(function_text(domain, body).parents.get(node), tree.Await):
        return None  # something makes it wait elsewhere
    known = _KNOWN.of(domain.evaluator)
    key = (function.path, function.qualname, given, left)
    if key not in known:
        known[key] = _way(domain, function, given, left, is_passed=bool(resources))
    way, resource = known[key]
    return Blocking(node, resource, way) if way else None


def _way(domain: Domain, function: ProjectFunction, given: Given, left: int, *, is_passed: bool) -> _Found:
    evaluator = domain.evaluator
    summary = evaluator.classes.function(function)
    module = evaluator.project.summary_at(function.path)
    if summary is None or module is None or not _is_called_as_it_is(evaluator, function):
        return _NOTHING
    names = blocking_methods(evaluator.knowledge) if is_passed else sending_methods(evaluator.knowledge)
    if not may_call(evaluator, function, names):
        return _NOTHING  # its module need not be read
    other = domain_of(domain, function.path, given)
    body = other.module.executor.bodies.get(summary.qualname) if other is not None else None
    if other is None or body is None or not isinstance(body.node, tree.Function):
        return _NOTHING
    found = next(blocking_in(other, body, left - 1), None)
    return ((hop_to(other, summary, found.node), *found.way), found.resource) if found is not None else _NOTHING


def _is_called_as_it_is(evaluator: Evaluator, function: ProjectFunction) -> bool:
    """Whether no decorator may run it in a thread, or keep what it returned."""
    summary = evaluator.classes.function(function)
    module = evaluator.project.summary_at(function.path)
    if summary is None or module is None or not is_plain(evaluator, summary, module):
        return False
    frame = evaluator.frame(module)
    for decorator in summary.decorators:
        decoration = decoration_of(evaluator, decorator, frame)
        value = evaluator.of(decorator.func if isinstance(decorator, t.Call) else decorator, frame)
        path = getattr(value, "path", "")
        if decoration is Decoration.CACHED:
            return False
        if decoration is None and not isinstance(value, ProjectFunction) and path not in PLAIN_DECORATORS:
            return False
    return True
