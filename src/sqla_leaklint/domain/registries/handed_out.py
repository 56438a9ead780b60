"""Dependencies of FastAPI that hand out the session of a registry which has one for each thread.

FastAPI runs a `def` dependency, the endpoint and the dependency's code after `yield` in whatever threads are free, and
all that is `async def` in one thread: the session is removed in another thread than it was used in, or it is that of
all requests at once.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqla_leaklint.domain.application.endpoints import is_provider, method_name
from sqla_leaklint.domain.lifetimes.opening import roots_of
from sqla_leaklint.domain.registries.definitions import Registry, Scope, registry_names, registry_of, touched
from sqla_leaklint.domain.values import ManagerFactory, ProjectFunction, alternatives
from sqla_leaklint.flow.exceptions import statements_within
from sqla_leaklint.semantic import terms as t
from sqla_leaklint.semantic.body import Body
from sqla_leaklint.semantic.events import Deed, Event
from sqla_leaklint.syntax import tree

if TYPE_CHECKING:
    from sqla_leaklint.domain.evaluation import Evaluator, Frame
    from sqla_leaklint.domain.module import Domain

_DEEPEST = 4
"""Functions that return what others return, before the question is given up."""


@dataclass(frozen=True, slots=True, eq=False)
class HandedOutRegistry:
    """A thread-local registry, or its session, that a dependency yields or returns.

    `handing` is the `yield` or `return`; `made` is the call of the registry, where the dependency makes it itself.
    """

    domain: Domain
    body: Body
    registry: Registry
    handing: Event
    made: Event | None

    @staticmethod
    def find(domain: Domain) -> Iterator[HandedOutRegistry]:
        """Every dependency of the module that does so, once."""
        names = registry_names(domain.evaluator, domain.module.summary)
        if not names:
            return
        for body in domain.bodies:
            if isinstance(body.node, tree.Function):
                found = next(_handed_out(domain, body, names), None)
                if found is not None:
                    yield found

    @property
    def function(self) -> tree.Function:
        assert isinstance(self.body.node, tree.Function)
        return self.body.node

    @property
    def node(self) -> tree.Node:
        return self.made.node if self.made is not None else self.handing.node

    @property
    def expression(self) -> tree.Expr | None:
        """The registry as it is written here: what is called, or handed out itself."""
        if self.made is not None:
            assert isinstance(self.made.node, tree.Call)
            return self.made.node.func
        match self.handing.node:
            case tree.Yield(value=value) | tree.Return(value=value) if isinstance(value, tree.Name | tree.Attribute):
                is_itself = registry_of(self.domain.evaluator, self.handing.value, self.domain.frame) is not None
                return value if is_itself else None
            case _:
                return None

    @property
    def removals(self) -> tuple[tree.Stmt, ...]:
        """The statements that do nothing but remove or close it."""
        calls = {
            event.node
            for event in self.body.events
            if event.deed is Deed.CALLED and method_name(event.call.func) in {"remove", "close"} and not event.call.args
        }
        return tuple(
            stmt
            for stmt in statements_within(self.function.body)
            if isinstance(stmt, tree.ExprStmt) and stmt.value in calls
        )


def _handed_out(domain: Domain, body: Body, names: frozenset[str]) -> Iterator[HandedOutRegistry]:
    for event in body.events:
        if event.deed not in {Deed.YIELDED, Deed.RETURNED}:
            continue
        registry = _handed(domain.evaluator, event.value, domain.frame, names)
        if registry is None or registry.is_async or registry.scope is not Scope.THREAD:
            continue
        summary = domain.module.summary.functions[body.qualname]
        if is_provider(domain.evaluator, domain.module.summary, summary):
            made = next((each for each in body.events if _makes(each, domain, event.value, names)), None)
            yield HandedOutRegistry(domain, body, registry, event, made)


def _makes(event: Event, domain: Domain, handed: t.Term, names: frozenset[str]) -> bool:
    """Whether an event is the call of a registry whose session is handed out."""
    if event.deed is not Deed.CALLED or event.value not in set(_roots(handed)):
        return False
    touch = touched(domain.evaluator, event.call, domain.frame, names)
    return touch is not None and not touch.method


def _roots(term: t.Term) -> Iterator[t.Call]:
    """The calls that a value is of, those that are entered by `with` as well."""
    for part in (term.value,) if isinstance(term, t.Enter) else (term,):
        yield from roots_of(part)


def _handed(evaluator: Evaluator, term: t.Term, frame: Frame, names: frozenset[str], depth: int = 0) -> Registry | None:
    """The registry that a value is, or whose session it is."""
    last = term.name if isinstance(term, t.Local) else method_name(term)
    if last in names:
        return registry_of(evaluator, term, frame)
    for root in _roots(term):
        touch = touched(evaluator, root, frame, names)
        if touch is not None:
            return touch.registry if not touch.method else None
        found = _through(evaluator, root, frame, names, depth) if depth < _DEEPEST else None
        if found is not None:
            return found
    return None


def _through(evaluator: Evaluator, call: t.Call, frame: Frame, names: frozenset[str], depth: int) -> Registry | None:
    """The registry of a session that a function of the project returns, or a context manager of the project gives."""
    for value in alternatives(evaluator.of(call.func, frame)):
        function = value.function if isinstance(value, ManagerFactory) else value
        if not isinstance(function, ProjectFunction):
            continue
        summary = evaluator.classes.function(function)
        module = evaluator.project.summary_at(function.path)
        if summary is None or module is None:
            continue
        for each in (*summary.returns, *summary.yields):
            found = _handed(evaluator, each, evaluator.frame(module), names, depth + 1)
            if found is not None:
                return found
    return None
