"""What a function is given that it may wait for the database by: of its caller, of its decorators, of FastAPI."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqla_leaklint.domain.lifetimes.wrappers import injected
from sqla_leaklint.domain.linking.calls import bind_call
from sqla_leaklint.domain.linking.parameters import dependency_of
from sqla_leaklint.domain.values import Instance, Origin, ProjectFunction, ProjectInstance, Value
from sqla_leaklint.knowledge.facts import Kind
from sqla_leaklint.semantic import terms as t

if TYPE_CHECKING:
    from sqla_leaklint.domain.module import Domain

SYNC = (Kind.SESSION, Kind.CONNECTION, Kind.ENGINE, Kind.SESSION_REGISTRY)
"""What there is a plain kind of, which waits in the thread that calls it."""
_KEYWORDS = 2
"""The stars of `**more`."""

Resource = Instance | ProjectInstance
Given = tuple[tuple[tuple[str, str], Value], ...]
"""What a function may wait by, by parameter."""


def is_plainly_sync(domain: Domain, value: Resource) -> bool:
    """Whether a session, connection, engine or registry is known to be a plain one by where it comes from."""
    if not domain.evaluator.classes.is_a(value, *SYNC):
        return False
    if value.origin is Origin.PROVIDED:
        return value.provider is not None
    return value.origin not in {Origin.PARAMETER, Origin.DECLARED}


def given_to(domain: Domain, call: t.Call, function: ProjectFunction) -> Given:
    """What a call gives to the function that it calls, and that function's decorators where the call does not."""
    summary = domain.evaluator.classes.function(function)
    if summary is None or not summary.parameters:
        return ()
    bound = bind_call(function, summary, call, domain.value_of)
    if not any(isinstance(each, t.Star) and each.depth == _KEYWORDS for each in call.args):
        bound = {**dict(lent(domain, function)), **bound}
    return tuple((key, value) for key, value in bound.items() if _is_telling(domain, value))


def lent(domain: Domain, function: ProjectFunction) -> Given:
    """What a function has of its decorators to wait by, if nobody gives it anything else."""
    summary = domain.evaluator.classes.function(function)
    module = domain.evaluator.project.summary_at(function.path)
    if summary is None or module is None or not summary.decorators:
        return ()
    found = injected(domain.evaluator, summary, module)
    return tuple(((summary.qualname, name), value) for name, value in found.items() if _is_telling(domain, value))


def _is_telling(domain: Domain, value: Value) -> bool:
    match value:
        case ProjectInstance():
            return True
        case Instance():
            return domain.evaluator.classes.is_a(value, *SYNC, Kind.ASYNC_SESSION, Kind.ASYNC_CONNECTION)
        case _:
            return False


def is_lent(domain: Domain, function: ProjectFunction, parameter: str, value: Value) -> bool:
    """Whether a function has what it waits by of its caller alone, and not of FastAPI as well."""
    if isinstance(value, ProjectInstance) and any(_is_sync(domain, each) for _, each in value.arguments):
        return True
    summary = domain.evaluator.classes.function(function)
    module = domain.evaluator.project.summary_at(function.path)
    if summary is None or module is None or not _is_sync(domain, value):
        return False
    return dependency_of(domain.evaluator, summary, parameter, domain.evaluator.frame(module)) is None


def _is_sync(domain: Domain, value: Value) -> bool:
    return isinstance(value, Instance | ProjectInstance) and is_plainly_sync(domain, value)
