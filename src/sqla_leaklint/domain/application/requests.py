"""Which functions run for every request, event or task: endpoints, dependencies, handlers, and what these call."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqla_leaklint.domain.application.callers import callers
from sqla_leaklint.domain.application.entries import Entry, entry_of
from sqla_leaklint.domain.application.once import asks_whether_done
from sqla_leaklint.domain.linking.decorators import is_memoised
from sqla_leaklint.semantic.summary import FunctionSummary, ModuleSummary

if TYPE_CHECKING:
    from sqla_leaklint.domain.evaluation import Evaluator

_DEEPEST = 4
"""Callers of callers that are looked at."""

_PER_REQUEST = frozenset({Entry.REQUEST, Entry.DEPENDENCY})
_FROM_OUTSIDE = frozenset(Entry)


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
    return _way(evaluator, Link(module, function), _PER_REQUEST, only_async=only_async)


def way_from_outside(evaluator: Evaluator, module: ModuleSummary, function: FunctionSummary) -> tuple[Link, ...] | None:
    """The functions through which every request, event or task of some kind comes to a function, anew each time: what
    is memoised, or done only if nobody has done it yet, leads nowhere.
    """
    return _way(evaluator, Link(module, function), _FROM_OUTSIDE, is_each_time=True)


def _way(
    evaluator: Evaluator,
    last: Link,
    entries: frozenset[Entry],
    *,
    only_async: bool = False,
    is_each_time: bool = False,
) -> tuple[Link, ...] | None:
    waiting: deque[tuple[Link, ...]] = deque([(last,)])
    seen = {(last.module.path, last.function.qualname)}
    while waiting:
        way = waiting.popleft()
        link = way[0]
        frame = evaluator.frame(link.module)
        if is_each_time and is_memoised(evaluator, link.function.decorators, frame):
            continue
        if entry_of(evaluator, link.module, link.function) in entries:
            return way
        if len(way) > _DEEPEST:
            continue
        for call in callers(evaluator, link.module, link.function):
            if call.function is None or (call.module.path, call.function.qualname) in seen:
                continue
            if only_async and not call.function.is_async:
                continue
            if is_each_time and asks_whether_done(evaluator, call.module, call.function, link.function):
                continue
            seen.add((call.module.path, call.function.qualname))
            waiting.append((Link(call.module, call.function), *way))
    return None
