"""Objects of the project's own classes: what their constructors were given, through `super().__init__` too."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from sqla_leaklint.domain.linking import calls
from sqla_leaklint.domain.values import (
    Entity,
    Literal,
    Origin,
    ProjectClass,
    ProjectFunction,
    ProjectInstance,
    Super,
    Unknown,
    Value,
)
from sqla_leaklint.semantic import terms as t
from sqla_leaklint.semantic.events import Deed
from sqla_leaklint.semantic.summary import FunctionSummary

if TYPE_CHECKING:
    from sqla_leaklint.domain.evaluation import Evaluator, Frame

_LONGEST_LINE = 6
"""Constructors that call each other, before it is given up to know what the last one was given."""

NONE = Literal(None)
Bound = Mapping[tuple[str, str], Value]
Keywords = tuple[tuple[str, Value], ...]


def constructed(evaluator: Evaluator, cls: ProjectClass, args: tuple[Value, ...], keywords: Keywords) -> Value:
    """What calling a class of the project makes."""
    if evaluator.classes.is_mapped(cls):
        return Entity(cls, is_loaded=False)
    found = _constructor(evaluator, cls)
    if found is None:
        return ProjectInstance(cls, Origin.FRESH)
    _, summary, _ = found
    bound = calls.bind(summary, (ProjectInstance(cls, Origin.FRESH), *args), keywords)
    given = (*args, *(value for _, value in keywords))
    bound |= dict.fromkeys(left_out(summary, given, bound), NONE)
    return ProjectInstance(cls, Origin.FRESH, tuple((name, value) for (_, name), value in bound.items())[1:])


def left_out(function: FunctionSummary, given: tuple[Value, ...], bound: Bound) -> Iterator[tuple[str, str]]:
    """The parameters that a call leaves out, and that are None then; none where it unpacks arguments.

    Other defaults are what a parameter is anyway when nobody says what is passed.
    """
    if calls.UNPACKED in given:
        return
    for parameter in function.parameters:
        default, key = parameter.default, (function.qualname, parameter.name)
        if isinstance(default, t.Const) and default.value is None and key not in bound:
            yield key


def constructor_arguments(evaluator: Evaluator, instance: ProjectInstance, cls: ProjectClass) -> Bound | None:
    """What the `__init__` of a class was given when an instance of it, or of a class below it, was made."""
    found = _constructor(evaluator, instance.cls)
    bound: Bound = {}
    if found is not None:
        bound = {(found[1].qualname, name): value for name, value in instance.arguments}
    for _ in range(_LONGEST_LINE):
        if found is None:
            return None
        function, summary, frame = found
        if (function.path, summary.owner) == (cls.path, cls.qualname):
            if not instance.arguments:
                # Nothing is known of what it was given; what a constructor passes on of its own is a class at most.
                return {key: value for key, value in bound.items() if isinstance(value, ProjectClass)}
            return bound
        found = None
        inner = type(frame)(frame.module, bound)
        for act in summary.acts:
            match act.deed, act.value:
                case Deed.CALLED, t.Call(func=t.Attr(base=t.Call(), name="__init__") as func) as call:
                    base = evaluator.of(func, inner)
                    if isinstance(evaluator.of(func.base, inner), Super) and isinstance(base, ProjectFunction):
                        found = _read(evaluator, base)
                        args = tuple(evaluator.of(each, inner) for each in call.args)
                        keywords = tuple((name, evaluator.of(each, inner)) for name, each in call.keywords)
                case _:
                    pass
        if found is not None:
            bound = calls.bind(found[1], (instance, *args), keywords)
            given = (*args, *(value for _, value in keywords))
            bound |= dict.fromkeys(left_out(found[1], given, bound), NONE)
            del bound[found[1].qualname, found[1].parameters[0].name]
    return None


def _constructor(evaluator: Evaluator, cls: ProjectClass) -> tuple[ProjectFunction, FunctionSummary, Frame] | None:
    found = evaluator.classes.find(cls, "__init__", on_instance=False)
    if found is None or not isinstance(found[1], t.FunctionRef):
        return None
    return _read(evaluator, ProjectFunction(found[0].path, found[1].qualname))


def _read(evaluator: Evaluator, function: ProjectFunction) -> tuple[ProjectFunction, FunctionSummary, Frame] | None:
    summary = evaluator.classes.function(function)
    module = evaluator.project.summary_at(function.path)
    if summary is None or module is None or not summary.parameters:
        return None
    return function, summary, evaluator.frame(module)


def supers(args: tuple[Value, ...]) -> Value:
    """`super(cls, receiver)`; the executor writes these arguments out where there are none."""
    match args:
        case (ProjectClass() as cls, ProjectInstance() | ProjectClass() as receiver):
            return Super(cls, receiver)
        case _:
            return Unknown("`super()` of something unknown")
