"""Whether a request has taken its session's connection before its response is sent: by the endpoint or a dependency."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from sqla_leaklint.domain.injection.needs import needs_of
from sqla_leaklint.domain.lifetimes.doings import Doing, Use
from sqla_leaklint.domain.lifetimes.uses import uses_in
from sqla_leaklint.domain.values import Generator, Instance, ProjectFunction, ProjectInstance, Value, alternatives
from sqla_leaklint.semantic import terms as t
from sqla_leaklint.semantic.body import Body
from sqla_leaklint.semantic.events import Deed
from sqla_leaklint.semantic.summary import Act, FunctionSummary, ModuleSummary

if TYPE_CHECKING:
    from sqla_leaklint.domain.evaluation import Evaluator
    from sqla_leaklint.domain.module import Domain

_TAKING = frozenset({Doing.RUNS_SQL, Doing.PASSES})
_GIVING_BACK = frozenset({Doing.ENDS_TRANSACTION, Doing.CLOSES, Doing.ENTERS})


def is_taken_by(domain: Domain, body: Body, session: Instance | ProjectInstance) -> bool:
    """Whether the connection of a request's session is taken when its endpoint, that body, is over."""
    own = domain.module.summary
    function = own.functions.get(body.qualname)
    if function is None:
        return False
    is_taken = taken_by_dependency(domain.evaluator, own, function, session) is not None
    kind = domain.evaluator.classes.library_type(session) or ""
    for parameter in function.parameters:
        seed = domain.module.executor.pool.make(t.Param, function.qualname, parameter.name)
        if _is_of(domain.value_of(seed), session):
            acts = [(act, False) for act in function.acts if not _makes_generator(domain, act)]
            uses = uses_in(domain.evaluator, own, function, seed, session_type=kind, acts=acts)
            is_taken = _is_taken_after(uses, is_taken)
    return is_taken


def _is_taken_after(uses: Iterable[Use], is_taken: bool) -> bool:
    """Whether the connection is taken after some uses; one of `with session.begin()` counts for all that follow, since
    they may be in its block.
    """
    for use in uses:
        if use.doing is Doing.TRANSACTS:
            return False
        is_taken = use.doing in _TAKING or (is_taken and use.doing not in _GIVING_BACK)
    return is_taken


def _makes_generator(domain: Domain, act: Act) -> bool:
    """Whether an act only makes what will be iterated over when the response is sent."""
    return act.deed is Deed.CALLED and isinstance(domain.value_of(act.value), Generator)


def _is_of(value: Value, session: Instance | ProjectInstance) -> bool:
    """Whether a value is the session that the request has from the same provider."""
    return any(
        isinstance(each, Instance | ProjectInstance)
        and (each.provider, each.scope) == (session.provider, session.scope)
        for each in alternatives(value)
    )


def taken_by_dependency(
    evaluator: Evaluator, module: ModuleSummary, function: FunctionSummary, session: Instance | ProjectInstance
) -> ProjectFunction | None:
    """The dependency of an endpoint that runs SQL by the request's session and leaves its transaction open."""
    if session.provider is None:
        return None
    kind = evaluator.classes.library_type(session) or ""
    for need in needs_of(evaluator, module, function):
        frame = evaluator.frame(need.module)
        for parameter in need.function.parameters:
            seed = t.Param(need.function.qualname, parameter.name)
            if not _is_of(evaluator.of(seed, frame), session):
                continue
            if _is_taken_after(uses_in(evaluator, need.module, need.function, seed, session_type=kind), False):
                return need.runs
    return None
