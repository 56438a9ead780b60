"""What can do without a session that it may have come from: keys, plain values, rows of columns.

    order = db.get(Order, 7)                            # not apart: an entity, which loads and writes by `db`
    names = db.scalars(select(Order.name)).all()        # apart: strings
    rows = db.execute(query)                            # not apart: fetched by and by
    repository = Repository(db)                         # not apart: holds it

What is not known is apart as long as neither the session nor a dependency of the request had a part in it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqla_leaklint.domain.lifetimes.attachment import holds, is_given_to, is_key
from sqla_leaklint.domain.lifetimes.remains import Remains, remains_of
from sqla_leaklint.domain.linking.library import unwrapped
from sqla_leaklint.domain.linking.parameters import dependency_of
from sqla_leaklint.domain.mapped.models import models_of
from sqla_leaklint.domain.values import (
    BoundMethod,
    Entity,
    ProjectInstance,
    Rows,
    Unknown,
    Value,
    alternatives,
)
from sqla_leaklint.knowledge.facts import Kind, Shape
from sqla_leaklint.semantic import terms as t
from sqla_leaklint.semantic.body import Body
from sqla_leaklint.semantic.terms import Term

if TYPE_CHECKING:
    from sqla_leaklint.domain.module import Domain

_FETCHED_LATER = frozenset({Shape.ITERATOR, Shape.BATCHES})


def is_apart(domain: Domain, body: Body, term: Term | None, session: Term) -> bool:
    """Whether a term of a body is certain to do without that session."""
    if term is None or term is session:
        return False
    value = domain.value_of(term)
    if holds(value, Entity) or any(_has_session(domain, each) for each in alternatives(value)):
        return False
    if is_key(term):
        return True
    parts = set(t.all_in([term]))
    if session in parts:
        return _is_in_memory(domain, body, term, session)
    if holds(value, Unknown) and (
        is_given_to(body, session, term) or any(_is_injected(domain, each) for each in parts)
    ):
        return False
    return not any(isinstance(each, t.FunctionRef) for each in parts)


def _has_session(domain: Domain, value: Value) -> bool:
    """Whether a value is a session, or an object that was made with one."""
    if domain.evaluator.classes.is_a(value, Kind.SESSION, Kind.ASYNC_SESSION, Kind.SESSION_REGISTRY):
        return True
    given = [held for _, held in value.arguments] if isinstance(value, ProjectInstance) else []
    return any(_has_session(domain, each) for held in given for each in alternatives(held))


def _is_in_memory(domain: Domain, body: Body, term: Term, session: Term) -> bool:
    """Whether what was made by means of a session needs it no longer."""
    match term:
        case t.Join():
            return all(is_apart(domain, body, each, session) for each in term.terms)
        case t.Mapped(kind="list" | "set", element=element):
            return is_apart(domain, body, element, session)
        case t.Collection(kind="tuple" | "list" | "set" | "dict"):
            return all(is_apart(domain, body, each, session) for each in (*term.elements, *term.keys))
        case _:
            values = [unwrapped(each) for each in alternatives(domain.value_of(term))]
            if any(isinstance(each, Rows) and each.consumer.shape in _FETCHED_LATER for each in values):
                return False
            return remains_of(domain, term) is Remains.VALUES or all(_is_column(domain, each) for each in values)


def _is_column(domain: Domain, value: Value) -> bool:
    """Whether a value is a column's, read of an entity."""
    if not isinstance(value, BoundMethod) or not isinstance(value.receiver, Entity):
        return False
    model = models_of(domain.evaluator).of(value.receiver.model)
    return model is not None and value.name in model.columns


def _is_injected(domain: Domain, term: Term) -> bool:
    """Whether a term is a parameter that a dependency provides, and nobody knows what that is."""
    if not isinstance(term, t.Param) or not holds(domain.value_of(term), Unknown):
        return False
    function = domain.module.summary.functions.get(term.function)
    return function is not None and dependency_of(domain.evaluator, function, term.name, domain.frame) is not None
