"""Functions that the process ends with: commands, scripts, and what only these call."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqla_leaklint.domain.callers import callers
from sqla_leaklint.domain.endpoints import decorations, is_provider
from sqla_leaklint.knowledge.facts import Decoration
from sqla_leaklint.semantic.summary import FunctionSummary, ModuleSummary

if TYPE_CHECKING:
    from sqla_leaklint.domain.evaluation import Evaluator

_DEEPEST = 4
"""Callers of callers that are looked at."""


def ends_with_process(evaluator: Evaluator, module: ModuleSummary, function: FunctionSummary, depth: int = 0) -> bool:
    """Whether nothing but a command, or the body of a module, calls a function: the process ends soon after."""
    if Decoration.COMMAND in decorations(evaluator, module, function):
        return True
    calls = list(callers(evaluator, module, function))
    if any(call.function is None for call in calls):
        # `Depends(function)` stands in the body of a module, too, and means every request.
        return not is_provider(evaluator, module, function)
    return (
        bool(calls)
        and depth < _DEEPEST
        and all(
            call.function is not None and ends_with_process(evaluator, call.module, call.function, depth + 1)
            for call in calls
        )
    )
