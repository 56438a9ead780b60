"""Which `async def` functions the loop of a server runs: endpoints, dependencies, middlewares, tasks, and what they
await.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from sqla_leaklint.domain.application.requests import way_from_request
from sqla_leaklint.domain.linking.decorators import route_of
from sqla_leaklint.domain.registries.places import Where, place_of
from sqla_leaklint.domain.subjects import Excuse
from sqla_leaklint.domain.values import BoundMethod
from sqla_leaklint.semantic import terms as t
from sqla_leaklint.semantic.summary import FunctionSummary, ModuleSummary

if TYPE_CHECKING:
    from sqla_leaklint.domain.evaluation import Evaluator
    from sqla_leaklint.domain.module import Domain

_TASKS = frozenset({Where.BACKGROUND, Where.COROUTINE})
_LOOP_A_REQUEST = "flask."
"""Classes of this package run an `async def` view in a thread and a loop of its own: nobody else waits for it."""


class LoopExcuse(Excuse):
    """Why an `async def` function makes nobody else wait, as far as is known."""

    OWN_LOOP = "such a view has a thread and an event loop of its own, so that nobody else waits"
    NOT_NAMED = "nothing in the program speaks of the function"
    NOT_REACHED = "no request and no task of a server's loop is known to come here by `async def` functions alone"


def runs_on_loop(evaluator: Evaluator, module: ModuleSummary, function: FunctionSummary) -> bool:
    """Whether the loop that answers requests runs an `async def` function."""
    return loop_excuse(evaluator, module, function) is None


def loop_excuse(evaluator: Evaluator, module: ModuleSummary, function: FunctionSummary) -> LoopExcuse | None:
    """Why the loop that answers requests is not known to run an `async def` function; None where it does."""
    way = way_from_request(evaluator, module, function, only_async=True)
    if way is not None:
        return LoopExcuse.OWN_LOOP if _has_loop_of_its_own(evaluator, way[0].module, way[0].function) else None
    place = place_of(evaluator, module, function)
    return None if place is not None and place.where in _TASKS else LoopExcuse.NOT_REACHED


def is_named(domain: Domain, function: FunctionSummary) -> bool:
    """Whether anything but its definition speaks of a function: a decorator, or some text of the program."""
    project, own = domain.evaluator.project, domain.module
    if function.decorators or function.owner is not None or project.root is None:
        return True
    if len(re.findall(rf"\b{re.escape(function.name)}\b", own.parsed.source.text)) > 1:
        return True
    return any(user.path != own.path for user in project.mentioning(function.name, and_tests=False))


def _has_loop_of_its_own(evaluator: Evaluator, module: ModuleSummary, function: FunctionSummary) -> bool:
    frame = evaluator.frame(module)
    for decorator in function.decorators:
        route = route_of(evaluator, decorator, frame)
        applied = route.call if route is not None else decorator
        value = evaluator.of(applied.func if isinstance(applied, t.Call) else applied, frame)
        owner = evaluator.classes.library_type(value.receiver) if isinstance(value, BoundMethod) else None
        if owner is not None and any(name.startswith(_LOOP_A_REQUEST) for name in evaluator.knowledge.lineage(owner)):
            return True
    return False
