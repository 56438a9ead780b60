"""What a function of the project does with a session that arrives in one of its parameters, and whether it may return
with the connection in hand: a commit ends what is open only on the ways that come to it.

    def number_of(session):
        number = session.scalar(query)       # takes a connection
        if number is None:
            session.commit()                 # gives it back, on this way
        return number                        # holds it on the other one
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from sqla_leaklint.domain.lifetimes.doings import Doing, Use
from sqla_leaklint.domain.lifetimes.paths import Course
from sqla_leaklint.domain.lifetimes.uses import Tracker, acts_within, events_within
from sqla_leaklint.domain.values import ProjectFunction, ProjectInstance
from sqla_leaklint.semantic import terms as t
from sqla_leaklint.semantic.events import Deed
from sqla_leaklint.semantic.summary import Act, FunctionSummary, ModuleSummary
from sqla_leaklint.syntax import tree

if TYPE_CHECKING:
    from sqla_leaklint.domain.evaluation import Evaluator, Frame


def uses_of_parameter(
    evaluator: Evaluator, function: ProjectFunction, parameter: str, attributes: frozenset[str], session_type: str
) -> tuple[Use, ...]:
    """What a function of the project does with a session that arrives in one of its parameters, or with one that what
    arrives there leads to by some attributes (`self`, in a method).
    """
    summary = evaluator.classes.function(function)
    module = evaluator.project.summary_at(function.path)
    if summary is None or module is None:
        return (Use(Doing.PASSES, Act(Deed.CALLED, t.Opaque("a function that cannot be read"))),)
    tracker = _tracker(evaluator, module, summary, function, parameter, attributes, session_type)
    return tuple(tracker.uses(acts_within(module, summary)))


def uses_of_receiver(
    evaluator: Evaluator, method: ProjectFunction, attributes: frozenset[str], session_type: str
) -> tuple[Use, ...]:
    """What a method does with a session that its object leads to by some attributes."""
    summary = evaluator.classes.function(method)
    if summary is None or not summary.parameters:
        return (Use(Doing.PASSES, Act(Deed.CALLED, t.Opaque("a method that cannot be read"))),)
    return uses_of_parameter(evaluator, method, summary.parameters[0].name, attributes, session_type)


def may_return_holding(
    evaluator: Evaluator, function: ProjectFunction, parameter: str, attributes: frozenset[str], session_type: str
) -> bool:
    """Whether some way out of a function leaves open what it has begun on a session that arrives in a parameter, or
    that what arrives there leads to by some attributes.
    """
    module = evaluator.project.module_at(function.path)
    body = module.executor.bodies.get(function.qualname) if module is not None else None
    if module is None or body is None or not isinstance(body.node, tree.Function) or body.yields:
        return False
    summary = module.summary.functions[function.qualname]
    tracker = _tracker(evaluator, module.summary, summary, function, parameter, attributes, session_type)
    uses = tuple(tracker.uses(events_within(body, module.executor.bodies)))
    return bool(Course(body.node, None, uses).leaves_holding())


def _tracker(
    evaluator: Evaluator,
    module: ModuleSummary,
    summary: FunctionSummary,
    function: ProjectFunction,
    parameter: str,
    attributes: frozenset[str],
    session_type: str,
) -> Tracker:
    arriving = t.Param(summary.qualname, parameter)
    frame = _frame(evaluator, module, summary, function)
    if attributes:
        return Tracker(evaluator, module, summary, session_type, holder=arriving, attributes=attributes, frame=frame)
    return Tracker(evaluator, module, summary, session_type, seed=arriving, frame=frame)


def _frame(evaluator: Evaluator, module: ModuleSummary, summary: FunctionSummary, function: ProjectFunction) -> Frame:
    """The frame of a method's module in which `self` is known with the arguments that it was made with."""
    receiver = function.receiver
    frame = evaluator.frame(module)
    if not isinstance(receiver, ProjectInstance) or not receiver.arguments or not summary.parameters:
        return frame
    return replace(frame, arguments={(summary.qualname, summary.parameters[0].name): receiver}, memo={})
