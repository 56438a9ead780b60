"""Whether the commit of a session expires what the session has loaded: asked of the call that made it, and of callers.

A session that arrives in a parameter, or in an attribute that a constructor sets, is what all callers pass, tests left
out.  One that nobody is known to pass, or that one of several callers makes in a way of its own, is not known.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqla_leaklint.domain.application.callers import callers
from sqla_leaklint.domain.values import Instance, Literal, ProjectClass, Value, alternatives
from sqla_leaklint.semantic import terms as t

if TYPE_CHECKING:
    from sqla_leaklint.domain.evaluation import Evaluator
    from sqla_leaklint.domain.lifetimes.sessions_in_use import SessionInUse
    from sqla_leaklint.semantic.summary import FunctionSummary, ModuleSummary
    from sqla_leaklint.semantic.terms import Term

_LONGEST_WAY = 4
"""Callers of callers that are asked."""


def is_expiring(evaluator: Evaluator, module: ModuleSummary, session: Term) -> bool:
    """Whether a commit of the session that a term of a module stands for is certain to expire its entities."""
    return _expires(evaluator, module, session, 0)


def expires_on_commit(session: SessionInUse) -> bool:
    """Whether a commit of the session is certain to expire its entities."""
    summary = session.domain.module.summary
    return _expires(session.domain.evaluator, summary, session.seed, 0)


def _expires(evaluator: Evaluator, module: ModuleSummary, term: Term, depth: int) -> bool:
    told = _told(evaluator.of(term, evaluator.frame(module)))
    if told is not None:
        return told
    if depth >= _LONGEST_WAY:
        return False
    source = _parameter(evaluator, module, term)
    if source is None:
        return False
    owner, function, name = source
    given = [(call.module, call.arguments.get(name)) for call in callers(evaluator, owner, function)]
    return bool(given) and all(
        argument is not None and _expires(evaluator, user, argument, depth + 1) for user, argument in given
    )


def _told(value: Value) -> bool | None:
    """What the value itself says; None when it leaves it open on some way."""
    sessions = [each for each in alternatives(value) if each != Literal(None)]
    said = {each.expires_on_commit if isinstance(each, Instance) else None for each in sessions}
    if None in said or not said:
        return None
    return said == {True}


def _parameter(
    evaluator: Evaluator, module: ModuleSummary, term: Term
) -> tuple[ModuleSummary, FunctionSummary, str] | None:
    """The parameter that a session arrives in: the term itself, or what a constructor keeps in the attribute."""
    match term:
        case t.Declared(value=value) if value is not None:
            return _parameter(evaluator, module, value)
        case t.Param(function=name, name=parameter):
            function = module.functions.get(name)
            return (module, function, parameter) if function is not None else None
        case t.Attr(base=t.Param(function=name, name=parameter), name=attribute):
            method = module.functions.get(name)
            if method is None or method.owner is None or parameter != method.parameters[0].name:
                return None
            return _kept(evaluator, ProjectClass(module.path, method.owner), attribute)
        case _:
            return None


def _kept(evaluator: Evaluator, cls: ProjectClass, attribute: str) -> tuple[ModuleSummary, FunctionSummary, str] | None:
    found = evaluator.classes.find(cls, attribute, on_instance=True)
    if found is None:
        return None
    owner, term = found
    while isinstance(term, t.Declared) and term.value is not None:
        term = term.value
    module = evaluator.project.summary_at(owner.path)
    if module is None or not isinstance(term, t.Param) or not term.function.endswith(".__init__") or owner != cls:
        return None  # who makes instances of what extends it is another question
    function = module.functions.get(term.function)
    return (module, function, term.name) if function is not None else None
