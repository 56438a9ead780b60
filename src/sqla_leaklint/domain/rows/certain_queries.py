"""What a function of the project is certain to do when it is called: the query that it sends on every way.

    def profile(session, user):
        if user is None: return None            # from here on nothing is certain
        return session.scalars(select(Profile).where(Profile.user_id == user.id)).first()

A test that may end the function before its query makes the query uncertain; so do a branch, an `or`, a handler, and the
body of a loop.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from sqla_leaklint.diagnostics import Location
from sqla_leaklint.domain.application.endpoints import method_name
from sqla_leaklint.domain.linking.calls import bind_call
from sqla_leaklint.domain.memo import Memo
from sqla_leaklint.domain.places import place_in
from sqla_leaklint.domain.rows.bounds import Bound, statement_bound
from sqla_leaklint.domain.rows.other_modules import Given, domain_of
from sqla_leaklint.domain.rows.queries import Load, function_text
from sqla_leaklint.domain.values import BoundMethod, ProjectFunction, Statement
from sqla_leaklint.domain.writes.flushing import may_call, sending_methods
from sqla_leaklint.knowledge import Knowledge
from sqla_leaklint.knowledge.facts import Kind, Role
from sqla_leaklint.semantic import terms as t
from sqla_leaklint.semantic.body import Body
from sqla_leaklint.semantic.events import Deed, Event
from sqla_leaklint.syntax import tree
from sqla_leaklint.syntax.walk import children

if TYPE_CHECKING:
    from sqla_leaklint.domain.evaluation import Evaluator
    from sqla_leaklint.domain.module import Domain
    from sqla_leaklint.semantic.summary import FunctionSummary

DEEPEST = 3
"""Functions of the project that call each other on the way to a query."""
_NOT_A_PLAIN_READ = frozenset({Role.LOCKS, Role.WRITES, Role.RETURNING})
_PLAIN_DECORATORS = frozenset({"builtins.staticmethod", "builtins.classmethod", "typing.override"})
_EXECUTING = frozenset({"execute", "scalars", "stream", "stream_scalars", "exec"})
_SESSIONS = (Kind.SESSION, Kind.ASYNC_SESSION, Kind.SESSION_REGISTRY)


@dataclass(frozen=True, slots=True, eq=False)
class SentQuery:
    """A plain read that is sent to the database; `node` is the call or the expression that is looped over."""

    node: tree.Expr
    statement: Statement


@dataclass(frozen=True, slots=True, eq=False)
class Hop:
    """One step on the way from a call to a query: a function of the module at `path`, and the place in it."""

    path: str
    summary: FunctionSummary
    place: Location

    @property
    def function(self) -> str:
        """The function's name."""
        return self.summary.name

    @property
    def qualified(self) -> str:
        """The function's name with the class of a method, else with the last name of its module."""
        owner = (self.summary.owner or "").rpartition(".")[2]
        return f"{owner or Path(self.path).stem}.{self.function}"


def sent_queries(domain: Domain, body: Body) -> Iterator[SentQuery]:
    """The plain reads that a body sends, wherever in it, each once."""
    seen: set[tree.Node] = set()
    for load in Load.within(domain, body):
        node = _sending(load)
        if node is None or node in seen or load.statement is None:
            continue
        seen.add(node)
        if _is_plain(domain.evaluator, load.statement):
            yield SentQuery(node, load.statement)
    for event in body.events:
        if event.deed is Deed.CALLED and method_name(event.call.func) == "count" and not event.call.args:
            value = domain.value_of(event.call.func)
            receiver = value.receiver if isinstance(value, BoundMethod) else None
            if isinstance(receiver, Statement) and domain.evaluator.knowledge.is_a(receiver.type, Kind.LEGACY_QUERY):
                assert isinstance(event.node, tree.Call)
                yield SentQuery(event.node, receiver)


def called_function(domain: Domain, body: Body, event: Event) -> ProjectFunction | None:
    """The function of the project that a call runs there and then; None for coroutines that are not awaited."""
    if event.deed is not Deed.CALLED:
        return None
    value = domain.value_of(event.call.func)
    if not isinstance(value, ProjectFunction):
        return None
    summary = domain.evaluator.classes.function(value)
    if summary is None or summary.is_generator:
        return None
    if summary.is_async and not isinstance(function_text(domain, body).parents.get(event.node), tree.Await):
        return None
    return value


def certain_query(domain: Domain, body: Body, event: Event, left: int = DEEPEST) -> tuple[Hop, ...]:
    """The way to a query that a call makes a function send in any case; empty where there is none for certain."""
    function = called_function(domain, body, event)
    if function is None or not left:
        return ()
    given = _sessions_given(domain, event.call, function)
    known = _KNOWN.of(domain.evaluator)
    key = (function.path, function.qualname, given)
    if key not in known:
        known[key] = ()  # a function that calls itself
        known[key] = _way(domain, function, given, left)
    return known[key]


_KNOWN: Memo[Evaluator, dict[tuple[str, str, Given], tuple[Hop, ...]]] = Memo(lambda _: {})


def _sessions_given(domain: Domain, call: t.Call, function: ProjectFunction) -> Given:
    summary = domain.evaluator.classes.function(function)
    if summary is None or all(each.annotation is not None for each in summary.parameters):
        return ()
    given = bind_call(function, summary, call, domain.value_of)
    is_a = domain.evaluator.classes.is_a
    return tuple((key, value) for key, value in given.items() if is_a(value, *_SESSIONS))


def _way(domain: Domain, function: ProjectFunction, given: Given, left: int) -> tuple[Hop, ...]:
    summary = domain.evaluator.classes.function(function)
    if summary is None or any(getattr(each, "path", "") not in _PLAIN_DECORATORS for each in summary.decorators):
        return ()  # a decorator may keep what the function returns
    if not may_call(domain.evaluator, function, _sending_names(domain.evaluator.knowledge)):
        return ()  # its module need not be read
    other = domain_of(domain, function.path, given)
    body = other.module.executor.bodies.get(summary.qualname) if other is not None else None
    if other is None or body is None or not isinstance(body.node, tree.Function):
        return ()
    certain = set(_certain(body.node.body))
    for query in sent_queries(other, body):
        if query.node in certain:
            return (hop_to(other, summary, query.node),)
    for event in body.events:
        if event.node in certain and (way := certain_query(other, body, event, left - 1)):
            return (hop_to(other, summary, event.node), *way)
    return ()


@lru_cache(maxsize=8)
def _sending_names(knowledge: Knowledge) -> frozenset[str]:
    return sending_methods(knowledge) | {"count"}


def hop_to(domain: Domain, function: FunctionSummary, node: tree.Node) -> Hop:
    """The step that a node in a function is."""
    return Hop(domain.module.path, function, place_in(domain.module, node))


def _sending(load: Load) -> tree.Expr | None:
    """The call that sends a load's statement."""
    if load.is_legacy:
        return load.node
    for call in load.calls:
        if isinstance(call.func, tree.Attribute) and call.func.attr in _EXECUTING and _is_session(load.domain, call):
            return call
    is_direct = load.rows.consumer.takes_statement and isinstance(load.node, tree.Call)
    return load.node if is_direct else None


def _is_session(domain: Domain, call: tree.Call) -> bool:
    value = domain.value(call.func)
    return isinstance(value, BoundMethod) and domain.evaluator.classes.is_a(value.receiver, *_SESSIONS)


def _is_plain(evaluator: Evaluator, statement: Statement) -> bool:
    """Whether a statement only reads, and not the rows of many keys at once."""
    is_read = statement.type.endswith(("Select", "SelectOfScalar", "Query"))
    if not is_read or any(step.role in _NOT_A_PLAIN_READ for step in statement.steps):
        return False
    return statement_bound(evaluator, statement) is not Bound.LISTED


# --- what is done on every way ----------------------------------------------------------------------------------------


def _certain(block: tree.Block) -> Iterator[tree.Node]:
    """The nodes that every call of a function with such a body reaches, unless something raises."""
    pending = list(block)
    while pending:
        stmt = pending.pop(0)
        match stmt:
            case tree.Function() | tree.Class():
                continue
            case tree.With():
                for item in stmt.items:
                    yield from _evaluated(item.context)
                pending[:0] = stmt.body
            case tree.Try():
                pending[:0] = stmt.body
            case tree.If() | tree.While():
                yield from _evaluated(stmt.test)
            case tree.For():
                yield from _evaluated(stmt.iter)
            case _:
                yield from _evaluated(stmt)
        if isinstance(stmt, tree.Return | tree.Raise):
            return
        if isinstance(stmt, tree.If | tree.For | tree.While | tree.Match) and _may_end(stmt):
            return


def _may_end(stmt: tree.Stmt) -> bool:
    if isinstance(stmt, tree.Function | tree.Class):
        return False
    return isinstance(stmt, tree.Return) or any(_may_end(each) for block in tree.blocks_of(stmt) for each in block)


def _evaluated(node: tree.Node) -> Iterator[tree.Node]:
    """A node and what is evaluated with it in any case."""
    pending = [node]
    while pending:
        current = pending.pop()
        yield current
        match current:
            case tree.Lambda() | tree.Match():
                continue
            case tree.BoolOp():
                pending.append(current.left)
            case tree.Conditional():
                pending.append(current.test)
            case tree.Comprehension():
                pending.append(current.generators[0].iter)
            case _:
                pending.extend(children(current))


__all__ = ["Hop", "SentQuery", "called_function", "certain_query", "domain_of", "hop_to", "sent_queries"]
