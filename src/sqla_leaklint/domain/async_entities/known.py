"""Rows that an async session may have already, so that a relationship to one of them is read without a query.

A relationship to one row asks the session first: `post.author` costs nothing where that author is there.  So where any
other query of the function, its caller or another dependency of the request may have loaded authors, nobody can say.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from sqla_leaklint.domain.async_entities.bringing import may_bring, reaches
from sqla_leaklint.domain.async_entities.held import Held
from sqla_leaklint.domain.lifetimes.doings import TRACED
from sqla_leaklint.domain.lifetimes.sessions_in_use import SessionInUse
from sqla_leaklint.domain.linking import statements
from sqla_leaklint.domain.linking.library import unwrapped
from sqla_leaklint.domain.linking.parameters import dependency_of
from sqla_leaklint.domain.loading.eager import Loading, loading
from sqla_leaklint.domain.mapped.models import models_of
from sqla_leaklint.domain.mapped.relationships import target_of
from sqla_leaklint.domain.values import (
    BoundMethod,
    Entity,
    Instance,
    Many,
    Origin,
    ProjectClass,
    ProjectFunction,
    ResultValue,
    Rows,
    Statement,
    Symbol,
    TupleValue,
    Value,
    alternatives,
)
from sqla_leaklint.semantic import terms as t
from sqla_leaklint.semantic.events import Deed

if TYPE_CHECKING:
    from sqla_leaklint.domain.evaluation import Evaluator
    from sqla_leaklint.domain.mapped.columns import Relationship
    from sqla_leaklint.semantic.summary import FunctionSummary, ModuleSummary

_DEEPEST = 10
"""Dependencies of dependencies that are looked into."""
_PLAIN = frozenset(f"builtins.{name}" for name in ("str", "int", "bytes", "bool", "float", "dict"))
_OWN = frozenset({Origin.MANAGED, Origin.FRESH, Origin.PROVIDED})
_SENDS = frozenset({"execute", "scalars", "scalar", "stream", "stream_scalars", "exec", "get", "get_one", "merge"})


def may_be_in_session(session: SessionInUse, held: Held, relationship: Relationship) -> bool:
    """Whether the session may have the row to which a relationship leads."""
    target = target_of(session.domain.evaluator, relationship)
    if target is None or target.cls == held.model or session.value.origin not in _OWN:
        return True
    calls = [event.call for event in session.body.events if event.deed is Deed.CALLED]
    if any(_is_loaded_by(session, call, held, target.cls) for call in calls):
        return True
    return _may_come_in(session, target.cls)


def may_be_loaded_before(session: SessionInUse, held: Held, name: str) -> bool:
    """Whether the function has the entity from elsewhere too, so that its relationship may be loaded with that one."""
    if held.is_new:
        return False  # a refresh has expired what it had
    domain = session.domain
    for event in session.body.events:
        if event.deed is not Deed.CALLED or _is_held(held, event.call):
            continue
        for value in alternatives(unwrapped(domain.value_of(event.call))):
            if isinstance(value, Rows | ResultValue):
                if value.statement == held.statement or _leaves_lazy(session, value.statement, held, name):
                    continue
                found = statements.row_of(value.statement, is_scalar=True)
            else:
                found = value
            if isinstance(found, Entity) and _is_same_table(session, found.model, held.model):
                return True
    return False


def _leaves_lazy(session: SessionInUse, statement: Statement | None, held: Held, name: str) -> bool:
    evaluator = session.domain.evaluator
    model = models_of(evaluator).of(held.model)
    if statement is None or model is None:
        return False
    return loading(evaluator, statement, model, name) is Loading.LAZY


def _is_same_table(session: SessionInUse, one: ProjectClass, other: ProjectClass) -> bool:
    line = session.domain.evaluator.classes.line
    return one in line(other) or other in line(one)


def _is_loaded_by(session: SessionInUse, call: t.Call, held: Held, target: ProjectClass) -> bool:
    domain = session.domain
    method = session.tracker.method(call.func)
    if method is None:
        value = domain.value_of(call)
        if isinstance(value, Entity) and not value.is_loaded:
            return reaches(domain.evaluator, value.model, target)
        return _is_helper(session, call) and not _is_held(held, call)
    if method not in _SENDS or not call.args:
        return False
    if unwrapped(domain.value_of(call.args[0])) == held.statement:
        return False
    return may_bring(session, call, target) and not _is_held(held, call)


def _is_held(held: Held, call: t.Call) -> bool:
    return any(part is call for part in t.all_in([held.term]))


def _is_helper(session: SessionInUse, call: t.Call) -> bool:
    parts = [*call.args, *(value for _, value in call.keywords)]
    if isinstance(call.func, t.Attr):
        parts.append(call.func.base)
    return any(session.tracker.carry(part) in TRACED for part in parts)


def _may_come_in(session: SessionInUse, target: ProjectClass) -> bool:
    """Whether an argument, or another dependency of the request, may be such a row, or have loaded one."""
    domain, summary = session.domain, session.summary
    for parameter in summary.parameters:
        value = domain.value_of(domain.module.executor.pool.make(t.Param, summary.qualname, parameter.name))
        if any(reaches(domain.evaluator, each.model, target) for each in _entities(value)):
            return True
    return _may_be_provided(domain.evaluator, domain.module.summary, summary, target)


def _entities(value: Value) -> Iterator[Entity]:
    for each in alternatives(value):
        match each:
            case Entity():
                yield each
            case Many(element=element) | Rows(element=element):
                yield from _entities(element)
            case TupleValue(elements=elements):
                for element in elements:
                    yield from _entities(element)
            case _:
                pass


def _may_be_provided(
    evaluator: Evaluator, module: ModuleSummary, function: FunctionSummary, target: ProjectClass, depth: int = 0
) -> bool:
    """Whether what FastAPI runs for a function may load such a row: its module knows the class, or it is not known."""
    frame = evaluator.frame(module)
    for parameter in function.parameters:
        dependency = dependency_of(evaluator, function, parameter.name, frame)
        for provider in alternatives(dependency.provider) if dependency is not None else ():
            if isinstance(provider, Symbol | Instance | BoundMethod):
                continue  # a library's own
            if isinstance(parameter.annotation, t.Ref) and parameter.annotation.path in _PLAIN:
                continue  # no row comes of it, and nothing else keeps one
            if not isinstance(provider, ProjectFunction) or depth >= _DEEPEST:
                return True
            owner = evaluator.project.summary_at(provider.path)
            summary = evaluator.classes.function(provider)
            if owner is None or summary is None or _knows(owner, target):
                return True
            if _may_be_provided(evaluator, owner, summary, target, depth + 1):
                return True
    return False


def _knows(module: ModuleSummary, target: ProjectClass) -> bool:
    """Whether a module has a name for the class, its own or one that a function imports."""
    return target.name in module.bindings or any(target.name in each.locals for each in module.functions.values())
