"""Who ends a session before the work that it was handed to does: the request, a `with` block, or a caller's."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqla_leaklint.domain.application.callers import callers
from sqla_leaklint.domain.values import Instance, Origin, ProjectFunction, ProjectInstance, alternatives
from sqla_leaklint.knowledge.facts import Kind
from sqla_leaklint.semantic import terms as t
from sqla_leaklint.semantic.summary import FunctionSummary, ModuleSummary

if TYPE_CHECKING:
    from sqla_leaklint.domain.evaluation import Evaluator
    from sqla_leaklint.domain.handed_over.handoffs import Passenger
    from sqla_leaklint.domain.module import Domain

_MOST_CALLERS = 3
"""Callers of callers that are asked whose session they pass."""


def owner_that_ends(domain: Domain, passenger: Passenger, key: t.Term, *, is_entered_here: bool) -> Origin | None:
    """Who ends a session soon after the function that hands it to somebody returns; None where nobody is known to."""
    match passenger.origin:
        case Origin.PROVIDED:
            return Origin.PROVIDED if _ends_with_request(domain.evaluator, passenger.session.provider) else None
        case Origin.MANAGED:
            return Origin.MANAGED if is_entered_here else None
        case Origin.PARAMETER if isinstance(key, t.Param):
            module = domain.module.summary
            function = module.functions.get(key.function)
            is_passed = function is not None and _is_passed(domain.evaluator, module, function, key.name)
            return Origin.PARAMETER if is_passed else None
        case _:
            return None


def closes_at_once(evaluator: Evaluator, passenger: Passenger, owner: Origin) -> bool:
    """Whether the owner is known to let nobody run between the end of the function and the session's: a `with` block
    of the function, or a provider that is a coroutine; FastAPI runs a plain one in a thread, and callers may wait.
    """
    provider = passenger.session.provider
    summary = evaluator.classes.function(provider) if provider is not None else None
    return owner is Origin.MANAGED or (owner is Origin.PROVIDED and summary is not None and summary.is_async)


def _ends_with_request(evaluator: Evaluator, provider: ProjectFunction | None) -> bool:
    """Whether a provider closes its session after the request, as far as it can be looked into: it yields it, or
    returns one that another provider yields.
    """
    summary = evaluator.classes.function(provider) if provider is not None else None
    module = evaluator.project.summary_at(provider.path) if provider is not None else None
    if summary is None or module is None or summary.is_generator:
        return True
    returned = (evaluator.of(term, evaluator.frame(module)) for term in summary.returns)
    return any(
        isinstance(each, Instance | ProjectInstance) and each.origin is Origin.PROVIDED
        for value in returned
        for each in alternatives(value)
    )


def _is_passed(
    evaluator: Evaluator, module: ModuleSummary, function: FunctionSummary, parameter: str, depth: int = 0
) -> bool:
    """Whether somebody passes a session that ends with a request or a `with` block for a parameter."""
    for call in callers(evaluator, module, function):
        given = call.arguments.get(parameter)
        if given is None:
            continue
        for value in alternatives(evaluator.of(given, evaluator.frame(call.module))):
            if not isinstance(value, Instance | ProjectInstance):
                continue
            if not evaluator.classes.is_a(value, Kind.SESSION, Kind.ASYNC_SESSION):
                continue
            if value.origin in {Origin.PROVIDED, Origin.MANAGED}:
                return True
            if value.origin is Origin.PARAMETER and isinstance(given, t.Param) and depth < _MOST_CALLERS:
                outer = call.module.functions.get(given.function)
                if outer is not None and _is_passed(evaluator, call.module, outer, given.name, depth + 1):
                    return True
    return False
