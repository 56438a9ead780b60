"""Generators that yield a session and are run by hand instead of by FastAPI or a `with` statement.

Terms
    *taken*: the session is what `next(provider())` or `await anext(provider())` gives.  The generator has no name, so
    it is gone before the session is first used, and with it the session is closed; used again, it opens again.  *Cut
    off*: a loop over the provider is left in its first round, so that what the provider does after its `yield` when
    all went well is never done.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqla_leaklint.domain.application.endpoints import method_name
from sqla_leaklint.domain.lifetimes.acquisition import Acquisition, acquire
from sqla_leaklint.domain.lifetimes.doings import HANDED_ON, Doing
from sqla_leaklint.domain.lifetimes.opening import Opening
from sqla_leaklint.domain.lifetimes.resources import SESSION
from sqla_leaklint.domain.lifetimes.uses import uses_in
from sqla_leaklint.domain.values import (
    Generator,
    Instance,
    Origin,
    ProjectFunction,
    ProjectInstance,
    Value,
    alternatives,
    with_origin,
)
from sqla_leaklint.flow import EdgeKind, build_cfg
from sqla_leaklint.knowledge.facts import Kind
from sqla_leaklint.semantic import terms as t
from sqla_leaklint.semantic.body import Body
from sqla_leaklint.semantic.events import Deed, Event
from sqla_leaklint.semantic.summary import FunctionSummary
from sqla_leaklint.syntax import tree

if TYPE_CHECKING:
    from sqla_leaklint.domain.module import Domain

_NEXT = frozenset({"builtins.next", "builtins.anext"})
_NEXT_METHODS = frozenset({"__next__", "__anext__"})
NEXT = frozenset({"next", "anext", *_NEXT_METHODS})
"""The last names of what takes a value out of a generator."""


@dataclass(frozen=True, slots=True, eq=False)
class TakenSession:
    """A session that a function takes out of a provider, by the call that makes the generator."""

    acquisition: Acquisition
    provider: ProjectFunction
    made_by: tree.Call
    is_mismatched: bool
    """`next()` of an async generator, or `anext()` of a plain one: that raises `TypeError`."""

    @staticmethod
    def find(domain: Domain) -> Iterator[TakenSession]:
        """Every such session of the module, in the order of the text."""
        for body in domain.bodies:
            if not isinstance(body.node, tree.Function):
                continue
            for event in body.events:
                generator = generator_taken_from(event)
                found = own_session_of(domain, generator) if generator is not None else None
                if generator is not None and found is not None:
                    yield _taken(domain, body, event, generator, found)

    @property
    def function(self) -> FunctionSummary | None:
        """The provider."""
        return self.acquisition.domain.evaluator.classes.function(self.provider)

    @property
    def is_async_provider(self) -> bool:
        return self.function is not None and self.function.is_async


@dataclass(frozen=True, slots=True, eq=False)
class CutOffLoop:
    """A loop that leaves a provider in its first round, with the commit of the provider that is then never run."""

    node: tree.For
    leaving: tree.Stmt
    provider: ProjectFunction

    @staticmethod
    def find(domain: Domain) -> Iterator[CutOffLoop]:
        """Every such loop of the module that has something to commit, in the order of the text."""
        for body in domain.bodies:
            for event in body.events:
                loop = event.node
                if event.deed is not Deed.ITERATED or not isinstance(loop, tree.For):
                    continue
                leaving = _leaving(loop.body)
                if leaving is None or not isinstance(loop.iter, tree.Call) or not isinstance(body.node, tree.Function):
                    continue
                found = own_session_of(domain, loop.iter)
                if found is None or not _leaves_work(domain, body, event, loop):
                    continue
                if _commits_only_when_resumed(domain, found[0]):
                    yield CutOffLoop(loop, leaving, found[0])


# --- what is taken ---


def generator_taken_from(event: Event) -> tree.Call | None:
    """The call `provider()` of `next(provider())`; a generator that has a name lives as long as that name."""
    if event.deed is not Deed.CALLED:
        return None
    function, node = event.call.func, event.node
    assert isinstance(node, tree.Call)
    generator: tree.Expr | None = None
    if isinstance(function, t.Ref) and function.path in _NEXT and node.args and not node.args[0].star:
        generator = node.args[0].value
    elif isinstance(function, t.Attr) and function.name in _NEXT_METHODS and isinstance(node.func, tree.Attribute):
        generator = node.func.value
    return generator if isinstance(generator, tree.Call) else None


def own_session_of(domain: Domain, generator: tree.Call) -> tuple[ProjectFunction, Instance | ProjectInstance] | None:
    """The provider that a call runs, and the session of its own that it yields; None unless both are known."""
    value = domain.value(generator)
    if not isinstance(value, Generator) or value.function is None:
        return None
    sessions = [each for each in alternatives(value.element) if _is_own_session(domain, each)]
    if len(sessions) != len(alternatives(value.element)) or not isinstance(sessions[0], Instance | ProjectInstance):
        return None
    return value.function, sessions[0]


def _is_own_session(domain: Domain, value: Value) -> bool:
    """Whether a value is a session that the provider opens; one of a registry, or an injected one, is another's."""
    return (
        isinstance(value, Instance | ProjectInstance)
        and value.origin in {Origin.FRESH, Origin.MANAGED}
        and domain.evaluator.classes.is_a(value, *SESSION.kinds)
    )


def _taken(
    domain: Domain,
    body: Body,
    event: Event,
    generator: tree.Call,
    found: tuple[ProjectFunction, Instance | ProjectInstance],
) -> TakenSession:
    provider, session = found
    fresh = with_origin(session, Origin.FRESH)
    assert isinstance(fresh, Instance | ProjectInstance)
    opening = Opening(fresh, provider, domain.evaluator.classes.is_a(session, Kind.ASYNC_SESSION))
    summary = domain.evaluator.classes.function(provider)
    takes_async = method_name(event.call.func) in {"anext", "__anext__"}
    is_mismatched = summary is not None and not summary.decorators and summary.is_async is not takes_async
    return TakenSession(acquire(domain, body, event, opening), provider, generator, is_mismatched)


# --- what is cut off ---


def _leaving(block: tree.Block) -> tree.Stmt | None:
    """The `break` or `return` with which a block ends, on the way on which all goes well."""
    match block[-1] if block else None:
        case (tree.Break() | tree.Return()) as last:
            return last
        case tree.With(body=body) | tree.Try(body=body, orelse=(), finalbody=()):
            return _leaving(body)
        case _:
            return None


def _leaves_work(domain: Domain, body: Body, event: Event, loop: tree.For) -> bool:
    """Whether the loop adds or deletes something and commits nothing itself."""
    summary = domain.module.summary.functions[body.qualname]
    seed = domain.term(loop.target)
    if not isinstance(loop.target, tree.Name) or not isinstance(seed, t.Element) or seed.value is not event.value:
        return False
    doings = {use.doing for use in uses_in(domain.evaluator, domain.module.summary, summary, seed)}
    is_settled = doings & (HANDED_ON | {Doing.ENDS_TRANSACTION, Doing.TRANSACTS, Doing.RETURNS, Doing.FILES})
    return Doing.QUEUES in doings and not is_settled


def _commits_only_when_resumed(domain: Domain, provider: ProjectFunction) -> bool:
    """Whether a provider commits after its `yield`, but not when it is closed there."""
    project = domain.evaluator.project
    module = domain.module if provider.path == domain.module.path else project.module_at(provider.path)
    body = module.executor.bodies.get(provider.qualname) if module is not None else None
    if body is None or not isinstance(body.node, tree.Function) or body.decorators:
        return False
    commits = {
        event.stmt
        for event in body.events
        if event.deed is Deed.CALLED and method_name(event.call.func) == "commit" and event.stmt is not None
    }
    yields = [event.node for event in body.events if event.deed is Deed.YIELDED]
    if not commits or len(yields) != 1:
        return False
    graph = build_cfg(body.node)
    steps = graph.steps_of(yields[0])
    resumed = graph.reachable(steps, avoiding=lambda edge: edge.is_exceptional)
    closing = [edge.target for step in steps for edge in graph.successors(step) if edge.kind is EdgeKind.GENERATOR_EXIT]
    closed = {*closing, *graph.reachable(closing)}
    return any(step.node in commits for step in resumed) and not any(step.node in commits for step in closed)
