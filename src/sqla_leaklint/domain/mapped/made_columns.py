"""Columns that a function of the project makes: of a class body, of a `declared_attr`, of another such function.

    def stamp(**options):                               id = key()                      # the call that is read
        return mapped_column(DateTime, **options)       created_at = stamp()            # may be unique, for all we know

The arguments are known where the function is called.  A function that may make one column or another, or a column of
which not all is known that matters, makes none that can be read.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from sqla_leaklint.domain.linking.calls import bind_call
from sqla_leaklint.domain.linking.decorators import PLAIN_DECORATORS
from sqla_leaklint.domain.values import Literal, ProjectClass, ProjectFunction, Symbol, alternatives
from sqla_leaklint.semantic import terms as t

if TYPE_CHECKING:
    from sqla_leaklint.domain.evaluation import Evaluator, Frame
    from sqla_leaklint.semantic.summary import FunctionSummary

_TELLING = ("primary_key", "unique", "deferred")
"""What decides how many rows a column's value tells apart, and when it is loaded."""


def made_by_helper(evaluator: Evaluator, call: t.Call, frame: Frame) -> tuple[t.Call, Frame] | None:
    """The call that a function of the project makes a column by, with the frame in which it is read."""
    function = _called(evaluator, call.func, frame)
    summary = evaluator.classes.function(function) if function is not None else None
    module = evaluator.project.summary_at(function.path) if function is not None else None
    if function is None or summary is None or module is None or summary.is_async or summary.is_generator:
        return None
    own = evaluator.frame(module)
    decorators = [evaluator.of(each, own) for each in summary.decorators]
    if not all(isinstance(each, Symbol) and each.path in PLAIN_DECORATORS for each in decorators):
        return None
    returned = summary.returns[0] if len(summary.returns) == 1 else None
    if not isinstance(returned, t.Call) or any(isinstance(each, t.Star) for each in (*call.args, *returned.args)):
        return None
    frame = _with_arguments(evaluator, function, summary, call, frame, own)
    return (returned, frame) if _is_known(evaluator, returned, frame) else None


def of_class(frame: Frame, function: FunctionSummary, cls: ProjectClass) -> Frame:
    """The frame of a `declared_attr`, whose only parameter is the class that it is read for."""
    if not function.parameters:
        return frame
    arguments = {**frame.arguments, (function.qualname, function.parameters[0].name): cls}
    return replace(frame, arguments=arguments, memo={})


def _called(evaluator: Evaluator, term: t.Term, frame: Frame) -> ProjectFunction | None:
    """The function of the project that is called; a static method is one whoever has it."""
    base = evaluator.of(term.base, frame) if isinstance(term, t.Attr) else None
    value = evaluator.of(term, frame)
    if isinstance(term, t.Attr) and isinstance(base, ProjectClass) and not isinstance(value, ProjectFunction):
        found = evaluator.classes.find(base, term.name, on_instance=False)
        if found is not None and isinstance(found[1], t.FunctionRef):
            return ProjectFunction(found[0].path, found[1].qualname)
    return value if isinstance(value, ProjectFunction) else None


def _with_arguments(
    evaluator: Evaluator, function: ProjectFunction, summary: FunctionSummary, call: t.Call, frame: Frame, own: Frame
) -> Frame:
    given = bind_call(function, summary, call, lambda each: evaluator.of(each, frame))
    for parameter in summary.parameters:
        if parameter.default is not None:
            given.setdefault((summary.qualname, parameter.name), evaluator.of(parameter.default, own))
    return replace(own, arguments=given, memo={})


def _is_known(evaluator: Evaluator, call: t.Call, frame: Frame) -> bool:
    """Whether nothing that matters of a column is left to arguments that are not constants or types."""
    options = dict(call.keywords)
    if any(not isinstance(evaluator.of(options[name], frame), Literal) for name in _TELLING if name in options):
        return False
    passed = [evaluator.of(each, frame) for each in call.args if isinstance(each, t.Param)]
    return all(isinstance(each, Symbol | ProjectClass | Literal) for value in passed for each in alternatives(value))
