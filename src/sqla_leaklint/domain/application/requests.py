"""Which functions run for every request: endpoints, dependencies, and what these call."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqla_leaklint.domain.application.callers import callers
from sqla_leaklint.domain.application.entries import Entry, entry_of
from sqla_leaklint.semantic.summary import FunctionSummary, ModuleSummary

if TYPE_CHECKING:
    from sqla_leaklint.domain.evaluation import Evaluator

_DEEPEST = 4
"""Callers of callers that are looked at."""

_PER_REQUEST = frozenset({Entry.REQUEST, Entry.DEPENDENCY})


@dataclass(frozen=True, slots=True)
class Link:
    """A function on the way from a request to another function."""

    module: ModuleSummary
    function: FunctionSummary


def way_from_request(
    evaluator: Evaluator, module: ModuleSummary, function: FunctionSummary, *, only_async: bool = False
) -> tuple[Link, ...] | None:
    """The functions through which a request comes to a function: the endpoint first, the function itself last; None
    when no request is known to come here (or, if asked for, through `async def` functions alone).
    """
    first = Link(module, function)
    waiting: deque[tuple[Link, ...]] = deque([(first,)])
    seen = {(module.path, function.qualname)}
    while waiting:
        way = waiting.popleft()
        link = way[0]
        if entry_of(evaluator, link.module, link.function) in _PER_REQUEST:
            return way
        if len(way) > _DEEPEST:
            continue
        for call in callers(evaluator, link.module, link.function):
            if call.function is None or (call.module.path, call.function.qualname) in seen:
                continue
            if only_async and not call.function.is_async:
                continue
            seen.add((call.module.path, call.function.qualname))
            waiting.append((Link(call.module, call.function), *way))
    return None
