"""`tracemalloc`, started with the program and left on: every allocation is traced for as long as the process lives."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqla_leaklint.domain.application.starting import Step, way_from_start
from sqla_leaklint.domain.subjects import Excuse, Excused
from sqla_leaklint.semantic import terms as t
from sqla_leaklint.semantic.body import Body
from sqla_leaklint.semantic.events import Deed, Event
from sqla_leaklint.semantic.project import Module
from sqla_leaklint.syntax import tree

if TYPE_CHECKING:
    from sqla_leaklint.domain.module import Domain

START = "tracemalloc.start"
STOP = "tracemalloc.stop"
_IS_TRACING = "tracemalloc.is_tracing"


class TracingExcuse(Excuse):
    """Why a call of `tracemalloc.start` leaves nothing on, as far as is known."""

    SWITCHED = "it is not known to run at every start of the program: a condition, or no caller, stands before it"
    TAKEN_BACK = "the start of the program stops it again"


@dataclass(frozen=True, slots=True, eq=False)
class TracingStart:
    """A call of `tracemalloc.start` that every start of the program makes; `way` leads to it."""

    node: tree.Call
    way: tuple[Step, ...]

    @property
    def frames(self) -> int:
        """How many frames of each allocation are kept, as far as the call says so."""
        given = [*self.node.args[:1], *(each for each in self.node.args if each.keyword == "nframe")]
        value = given[0].value if given else None
        return value.value if isinstance(value, tree.Constant) and isinstance(value.value, int) else 1

    @staticmethod
    def find(domain: Domain) -> Iterator[TracingStart]:
        """Every such call of the module that nothing at the start takes back."""
        yield from (each for each in TracingStart.weighed(domain) if isinstance(each, TracingStart))

    @staticmethod
    def weighed(domain: Domain) -> Iterator[TracingStart | Excused]:
        """Every call of `tracemalloc.start` of the module."""
        tracing = _Tracing(domain)
        for body in domain.bodies:
            for event in _calls(body, START):
                way = tracing.way(domain.module, body, event)
                if way is None:
                    yield Excused(event.node, TracingExcuse.SWITCHED)
                elif tracing.is_taken_back(body, way):
                    yield Excused(event.node, TracingExcuse.TAKEN_BACK)
                else:
                    yield TracingStart(event.call_node, way)


class _Tracing:
    def __init__(self, domain: Domain) -> None:
        self._domain = domain
        self._evaluator = domain.evaluator

    def way(self, module: Module, body: Body, event: Event) -> tuple[Step, ...] | None:
        terms = module.executor.terms

        def asks_tracing(test: tree.Expr) -> bool:
            """`not tracemalloc.is_tracing()` holds at every start."""
            call = test.value if isinstance(test, tree.Not) else test
            return isinstance(call, tree.Call) and _path(terms.get(call.func)) == _IS_TRACING

        return way_from_start(self._evaluator, module.summary, body, event, asks_tracing)

    def is_taken_back(self, body: Body, way: tuple[Step, ...]) -> bool:
        """Whether the same body, or another part of the start, stops it: what is traced is the start alone."""
        last = way[-1].function
        if (last is None or not last.is_generator) and any(True for _ in _calls(body, STOP)):
            return True
        return any(
            self.way(module, other, event) is not None
            for module in self._modules()
            for other in module.executor.bodies.values()
            for event in _calls(other, STOP)
        )

    def _modules(self) -> Iterator[Module]:
        project = self._evaluator.project
        if project.root is None:
            yield self._domain.module
            return
        for user in project.mentioning("tracemalloc"):
            module = project.module_at(user.path)
            if module is not None:
                yield module


def _calls(body: Body, path: str) -> Iterator[Event]:
    return (event for event in body.events if event.deed is Deed.CALLED and _path(event.call.func) == path)


def _path(term: t.Term | None) -> str:
    return term.path if isinstance(term, t.Ref) else ""
