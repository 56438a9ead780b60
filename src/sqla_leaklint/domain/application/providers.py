"""What dependency providers do besides handing out a session."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqla_leaklint.domain.application.endpoints import method_name
from sqla_leaklint.domain.values import ProjectFunction, alternatives
from sqla_leaklint.semantic import terms as t
from sqla_leaklint.semantic.events import Deed
from sqla_leaklint.syntax import tree
from sqla_leaklint.syntax.walk import walk

if TYPE_CHECKING:
    from sqla_leaklint.domain.evaluation import Evaluator

_COMMITTING = frozenset({"begin", "commit"})
_EXPIRING = frozenset({"expire", "expire_all", "rollback"})


def commits(evaluator: Evaluator, provider: ProjectFunction, seen: frozenset[ProjectFunction] = frozenset()) -> bool:
    """Whether a provider, or a function that it calls, commits: before, nothing of the request is written."""
    function = evaluator.classes.function(provider)
    module = evaluator.project.summary_at(provider.path)
    if function is None or module is None:
        return True
    frame = evaluator.frame(module)
    seen |= {provider}
    for act in function.acts:
        if act.deed is not Deed.CALLED or not isinstance(act.value, t.Call):
            continue
        if method_name(act.value.func) in _COMMITTING:
            return True
        for called in alternatives(evaluator.of(act.value.func, frame)):
            if isinstance(called, ProjectFunction) and called not in seen and commits(evaluator, called, seen):
                return True
    return False


def may_expire(evaluator: Evaluator, provider: ProjectFunction) -> bool:
    """Whether a provider may expire what its session has loaded, where it comes to its end without an exception."""
    module = evaluator.project.module_at(provider.path)
    body = module.executor.bodies.get(provider.qualname) if module is not None else None
    if body is None or commits(evaluator, provider):
        return True
    handled = {
        node
        for above in walk(body.node)
        if isinstance(above, tree.ExceptHandler)
        for stmt in above.body
        for node in walk(stmt)
    }
    return any(
        event.deed is Deed.CALLED and method_name(event.call.func) in _EXPIRING and event.node not in handled
        for event in body.events
    )
