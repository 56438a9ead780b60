"""What would change if an `async def` endpoint or dependency became a `def`, which FastAPI runs in a thread of a pool.

Between two `await`s nothing else runs on the loop, and a function that awaits nothing is never interrupted; threads run
side by side.  So a function leaves the loop

    *freely*        when it only reads, and changes nothing that requests share: it does the same in any thread;
    *at a risk*     when it writes to the database (a row that is looked for and then added may be added twice), changes
                    what a module keeps, calls what cannot be looked into, or makes FastAPI take one more thread for the
                    response while its session still has the connection;
    *not at all*    when it needs the loop (`await`, a coroutine, `asyncio`), when somebody awaits it, or when what it
                    does is bound to a thread or task: a context variable that it sets, a thread-local registry.
"""

from __future__ import annotations

from enum import IntEnum
from typing import TYPE_CHECKING

from sqla_leaklint.domain.application.dependents import is_kept_otherwise, is_used_otherwise
from sqla_leaklint.domain.application.endpoints import is_provider
from sqla_leaklint.domain.application.response_models import response_model
from sqla_leaklint.domain.event_loop.sharing import Sharing, Touch
from sqla_leaklint.domain.linking.decorators import route_of
from sqla_leaklint.domain.values import ProjectFunction
from sqla_leaklint.knowledge.facts import Decoration
from sqla_leaklint.semantic import terms as t

if TYPE_CHECKING:
    from sqla_leaklint.domain.event_loop.blocked import BlockedLoop

_ASYNC_ITERATORS = (".AsyncGenerator", ".AsyncIterator", ".AsyncIterable")


class Leaving(IntEnum):
    """How a function may leave the loop."""

    FREELY = 0
    AT_A_RISK = 1
    NOT_AT_ALL = 2


def leaving(blocked: BlockedLoop) -> Leaving:
    """How an `async def` function may become a `def`."""
    evaluator, module, function = blocked.domain.evaluator, blocked.domain.module.summary, blocked.summary
    if blocked.needs_loop is not None or function.owner is not None or not _is_run_by_fastapi(blocked):
        return Leaving.NOT_AT_ALL
    if function.is_generator and _is_annotated_async(function.returns_annotation):
        return Leaving.NOT_AT_ALL
    if is_used_otherwise(evaluator, module, function) or is_kept_otherwise(evaluator, module, function):
        return Leaving.NOT_AT_ALL
    touch = Sharing(evaluator).of(ProjectFunction(module.path, function.qualname))
    if touch is Touch.BOUND:
        return Leaving.NOT_AT_ALL
    is_held = response_model(evaluator, module, function) is not None and _has_yielded_session(blocked)
    is_risky = touch is Touch.SHARED or function.is_generator or is_held
    return Leaving.AT_A_RISK if is_risky else Leaving.FREELY


def _is_run_by_fastapi(blocked: BlockedLoop) -> bool:
    """Whether a `Depends(...)` names the function, or its decorators make an endpoint of it and do nothing else."""
    evaluator, function = blocked.domain.evaluator, blocked.summary
    if not function.decorators:
        return is_provider(evaluator, blocked.domain.module.summary, function)
    routes = (route_of(evaluator, decorator, blocked.domain.frame) for decorator in function.decorators)
    return all(route is not None and route.is_answer and route.decoration is Decoration.ENDPOINT for route in routes)


def _is_annotated_async(annotation: t.Term | None) -> bool:
    parts = t.all_in([annotation]) if annotation is not None else ()
    return any(isinstance(part, t.Ref) and part.path.endswith(_ASYNC_ITERATORS) for part in parts)


def _has_yielded_session(blocked: BlockedLoop) -> bool:
    """Whether FastAPI closes its session after it has made the response."""
    provider = blocked.provider
    summary = blocked.domain.evaluator.classes.function(provider) if provider is not None else None
    return summary is not None and summary.is_generator
