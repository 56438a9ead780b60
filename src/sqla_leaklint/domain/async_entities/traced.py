"""The async sessions of a module whose entities are followed, each once for all rules."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from sqla_leaklint.domain.application.endpoints import method_name
from sqla_leaklint.domain.async_entities.expiry import expires_on_commit
from sqla_leaklint.domain.async_entities.held import Held, Standing
from sqla_leaklint.domain.async_entities.known import may_be_in_session, may_be_loaded_before
from sqla_leaklint.domain.async_entities.tracing import Reading, Tracing
from sqla_leaklint.domain.lifetimes.sessions_in_use import SessionInUse, sessions_in_use
from sqla_leaklint.domain.loading.eager import Loading, loading
from sqla_leaklint.domain.mapped.models import models_of
from sqla_leaklint.domain.mapped.relationships import is_collection, relationship_of
from sqla_leaklint.knowledge.facts import LoadStrategy, Role
from sqla_leaklint.semantic import terms as t
from sqla_leaklint.semantic.body import Body
from sqla_leaklint.semantic.events import Deed
from sqla_leaklint.syntax import tree

if TYPE_CHECKING:
    from sqla_leaklint.domain.evaluation import Evaluator
    from sqla_leaklint.domain.module import Domain
    from sqla_leaklint.knowledge import Knowledge

_EXPIRES_ALL = frozenset({"commit", "begin"})
_EXPIRING = _EXPIRES_ALL | {"rollback", "expire_all", "expire", "refresh"}
_READABLE = frozenset({LoadStrategy.DYNAMIC, LoadStrategy.WRITE_ONLY, LoadStrategy.NONE, LoadStrategy.RAISE, None})


@dataclass(frozen=True, slots=True, eq=False)
class TracedSession:
    """An async session of a function, and all reads of what its variables hold of it."""

    session: SessionInUse
    tracing: Tracing
    readings: tuple[Reading, ...]

    @staticmethod
    def find(domain: Domain) -> Iterator[TracedSession]:
        """The async sessions of the functions that load something with them, or end their transactions."""
        telling = _telling(domain.evaluator.knowledge)
        for body in domain.bodies:
            if not isinstance(body.node, tree.Function) or not body.node.is_async:
                continue
            called = {method_name(event.call.func) for event in body.events if event.deed is Deed.CALLED}
            if called.isdisjoint(telling) and not _passes_on(body):
                continue
            for session in sessions_in_use(domain, body):
                if session.is_async:
                    yield _traced(session, is_expiring=not called.isdisjoint(_EXPIRES_ALL))


def _passes_on(body: Body) -> bool:
    """Whether something that may be a session is passed to a helper that may load with it."""
    calls = (event.call for event in body.events if event.deed is Deed.CALLED)
    return any(isinstance(each, t.Enter | t.Param) for call in calls for each in call.args)


def _traced(session: SessionInUse, *, is_expiring: bool) -> TracedSession:
    evaluator = session.domain.evaluator

    def raises(held: Held, name: str) -> bool:
        if held.is_expired:
            return name not in held.known and name in mapped(evaluator, held)
        return is_lazy(session, held, name)

    tracing = Tracing(session, is_expiring=is_expiring and expires_on_commit(session), raises=raises)
    return TracedSession(session, tracing, tuple(tracing.readings()))


@lru_cache(maxsize=8)
def _telling(knowledge: Knowledge) -> frozenset[str]:
    consumers = {row.name for table in knowledge.tables for row in table.consumers}
    return frozenset(consumers | _EXPIRING)


def mapped(evaluator: Evaluator, held: Held) -> frozenset[str]:
    """The attributes of an entity that its table, or a plain relationship, fills."""
    found = models_of(evaluator).of(held.model)
    if found is None:
        return frozenset()
    relationships = (name for name, each in found.relationships.items() if each.strategy not in _READABLE)
    return frozenset((*found.columns, *relationships))


def is_lazy(session: SessionInUse, held: Held, name: str) -> bool:
    """Whether an attribute of an entity that is not expired is certain to be loaded when it is read."""
    evaluator = session.domain.evaluator
    if held.standing not in {Standing.LOADED, Standing.KEPT} or held.statement is None or name in held.known:
        return False
    model = models_of(evaluator).of(held.model)
    if model is None:
        return False
    if name in model.columns:
        return model.columns[name].is_deferred and not any(step.role is Role.LOADS for step in held.statement.steps)
    relationship = relationship_of(evaluator, model, name)
    if relationship is None or loading(evaluator, held.statement, model, name) is not Loading.LAZY:
        return False
    is_many = is_collection(evaluator, model, relationship)
    if is_many is None or may_be_loaded_before(session, held, name):
        return False
    return is_many or not may_be_in_session(session, held, relationship)
