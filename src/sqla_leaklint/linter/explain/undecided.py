"""Uses of a session after which nobody knows whether it will be closed: which they are, and what was not known."""

from __future__ import annotations

from collections.abc import Iterator

from sqla_leaklint.domain.describe import described
from sqla_leaklint.domain.lifetimes import Acquisition
from sqla_leaklint.domain.lifetimes.carrying import arguments_of
from sqla_leaklint.domain.lifetimes.doings import Carry, Doing, Use
from sqla_leaklint.domain.lifetimes.uses import DEFAULT_TYPE, Tracker, acts_within
from sqla_leaklint.domain.values import BoundMethod, ProjectClass, ProjectFunction, Symbol, Unknown, Value
from sqla_leaklint.linter.explain.places import Places
from sqla_leaklint.semantic import terms as t
from sqla_leaklint.semantic.events import Deed, Event
from sqla_leaklint.semantic.summary import FunctionSummary, ModuleSummary

UNDECIDED = frozenset({Doing.PASSES, Doing.STORES})
DEEPEST = 4
"""Callees of callees that are looked into."""

Row = tuple[str, str]
"""A place, and what is not known there."""


def undecided(acquisition: Acquisition, places: Places) -> Iterator[Row]:
    """The undecided uses of a session, followed into the functions that it is handed to."""
    domain = acquisition.domain
    search = _Search(places, domain.evaluator.classes.library_type(acquisition.opening.instance) or DEFAULT_TYPE)
    tracker = search.tracker(domain.module.summary, acquisition.summary, acquisition.event.value)
    yield from search.rows(tracker, acquisition.uses, 0)


class _Search:
    """Goes from use to use, and into callees."""

    def __init__(self, places: Places, session_type: str) -> None:
        self.places = places
        self.evaluator = places.domain.evaluator
        self._session_type = session_type
        self._seen: set[tuple[str, str, str]] = set()

    def tracker(self, module: ModuleSummary, function: FunctionSummary, seed: t.Term) -> Tracker:
        return Tracker(self.evaluator, module, function, self._session_type, seed=seed)

    def rows(self, tracker: Tracker, uses: tuple[Use, ...], depth: int) -> Iterator[Row]:
        told: set[t.Term] = set()
        for use in uses:
            if use.doing not in UNDECIDED or use.act.value in told:
                continue
            told.add(use.act.value)
            place, text = self._place(use, tracker.module)
            lead = f"{'→ ' * depth}{text}"
            if use.act.deed is not Deed.CALLED or not isinstance(use.act.value, t.Call):
                yield place, f"{lead}: it is {use.act.deed.value} here, and who closes it then is not known"
                continue
            call = use.act.value
            if use.callee is not None:
                yield place, f"{lead}: `{use.callee.qualname}` ({self.places.of(use.callee)}) hands it on in turn"
                yield from self._within(tracker, call, use.callee, depth + 1)
                continue
            called = tracker.callees.called(call)
            for value in called:
                yield place, f"{lead}: {self._reason(value)}"
            if not called:
                yield place, f"{lead}: what is called is not known"

    def _within(self, tracker: Tracker, call: t.Call, callee: ProjectFunction, depth: int) -> Iterator[Row]:
        """The undecided uses in a callee, by the parameter that the session arrives in."""
        summary = self.evaluator.classes.function(callee)
        module = self.evaluator.project.summary_at(callee.path)
        if summary is None or module is None or depth > DEEPEST:
            return
        for which, argument in arguments_of(call):
            if tracker.carry(argument) is not Carry.IS:
                continue
            name = tracker.callees.parameter(callee, summary, module, which)
            if name is None or (callee.path, callee.qualname, name) in self._seen:
                continue
            self._seen.add((callee.path, callee.qualname, name))
            inner = self.tracker(module, summary, t.Param(summary.qualname, name))
            yield from self.rows(inner, tuple(inner.uses(acts_within(module, summary))), depth)

    def _place(self, use: Use, module: ModuleSummary) -> tuple[str, str]:
        if isinstance(use.act, Event):
            return self.places.at(use.act.node), self.places.heading(use.act.node)
        found = self.places.call(use.act.value, module) if isinstance(use.act.value, t.Call) else None
        if found is None:
            return self.places.shown(module.path), "it"
        return found

    def _reason(self, value: Value) -> str:
        match value:
            case Unknown():
                return f"what is called is not known: {value.reason}"
            case Symbol():
                return f"`{value.path}` is a library's, and no table says that it keeps no session"
            case BoundMethod(receiver=Unknown() as receiver):
                return f"the object whose method is called is not known: {receiver.reason}"
            case BoundMethod():
                return f"no table says that `{value.name}` of {described(value.receiver)} keeps no session"
            case ProjectClass():
                return f"what the class `{value.qualname}` ({self.places.of(value)}) does with it could not be followed"
            case ProjectFunction():
                summary = self.evaluator.classes.function(value)
                place = f"`{value.qualname}` ({self.places.of(value)})"
                if summary is not None and summary.decorators:
                    return f"{place} is decorated, and the decorator may do something with it"
                return f"{place} could not be followed (recursion, or unpacked arguments)"
            case _:
                return f"a call of: {described(value)}"
