"""What generators of the project do with a session that their makers were given, once somebody iterates over them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from enum import Enum
from typing import TYPE_CHECKING

from sqla_leaklint.domain.lifetimes.callees import Callees
from sqla_leaklint.domain.lifetimes.carrying import arguments_of
from sqla_leaklint.domain.lifetimes.doings import Carry, Doing, Use
from sqla_leaklint.domain.lifetimes.uses import Tracker, events_within, uses_in
from sqla_leaklint.domain.values import Instance, Origin, ProjectFunction, ResultValue, Symbol, Value, alternatives
from sqla_leaklint.semantic import terms as t
from sqla_leaklint.semantic.events import Deed, Event
from sqla_leaklint.semantic.questions import is_parameter
from sqla_leaklint.semantic.summary import FunctionSummary, ModuleSummary
from sqla_leaklint.semantic.terms import Term

if TYPE_CHECKING:
    from sqla_leaklint.domain.evaluation import Evaluator, Frame
    from sqla_leaklint.domain.module import Domain

LAZY = frozenset(
    {
        *(f"builtins.{name}" for name in ("iter", "aiter", "map", "filter", "enumerate", "zip")),
        *(f"itertools.{name}" for name in ("chain", "chain.from_iterable", "islice", "starmap", "takewhile")),
        "starlette.concurrency.iterate_in_threadpool",
    }
)
"""Functions that take from what they are given only when somebody takes from them."""
_DEEPEST = 3
"""Functions that make generators of generators that are looked into."""


class Hold(Enum):
    """What a stream does with a session's connection."""

    ACROSS = "keeps it while an item is sent"
    FIRST = "sends an item before it has given back what was taken already"
    LEFT = "takes it, and leaves it to somebody else to give it back"
    GIVEN_BACK = "ends its transactions itself"
    CLOSED = "closes the session"


_TAKING = frozenset({Doing.RUNS_SQL, Doing.PASSES})
_GIVING_BACK = frozenset({Doing.ENDS_TRANSACTION, Doing.TRANSACTS})
_CLOSING = frozenset({Doing.CLOSES, Doing.ENTERS})


def holds(uses: Iterable[Use], events: Iterable[Event]) -> Iterator[Hold]:
    """What a generator with these events does with the connection of a session that it uses in that way."""
    done: dict[object, list[Doing]] = {}
    for use in uses:
        done.setdefault(use.act, []).append(use.doing)
    is_open, is_first = False, True
    for event in events:
        if event.deed is Deed.YIELDED and (is_open or is_first):
            yield Hold.ACROSS if is_open else Hold.FIRST
        for doing in done.get(event, ()):
            if doing in _TAKING:
                is_open = True
            elif doing in _CLOSING:
                is_first = is_first and doing is not Doing.CLOSES
                yield Hold.CLOSED
            elif doing in _GIVING_BACK:
                is_open = is_first = False
                yield Hold.GIVEN_BACK
    if is_open:
        yield Hold.LEFT


class Generators:
    """What the generators of the project do, once somebody iterates, with a session of that class."""

    def __init__(self, evaluator: Evaluator, kind: str) -> None:
        self.evaluator = evaluator
        self.kind = kind

    def captured(
        self, module: ModuleSummary, outer: FunctionSummary, function: ProjectFunction, seed: Term
    ) -> Iterator[Hold]:
        """What a nested function does with a session of the function around it, or with what holds that."""
        events = [(event, True) for event in self._events(function)]
        uses = uses_in(self.evaluator, module, outer, seed, session_type=self.kind, acts=events)
        yield from holds(uses, (event for event, _ in events))

    def _events(self, function: ProjectFunction) -> list[Event]:
        module = self.evaluator.project.module_at(function.path)
        bodies = module.executor.bodies if module is not None else {}
        body = bodies.get(function.qualname)
        return [event for event, _ in events_within(body, bodies)] if body is not None else []

    def arriving(
        self, function: ProjectFunction, parameter: str, attributes: frozenset[str] = frozenset()
    ) -> Iterator[Hold]:
        """What a generator does with a session in one of its parameters, or that what is there leads to."""
        summary = self.evaluator.classes.function(function)
        module = self.evaluator.project.summary_at(function.path)
        if summary is None or module is None:
            return
        events = self._events(function)
        arrived = t.Param(summary.qualname, parameter)
        tracker = Tracker(
            self.evaluator,
            module,
            summary,
            self.kind,
            seed=None if attributes else arrived,
            holder=arrived if attributes else None,
            attributes=attributes,
        )
        yield from holds(tracker.uses((event, False) for event in events), events)

    def given(
        self,
        domain: Domain,
        outer: FunctionSummary,
        function: ProjectFunction,
        place: int | str,
        seed: Term,
        argument: Term,
    ) -> Iterator[Hold]:
        """What is done with an argument that is a session, or holds it, by whoever iterates over what a call makes."""
        parameter = self._parameter(function, place, Callees(self.evaluator, domain.frame, self.kind))
        if parameter is None:
            return
        if argument is seed:
            yield from self.holds(function, parameter)
            return
        tracker = Tracker(self.evaluator, domain.module.summary, outer, self.kind, seed=seed)
        leading = tracker.leading(argument) if tracker.carry(argument) is Carry.HOLDS else frozenset()
        summary = self.evaluator.classes.function(function)
        if leading and summary is not None and summary.is_generator:
            yield from self.arriving(function, parameter, leading)

    def _parameter(self, function: ProjectFunction, place: int | str, callees: Callees) -> str | None:
        summary = self.evaluator.classes.function(function)
        module = self.evaluator.project.summary_at(function.path)
        if summary is None or module is None:
            return None
        return callees.parameter(function, summary, module, place)

    def holds(self, function: ProjectFunction, parameter: str, depth: int = 0) -> Iterator[Hold]:
        """What is done with what arrives in a parameter by whoever iterates over what a function returns."""
        summary = self.evaluator.classes.function(function)
        module = self.evaluator.project.summary_at(function.path)
        if summary is None or module is None:
            return
        if summary.is_generator:
            yield from self.arriving(function, parameter)
        elif depth < _DEEPEST:
            for returned in summary.returns:
                yield from self._returned(returned, module, summary, parameter, depth)

    def _returned(
        self, term: Term, module: ModuleSummary, function: FunctionSummary, parameter: str, depth: int
    ) -> Iterator[Hold]:
        match term:
            case t.Join():
                for each in term.terms:
                    yield from self._returned(each, module, function, parameter, depth)
            case t.Mapped(kind="generator"):
                given = {(function.qualname, parameter): Instance(self.kind, Origin.PARAMETER)}
                values = alternatives(self.evaluator.of(term.source, self._frame(module, given)))
                is_lazy = any(isinstance(each, ResultValue) for each in values)
                parts = t.all_in([term.source]) if is_lazy else _asked_for_each(term)
                if any(is_parameter(part, function.qualname, parameter) for part in parts):
                    yield Hold.ACROSS
            case t.Call():
                yield from self._called(term, module, function, parameter, depth)
            case _:
                pass

    def _frame(self, module: ModuleSummary, given: Mapping[tuple[str, str], Value]) -> Frame:
        frame = self.evaluator.frame(module)
        return type(frame)(module, given)

    def _called(
        self, call: t.Call, module: ModuleSummary, function: FunctionSummary, parameter: str, depth: int
    ) -> Iterator[Hold]:
        frame = self.evaluator.frame(module)
        callees = Callees(self.evaluator, frame, self.kind)
        for value in alternatives(self.evaluator.of(call.func, frame)):
            if isinstance(value, Symbol) and value.path in LAZY:
                for argument in call.args:
                    yield from self._returned(argument, module, function, parameter, depth)
            if not isinstance(value, ProjectFunction):
                continue
            for place, argument in arguments_of(call):
                if is_parameter(argument, function.qualname, parameter):
                    inner = self._parameter(value, place, callees)
                    if inner is not None:
                        yield from self.holds(value, inner, depth + 1)
            summary = self.evaluator.classes.function(value)
            is_nested = value.path == module.path and summary is not None and summary.scope == function.qualname
            if is_nested and summary is not None and summary.is_generator:
                yield from self.captured(module, function, value, t.Param(function.qualname, parameter))


def _asked_for_each(term: t.Mapped) -> Iterator[Term]:
    """What an item of a comprehension is made of, but for the item that it is made from."""
    pending: list[Term] = [term.element]
    while pending:
        part = pending.pop()
        if not isinstance(part, t.Element):
            yield part
            pending.extend(t.parts_of(part))
