"""Whether queries of a session flush it first: they do, unless whoever made it said `autoflush=False`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from sqla_leaklint.domain.lifetimes.library_openings import factory_call
from sqla_leaklint.domain.values import Instance, ProjectClass, ProjectFunction, ProjectInstance, Symbol, alternatives
from sqla_leaklint.knowledge.facts import Kind
from sqla_leaklint.semantic import terms as t
from sqla_leaklint.semantic.terms import Term

if TYPE_CHECKING:
    from sqla_leaklint.domain.evaluation import Evaluator, Frame

_FARTHEST = 6
"""Providers and factories that may hand a session on."""


def is_autoflush_off(evaluator: Evaluator, frame: Frame, session: Term) -> bool:
    """Whether every place that may have made a session switches autoflush off; False when one is not known."""
    made = list(_constructions(evaluator, frame, session, _FARTHEST))
    return bool(made) and all(call is not None and _switches_off(call) for call in made)


def _switches_off(call: t.Call) -> bool:
    given = call.keyword("autoflush")
    return isinstance(given, t.Const) and given.value is False


def _constructions(evaluator: Evaluator, frame: Frame, term: Term | None, left: int) -> Iterator[t.Call | None]:
    """The calls that say how a session is made: a factory's own, or that of the class; None for what is not known."""
    match term:
        case t.Await() | t.Enter() | t.Element() | t.Item():
            yield from _constructions(evaluator, frame, term.value, left)
        case t.Declared(value=value) if value is not None:
            yield from _constructions(evaluator, frame, value, left)
        case t.Local():
            owner = frame.module.functions.get(term.function)
            yield from _constructions(
                evaluator, frame, owner.locals.get(term.name) if owner is not None else None, left
            )
        case t.Join():
            for each in term.terms:
                yield from _constructions(evaluator, frame, each, left)
        case t.Call():
            yield from _by_call(evaluator, frame, term, left)
        case t.Param() | t.Attr():
            for session in alternatives(evaluator.of(term, frame)):
                provider = session.provider if isinstance(session, Instance | ProjectInstance) else None
                yield from _handed_out(evaluator, provider, left)
        case _:
            yield None


def _by_call(evaluator: Evaluator, frame: Frame, call: t.Call, left: int) -> Iterator[t.Call | None]:
    for callee in alternatives(evaluator.of(call.func, frame)):
        match callee:
            case ProjectFunction():
                yield from _handed_out(evaluator, callee, left)
            case Instance() if evaluator.classes.is_a(callee, Kind.SESSION_FACTORY):
                yield call if call.keyword("autoflush") is not None else factory_call(evaluator, call.func, frame)
            case Symbol() | ProjectClass():
                yield call
            case _:
                yield None


def _handed_out(evaluator: Evaluator, function: ProjectFunction | None, left: int) -> Iterator[t.Call | None]:
    """What a provider or factory of the project yields or returns."""
    summary = evaluator.classes.function(function) if function is not None else None
    module = evaluator.project.summary_at(function.path) if function is not None else None
    if summary is None or module is None or not left:
        yield None
        return
    for term in summary.yields or summary.returns:
        yield from _constructions(evaluator, evaluator.frame(module), term, left - 1)
