"""Whether a function that commits may return all the same with a connection in hand: a commit ends what is open only on
the ways that come to it.

    def number_of(session):
        number = session.scalar(query)       # takes a connection
        if number is None:
            session.commit()                 # gives it back, on this way
        return number                        # holds it on the other one
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqla_leaklint.domain.lifetimes.paths import Course
from sqla_leaklint.domain.lifetimes.uses import Tracker, events_within, frame_of
from sqla_leaklint.domain.values import ProjectFunction
from sqla_leaklint.semantic import terms as t
from sqla_leaklint.syntax import tree

if TYPE_CHECKING:
    from sqla_leaklint.domain.evaluation import Evaluator


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
    arriving = t.Param(summary.qualname, parameter)
    frame = frame_of(evaluator, module.summary, summary, function)
    if attributes:
        tracker = Tracker(
            evaluator, module.summary, summary, session_type, holder=arriving, attributes=attributes, frame=frame
        )
    else:
        tracker = Tracker(evaluator, module.summary, summary, session_type, seed=arriving, frame=frame)
    uses = tuple(tracker.uses(events_within(body, module.executor.bodies)))
    return bool(Course(body.node, None, uses).leaves_holding())
