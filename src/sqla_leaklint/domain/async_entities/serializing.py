"""Serializers that read an entity: what FastAPI makes of what an endpoint returns, and Pydantic's `model_validate`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqla_leaklint.domain.linking import declarations
from sqla_leaklint.domain.linking.decorators import route_of
from sqla_leaklint.domain.values import BoundMethod, ProjectClass, Value, alternatives
from sqla_leaklint.knowledge.facts import Decoration
from sqla_leaklint.semantic import terms as t
from sqla_leaklint.syntax import tree

if TYPE_CHECKING:
    from sqla_leaklint.domain.async_entities.tracing import Reading
    from sqla_leaklint.domain.lifetimes.sessions_in_use import SessionInUse
    from sqla_leaklint.semantic.terms import Term

_VALIDATING = frozenset({"model_validate", "from_orm"})


def serialized(session: SessionInUse, reading: Reading) -> tuple[frozenset[str], str] | None:
    """The attributes that are read of an entity, and the class that reads them; None where nobody certainly does."""
    domain = session.domain
    node = reading.node
    is_rows = any(held.is_rows for held in reading.held)
    if isinstance(node, tree.Call):
        func = node.func
        if is_rows or not isinstance(func, tree.Attribute) or func.attr not in _VALIDATING:
            return None
        return _fields(session, domain.value(func.value))
    return _of_endpoint(session, is_rows=is_rows)


def _of_endpoint(session: SessionInUse, *, is_rows: bool) -> tuple[frozenset[str], str] | None:
    domain = session.domain
    frame, summary = domain.frame, session.summary
    for decorator in summary.decorators:
        route = route_of(domain.evaluator, decorator, frame)
        if route is None or not route.is_answer or route.decoration is not Decoration.ENDPOINT:
            continue
        declared = route.call.keyword("response_model") or summary.returns_annotation
        return _response(session, declared, is_rows=is_rows) if declared is not None else None
    return None


def _response(session: SessionInUse, declared: Term, *, is_rows: bool) -> tuple[frozenset[str], str] | None:
    domain = session.domain
    parts = list(declarations.expanded(domain.evaluator, declared, domain.frame))
    for part, scope in parts:
        if isinstance(part, t.Item):
            if not is_rows:
                continue
            path = getattr(domain.evaluator.of(part.value, scope), "path", "")
            if path.rpartition(".")[2] in {"list", "List", "Sequence"}:
                return _fields(session, domain.evaluator.of(declarations.arguments_of(part)[0], scope))
        elif not is_rows:
            found = _fields(session, domain.evaluator.of(part, scope))
            if found is not None:
                return found
    return None


def _fields(session: SessionInUse, value: Value) -> tuple[frozenset[str], str] | None:
    """The fields of a class that is no table."""
    classes = session.domain.evaluator.classes
    for each in alternatives(value):
        cls = each.receiver if isinstance(each, BoundMethod) else each
        if isinstance(cls, ProjectClass) and not classes.is_mapped(cls):
            names = [name for line in classes.project_line(cls) for name in line.annotations]
            return frozenset(names), cls.name
    return None
