"""What a name stands for, where its own module cannot say it: sessions, and makers of them, that arrive in parameters.

    def save(make_session, rows):       # no annotation, no default …
        session = make_session()        # … but every caller in the project passes `SessionLocal`

A parameter is what all its callers pass, if every one of them is known; so is an attribute that `__init__` takes from a
parameter.  A name that is only bound to None is what other modules assign to it.
"""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

from sqla_leaklint.domain.application.callers import callers, is_given_to_library
from sqla_leaklint.domain.linking.attached import attached
from sqla_leaklint.domain.values import (
    Literal,
    ModuleValue,
    ProjectClass,
    ProjectInstance,
    Unknown,
    Value,
    alternatives,
)
from sqla_leaklint.semantic import terms as t
from sqla_leaklint.semantic.summary import FunctionSummary, ModuleSummary

if TYPE_CHECKING:
    from sqla_leaklint.domain.evaluation import Evaluator, Frame

_DEEPEST = 4
"""Callers of callers that are looked at."""
_MOST_CALLERS = 40


def called(evaluator: Evaluator, call: t.Call, frame: Frame) -> list[Value]:
    """What a call may call; nothing when that is not known."""
    if call.args:  # makers of sessions are called without
        return _known(evaluator, call.func, frame)
    return _meant(evaluator, call.func, frame, 0)


def meant(evaluator: Evaluator, term: t.Term, frame: Frame) -> list[Value]:
    """What a term may be, by what callers pass and constructors are given, too; nothing when that is not known."""
    return _meant(evaluator, term, frame, 0)


def _known(evaluator: Evaluator, term: t.Term, frame: Frame) -> list[Value]:
    return [each for each in alternatives(evaluator.of(term, frame)) if each != Literal(None)]


def _meant(evaluator: Evaluator, term: t.Term, frame: Frame, depth: int) -> list[Value]:
    known = _known(evaluator, term, frame)
    if depth > _DEEPEST or (known and not any(isinstance(each, Unknown) for each in known)):
        return known
    match term:
        case t.Param():
            function = frame.module.functions.get(term.function)
            return _passed(evaluator, frame.module, function, term.name, depth) if function is not None else []
        case t.Attr(base=t.Param() as base):
            return _of_constructor(evaluator, evaluator.of(base, frame), term.name, depth)
        case t.Ref() if not known:
            return _assigned(evaluator, term, frame)
        case _:
            return known


def _passed(
    evaluator: Evaluator, module: ModuleSummary, function: FunctionSummary, name: str, depth: int
) -> list[Value]:
    """What all callers of a function pass for a parameter; nothing if one of them is not known to pass anything."""
    parameter = function.parameter(name)
    calls = list(islice(callers(evaluator, module, function), _MOST_CALLERS + 1))
    if parameter is None or not 0 < len(calls) <= _MOST_CALLERS or is_given_to_library(evaluator, module, function):
        return []
    found: dict[Value, None] = {}
    for call in calls:
        frame = evaluator.frame(call.module)
        argument = call.arguments.get(name)
        if argument is None:
            argument, frame = parameter.default, evaluator.frame(module)
        values = _meant(evaluator, argument, frame, depth + 1) if argument is not None else []
        if not values or any(isinstance(each, Unknown) for each in values):
            return []
        found.update(dict.fromkeys(values))
    return list(found)


def _of_constructor(evaluator: Evaluator, receiver: Value, name: str, depth: int) -> list[Value]:
    """What `self.name` is, where `__init__` takes it from a parameter."""
    if not isinstance(receiver, ProjectInstance):
        return []
    found = evaluator.classes.find(receiver.cls, name, on_instance=True)
    if found is None or not isinstance(found[1], t.Param):
        return []
    module = evaluator.project.summary_at(found[0].path)
    function = module.functions.get(found[1].function) if module is not None else None
    if module is None or function is None or function.name != "__init__":
        return []
    return _passed(evaluator, module, function, found[1].name, depth)


def _assigned(evaluator: Evaluator, name: t.Ref, frame: Frame) -> list[Value]:
    """What is assigned from outside to an attribute of a class or module that binds it to None."""
    path, _, attribute = name.path.rpartition(".")
    owner = evaluator.reference(path, frame.module) if path else None
    if not isinstance(owner, ProjectClass | ModuleValue):
        return []
    values = alternatives(attached(evaluator, attribute, owner.__eq__, owner, word=f".{attribute}"))
    return [each for each in values if each != Literal(None)]
