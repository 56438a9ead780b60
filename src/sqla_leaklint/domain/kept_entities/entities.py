"""Which terms are entities, which session loaded them, and whether that session ends before they do."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqla_leaklint.domain.application.callers import callers
from sqla_leaklint.domain.application.endpoints import method_name
from sqla_leaklint.domain.mapped.columns import Column, Relationship
from sqla_leaklint.domain.mapped.models import Model, models_of
from sqla_leaklint.domain.origins.provenance import Provenance, Trail
from sqla_leaklint.domain.values import (
    Entity,
    Instance,
    Many,
    Origin,
    ProjectFunction,
    ProjectInstance,
    Rows,
    TupleValue,
    Value,
    alternatives,
)
from sqla_leaklint.knowledge.facts import Kind, LoadStrategy
from sqla_leaklint.semantic import terms as t
from sqla_leaklint.semantic.events import Deed
from sqla_leaklint.semantic.summary import FunctionSummary, ModuleSummary

if TYPE_CHECKING:
    from sqla_leaklint.domain.evaluation import Evaluator

_DEEPEST = 3
"""Functions that hand on an entity before it is given up."""

_TAKING_OUT = frozenset({"expunge", "expunge_all", "make_transient", "make_transient_to_detached"})
_ENDING = frozenset({Origin.MANAGED, Origin.PROVIDED, Origin.FRESH})
"""Of sessions that are over when the function is, or the request."""

_LASTING = frozenset({Origin.GLOBAL, Origin.ATTRIBUTE})


@dataclass(frozen=True, slots=True)
class Detached:
    """An entity that a function lets the process keep.

    `missing` is what is not loaded with it by itself; `trail`: how the outside world comes to call the function, where
    that tells that the session ends.
    """

    model: Model
    missing: Relationship | Column
    trail: Trail | None


@dataclass(frozen=True, slots=True)
class _Seen:
    """A term of a function that is an entity, or entities."""

    module: ModuleSummary
    function: FunctionSummary
    term: t.Term
    model: Model


class Entities:
    """Looks for entities in what is kept."""

    def __init__(self, evaluator: Evaluator) -> None:
        self.evaluator = evaluator

    def detached(self, module: ModuleSummary, function: FunctionSummary, term: t.Term) -> Detached | None:
        """The first entity in a term that is kept beyond its session, and not in full."""
        for seen in self._in(module, function, term, 0):
            missing = _loaded_later(seen.model)
            if missing is None or _takes_out(function) or _takes_out(seen.function):
                continue
            sources = list(self._sources(seen.module, seen.term, 0))
            if any(isinstance(each, t.Call) and _has_options(each) for each in sources):
                continue
            origins = {each for each in sources if isinstance(each, Origin)}
            if origins & _LASTING:
                continue
            trail = Provenance(self.evaluator).call_trail(module, function)
            if trail is not None or origins & _ENDING:
                return Detached(seen.model, missing, trail)
        return None

    # --- which terms are entities ---

    def _in(self, module: ModuleSummary, function: FunctionSummary, term: t.Term, depth: int) -> Iterator[_Seen]:
        match term:
            case t.Collection(kind="tuple" | "list" | "set" | "dict"):
                for element in term.elements:
                    yield from self._in(module, function, element, depth)
            case t.Mapped():
                yield from self._in(module, function, term.element, depth)
            case t.Join():
                for each in term.terms:
                    yield from self._in(module, function, each, depth)
            case t.Star():
                yield from self._in(module, function, term.value, depth)
            case t.Param() if depth < _DEEPEST and (passed := list(self._passed(module, term))):
                for caller_module, caller, argument in passed:
                    yield from self._in(caller_module, caller, argument, depth + 1)
            case _:
                for model in self._models(self.evaluator.of(term, self.evaluator.frame(module))):
                    yield _Seen(module, function, term, model)

    def _passed(
        self, module: ModuleSummary, parameter: t.Param
    ) -> Iterator[tuple[ModuleSummary, FunctionSummary, t.Term]]:
        holder = module.functions.get(parameter.function)
        for call in callers(self.evaluator, module, holder) if holder is not None else ():
            if call.function is not None and parameter.name in call.arguments:
                yield call.module, call.function, call.arguments[parameter.name]

    def _models(self, value: Value) -> Iterator[Model]:
        for each in alternatives(value):
            match each:
                case Entity(is_loaded=True):
                    model = models_of(self.evaluator).of(each.model)
                    if model is not None:
                        yield model
                case Rows(element=element) | Many(element=element):
                    yield from self._models(element)
                case TupleValue():
                    for element in each.elements:
                        yield from self._models(element)
                case _:
                    pass

    # --- which session loaded them ---

    def _sources(self, module: ModuleSummary, term: t.Term, depth: int) -> Iterator[Origin | t.Call]:
        """The origins of the sessions that a term comes from, and the calls on the way, of functions too."""
        frame = self.evaluator.frame(module)
        for part in t.all_in([term]):
            for value in alternatives(self.evaluator.of(part, frame)):
                if isinstance(value, Instance | ProjectInstance) and self.evaluator.classes.is_a(value, *_SESSIONS):
                    yield value.origin
            if not isinstance(part, t.Call):
                continue
            yield part
            for callee in alternatives(self.evaluator.of(part.func, frame)) if depth < _DEEPEST else ():
                if isinstance(callee, ProjectFunction):
                    owner, called = (
                        self.evaluator.project.summary_at(callee.path),
                        self.evaluator.classes.function(callee),
                    )
                    for returned in called.returns if owner is not None and called is not None else ():
                        assert owner is not None
                        yield from self._sources(owner, returned, depth + 1)


_SESSIONS = (Kind.SESSION, Kind.ASYNC_SESSION)


def _loaded_later(model: Model) -> Relationship | Column | None:
    """What is not loaded with an entity of that model, unless a query or a read says so."""
    lazy = (each for each in model.relationships.values() if each.strategy is LoadStrategy.LAZY)
    deferred = (each for each in model.columns.values() if each.is_deferred)
    return next(lazy, None) or next(deferred, None)


def _has_options(call: t.Call) -> bool:
    return method_name(call.func) == "options" or call.keyword("options") is not None


def _takes_out(function: FunctionSummary) -> bool:
    return any(
        act.deed is Deed.CALLED and isinstance(act.value, t.Call) and method_name(act.value.func) in _TAKING_OUT
        for act in function.acts
    )
