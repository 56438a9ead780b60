"""Functions and the process: which it ends with (commands, scripts, and what only these call), which it serves with."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING

from sqla_leaklint.domain.application.callers import callers
from sqla_leaklint.domain.application.endpoints import decorations, is_handler, is_provider
from sqla_leaklint.domain.application.state import is_lifespan
from sqla_leaklint.domain.origins.provenance import Provenance, Trail
from sqla_leaklint.knowledge.facts import Decoration
from sqla_leaklint.semantic.body import Body
from sqla_leaklint.semantic.summary import FunctionSummary, ModuleSummary

if TYPE_CHECKING:
    from sqla_leaklint.domain.evaluation import Evaluator
    from sqla_leaklint.domain.module import Domain

_DEEPEST = 4
"""Callers of callers that are looked at."""


def ends_with_process(evaluator: Evaluator, module: ModuleSummary, function: FunctionSummary, depth: int = 0) -> bool:
    """Whether nothing but commands, and bodies of modules, call a function: the process ends soon after."""
    if Decoration.COMMAND in decorations(evaluator, module, function):
        return True
    calls = list(callers(evaluator, module, function))
    if not calls or depth >= _DEEPEST:
        return False
    if not all(
        call.function is None or ends_with_process(evaluator, call.module, call.function, depth + 1) for call in calls
    ):
        return False
    # `Depends(function)` stands in the body of a module, too, and means every request.
    return not is_provider(evaluator, module, function) and not is_handler(evaluator, module, function)


class Reach(Enum):
    """Who comes to a function."""

    OUTSIDE = "requests, events or tasks, again and again"
    ONCE = "the start, the end, or the whole of a process"
    UNKNOWN = "nobody who is known"


def reach_of(evaluator: Evaluator, module: ModuleSummary, function: FunctionSummary) -> tuple[Reach, Trail | None]:
    """Who comes to a function, and on which way, if it is the world outside."""
    trail = Provenance(evaluator).call_trail(module, function)
    if trail is not None and trail.entry is not None:
        return Reach.OUTSIDE, trail
    if runs_once(evaluator, module, function):
        return Reach.ONCE, None
    return Reach.UNKNOWN, None


def is_of_one_run(domain: Domain, body: Body) -> bool:
    """Whether a body runs once in a process: that of a module or class, of a command or script, of what starts or ends
    the process.
    """
    while not body.is_function and body.parent is not None:
        body = body.parent
    function = domain.module.summary.functions.get(body.qualname)
    if function is None:
        return not body.is_function
    return runs_once(domain.evaluator, domain.module.summary, function)


def runs_once(evaluator: Evaluator, module: ModuleSummary, function: FunctionSummary) -> bool:
    """Whether only the start or the end of a process, or a command or script, comes to a function."""
    if decorations(evaluator, module, function) & {Decoration.LIFECYCLE, Decoration.FIXTURE}:
        return True
    return is_lifespan(evaluator, module, function) or ends_with_process(evaluator, module, function)
