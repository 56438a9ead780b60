"""Where a function runs that is nobody's callee: in a thread, a task, an endpoint."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

from sqla_leaklint.domain.application.endpoints import is_provider
from sqla_leaklint.domain.application.workers import HandedOver, handed_over, is_run_of_thread
from sqla_leaklint.domain.lifetimes.process import ends_with_process
from sqla_leaklint.domain.linking.decorators import decoration_of
from sqla_leaklint.domain.values import Unknown
from sqla_leaklint.knowledge.facts import Decoration, Executor
from sqla_leaklint.semantic import terms as t
from sqla_leaklint.semantic.summary import FunctionSummary, ModuleSummary

if TYPE_CHECKING:
    from sqla_leaklint.domain.evaluation import Evaluator


class Where(str, Enum):
    """What kind of work a function does."""

    ENDPOINT = "an endpoint"
    DEPENDENCY = "a dependency"
    TASK = "a worker's task"
    THREAD = "a thread"
    BACKGROUND = "a background task"
    COROUTINE = "a task of the event loop"


@dataclass(frozen=True, slots=True)
class Place:
    """Where a function runs, and the call that hands it over, if one does."""

    where: Where
    handed_over: HandedOver | None = None


_BY_DECORATION = {
    Decoration.TASK: Where.TASK,
    Decoration.ENDPOINT: Where.ENDPOINT,
    Decoration.WEBSOCKET_ENDPOINT: Where.ENDPOINT,
}
_BY_EXECUTOR = {
    Executor.THREAD: Where.THREAD,
    Executor.AWAITED_THREAD: Where.THREAD,
    Executor.WORKER: Where.TASK,
    Executor.SCHEDULER: Where.TASK,
    Executor.BACKGROUND_TASK: Where.BACKGROUND,
    Executor.EVENT_LOOP: Where.COROUTINE,
    Executor.GATHERED: Where.COROUTINE,
}
_OF_THE_PROCESS = frozenset({Where.THREAD, Where.COROUTINE})
"""These end with the process that starts them."""


def place_of(evaluator: Evaluator, module: ModuleSummary, function: FunctionSummary) -> Place | None:
    """Where a function runs; None where that is not known, or where it is run by its callers alone."""
    frame = evaluator.frame(module)
    for decorator in function.decorators:
        decoration = decoration_of(evaluator, decorator, frame)
        if decoration in _BY_DECORATION:
            return Place(_BY_DECORATION[decoration])
        if decoration is None:
            applied = decorator.func if isinstance(decorator, t.Call) else decorator
            if isinstance(evaluator.of(applied, frame), Unknown):
                return None
    if is_run_of_thread(evaluator, module, function):
        return Place(Where.THREAD)
    for handed in handed_over(evaluator, module, function):
        where = _BY_EXECUTOR.get(handed.executor)
        if where is not None and not (where in _OF_THE_PROCESS and _is_of_script(evaluator, handed)):
            return Place(where, handed)
    return Place(Where.DEPENDENCY) if is_provider(evaluator, module, function) else None


def _is_of_script(evaluator: Evaluator, handed: HandedOver) -> bool:
    """Whether the process ends soon after: a script or a command starts it."""
    return handed.function is None or ends_with_process(evaluator, handed.module, handed.function)
