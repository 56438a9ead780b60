"""Whether a value comes from a certain session: by the methods of its results, or through functions of the project.

    (await session.execute(query)).scalar_one()          from the session
    await find_user(session, 7)                          whatever `find_user` returns comes from its parameter
    await self.find(7)                                   … from `self.session`

What a function expunges, or keeps for the next call, is its own business: then nobody can say.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqla_leaklint.domain.application.endpoints import method_name
from sqla_leaklint.domain.lifetimes.carrying import arguments_of
from sqla_leaklint.domain.lifetimes.doings import Carry
from sqla_leaklint.domain.lifetimes.uses import Tracker
from sqla_leaklint.domain.values import ProjectFunction, alternatives
from sqla_leaklint.semantic import terms as t
from sqla_leaklint.semantic.events import Deed

if TYPE_CHECKING:
    from sqla_leaklint.semantic.summary import FunctionSummary
    from sqla_leaklint.semantic.terms import Term

_DEEPEST = 3
"""Functions in functions that are looked into."""
_DETACHING = frozenset({"expunge", "expunge_all", "make_transient", "make_transient_to_detached", "close", "merge"})
_PLAIN = frozenset({"staticmethod", "classmethod"})


def comes_from(tracker: Tracker, term: Term, depth: int = 0) -> bool:
    """Whether the session that a tracker follows gave a value, in the function whose terms it knows."""
    while True:
        match term:
            case t.Await() | t.Element():
                term = term.value
            case t.Declared(value=value) if value is not None:
                term = value
            case t.Join(terms=terms):
                return all(_is_none(each) or comes_from(tracker, each, depth) for each in terms)
            case t.Call(func=function):
                if tracker.method(function) is not None:
                    return True
                helper = _function(tracker, function)
                if helper is not None:
                    return depth < _DEEPEST and _gives_on(tracker, term, helper, depth)
                if not isinstance(function, t.Attr):
                    return False
                term = function.base
            case _:
                return False


def _is_none(term: Term) -> bool:
    return isinstance(term, t.Const) and term.value is None


def _function(tracker: Tracker, function: Term) -> ProjectFunction | None:
    found = alternatives(tracker.evaluator.of(function, tracker.frame))
    return found[0] if len(found) == 1 and isinstance(found[0], ProjectFunction) else None


def _gives_on(tracker: Tracker, call: t.Call, function: ProjectFunction, depth: int) -> bool:
    """Whether all that a function of the project returns comes from the session that it is given."""
    evaluator = tracker.evaluator
    summary = evaluator.classes.function(function)
    module = evaluator.project.summary_at(function.path)
    if summary is None or module is None or not summary.returns:
        return False
    if any(method_name(each) not in _PLAIN for each in summary.decorators) or _detaches(summary):
        return False
    seed = _parameter(tracker, call, summary, is_bound=function.receiver is not None)
    holder, attributes = None, frozenset[str]()
    if seed is None:
        if not isinstance(call.func, t.Attr) or not isinstance(call.func.base, t.Param) or not tracker.attributes:
            return False
        if tracker.carry(call.func.base) is not Carry.HOLDS or not summary.parameters:
            return False
        holder, attributes = t.Param(summary.qualname, summary.parameters[0].name), tracker.attributes
    inner = Tracker(evaluator, module, summary, tracker.session_type, seed=seed, holder=holder, attributes=attributes)
    return all(_is_none(each) or comes_from(inner, each, depth + 1) for each in summary.returns)


def _detaches(summary: FunctionSummary) -> bool:
    return any(
        act.deed is Deed.CALLED and isinstance(act.value, t.Call) and method_name(act.value.func) in _DETACHING
        for act in summary.acts
    )


def _parameter(tracker: Tracker, call: t.Call, summary: FunctionSummary, *, is_bound: bool) -> t.Param | None:
    """The parameter in which a function is given the session."""
    for place, argument in arguments_of(call):
        if tracker.carry(argument) is not Carry.IS:
            continue
        if isinstance(place, str):
            return t.Param(summary.qualname, place) if summary.parameter(place) is not None else None
        position = place + (1 if is_bound else 0)
        if position < len(summary.parameters):
            return t.Param(summary.qualname, summary.parameters[position].name)
    return None
