"""Functions of the event loop that wait for the database there: what every other request waits for, too."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqla_leaklint.domain.event_loop.blocking import Blocking, blocking_in, waits
from sqla_leaklint.domain.event_loop.lending import Resource, is_plainly_sync, lent
from sqla_leaklint.domain.event_loop.running import is_named, runs_on_loop
from sqla_leaklint.domain.injection.needs import needs_of
from sqla_leaklint.domain.rows.other_modules import domain_of
from sqla_leaklint.domain.subjects import InFunction
from sqla_leaklint.domain.values import BoundMethod, Instance, Origin, ProjectFunction, ProjectInstance, alternatives
from sqla_leaklint.semantic import terms as t
from sqla_leaklint.syntax import tree
from sqla_leaklint.syntax.walk import is_waiting, own

if TYPE_CHECKING:
    from sqla_leaklint.domain.module import Domain
    from sqla_leaklint.semantic.body import Body
    from sqla_leaklint.semantic.summary import FunctionSummary


@dataclass(frozen=True, slots=True, eq=False)
class BlockedLoop(InFunction):
    """An `async def` function that a server's loop runs, and the first call by which it waits."""

    blocking: Blocking

    @staticmethod
    def find(domain: Domain) -> Iterator[BlockedLoop]:
        """Every such function of the module, in the order of the text."""
        for body in domain.bodies:
            if isinstance(body.node, tree.Function) and body.node.is_async:
                found = _first(domain, body)
                if found is not None:
                    yield BlockedLoop(domain, body, found)

    @property
    def provider(self) -> ProjectFunction | None:
        """The function that FastAPI has the session from, if it injects it."""
        resource = self.blocking.resource
        return resource.provider if resource is not None and resource.origin is Origin.PROVIDED else None

    @property
    def type(self) -> str:
        """What it waits by, in a word: "Session", "Connection" …; "" where that is not known."""
        resource = self.blocking.resource
        path = self.domain.evaluator.classes.library_type(resource) if resource is not None else None
        return path.rpartition(".")[2] if path is not None else ""

    @property
    def blocking_dependency(self) -> ProjectFunction | None:
        """An `async def` dependency, of FastAPI's, that waits on the loop as well, before this function is run."""
        evaluator = self.domain.evaluator
        for need in needs_of(evaluator, self.domain.module.summary, self.summary):
            if need.function.is_async and _in_function(self.domain, need.runs.path, need.function) is not None:
                return need.runs
        return None

    @property
    def needs_loop(self) -> tree.Node | None:
        """The first thing that the function needs the loop for: `await`, `async for`, `async with`."""
        return next(filter(is_waiting, own(*self.function.body)), None)


def unproven(domain: Domain, call: t.Call) -> Resource | None:
    """What a call would wait by if it is a plain session or connection, which an annotation alone says."""
    for callee in alternatives(domain.value_of(call.func)):
        match callee:
            case BoundMethod(receiver=Instance() | ProjectInstance() as receiver, name=name):
                if waits(domain, receiver, name) and not is_plainly_sync(domain, receiver):
                    return receiver
            case _:
                pass
    return None


def _first(domain: Domain, body: Body) -> Blocking | None:
    is_on_loop: bool | None = None
    given = lent(domain, ProjectFunction(domain.module.path, body.qualname))
    for found in blocking_in(domain_of(domain, domain.module.path, given) or domain, body):
        if _is_told_already(domain, found):
            continue
        resource = found.resource
        if resource is not None and resource.origin is Origin.PROVIDED and resource.provider is not None:
            # FastAPI has injected it, so it runs the function: if anything in the program names that at all.
            return found if is_named(domain, domain.module.summary.functions[body.qualname]) else None
        if is_on_loop is None:
            summary = domain.module.summary.functions[body.qualname]
            is_on_loop = runs_on_loop(domain.evaluator, domain.module.summary, summary)
        if is_on_loop:
            return found
    return None


def _is_told_already(domain: Domain, found: Blocking) -> bool:
    """Whether what waits is in a coroutine that is awaited here and is told of itself."""
    coroutines = (hop for hop in found.way if hop.summary.is_async)
    return any(_in_function(domain, hop.path, hop.summary) is not None for hop in coroutines)


def _in_function(domain: Domain, path: str, function: FunctionSummary) -> Blocking | None:
    """The first call by which a function of any module waits on the loop."""
    other = domain_of(domain, path)
    body = other.module.executor.bodies.get(function.qualname) if other is not None else None
    return _first(other, body) if other is not None and body is not None else None
