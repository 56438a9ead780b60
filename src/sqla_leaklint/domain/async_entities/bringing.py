"""What a call of a session brings: which entities it gives, and which it may load again by the way."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqla_leaklint.domain.async_entities.origins import comes_from
from sqla_leaklint.domain.linking.library import unwrapped
from sqla_leaklint.domain.mapped.models import models_of
from sqla_leaklint.domain.mapped.relationships import target_of
from sqla_leaklint.domain.values import (
    Entity,
    Literal,
    ModelAttribute,
    ProjectClass,
    Rows,
    Statement,
    TupleValue,
    Value,
    alternatives,
)
from sqla_leaklint.knowledge.facts import LoadStrategy, Role, Shape
from sqla_leaklint.knowledge.sqlalchemy import SELECT
from sqla_leaklint.semantic import terms as t

if TYPE_CHECKING:
    from sqla_leaklint.domain.evaluation import Evaluator
    from sqla_leaklint.domain.lifetimes.sessions_in_use import SessionInUse
    from sqla_leaklint.domain.mapped.columns import Relationship
    from sqla_leaklint.semantic.terms import Term

ONE_ROW = frozenset({Shape.ROW, Shape.OPTIONAL_ROW, Shape.VALUE})
WITH_THE_ROW = frozenset(
    {LoadStrategy.JOINED, LoadStrategy.SELECTIN, LoadStrategy.SUBQUERY, LoadStrategy.IMMEDIATE, None}
)
_DEEPEST = 3
"""Relationships that are followed from what a query asks for."""


@dataclass(frozen=True, slots=True)
class Brought:
    """Entities that an expression gives: one, or (`is_rows`) a list of them."""

    model: ProjectClass
    is_rows: bool
    statement: Statement | None
    is_loaded: bool = True


def brought(session: SessionInUse, term: Term) -> Brought | None:
    """The entity or list of entities that an expression has from the session, or makes; None for anything else."""
    value = unwrapped(session.domain.value_of(term))
    values = [each for each in alternatives(value) if each != Literal(None)]
    if len(values) != 1:
        return None
    (found,) = values
    if isinstance(found, Entity) and not found.is_loaded:
        is_made = isinstance(term, t.Call) and isinstance(session.domain.value_of(term.func), ProjectClass)
        return Brought(found.model, False, None, is_loaded=False) if is_made else None
    if not comes_from(session.tracker, term):
        return None
    match found:
        case Entity(model=model):
            return Brought(model, False, _got(term, model))
        case Rows(consumer=consumer) if consumer.shape in {*ONE_ROW, Shape.LIST}:
            row = _first_of(found) if consumer.shape is Shape.VALUE else found.element
            if isinstance(row, Entity) and row.is_loaded:
                return Brought(row.model, consumer.shape is Shape.LIST, found.statement)
            return None
        case _:
            return None


def _first_of(rows: Rows) -> Value:
    """What `scalar()` and its like take of a row."""
    match rows.element:
        case TupleValue(elements=(first, *_)):
            return first
        case element:
            return element


def statement_of(value: Value, term: Term) -> Statement | None:
    """The query that brought an entity, or entities, that are the value of a term."""
    for each in alternatives(unwrapped(value)):
        match each:
            case Entity(model=model):
                return _got(term, model)
            case Rows(statement=statement):
                return statement
            case _:
                pass
    return None


def _got(term: Term, model: ProjectClass) -> Statement | None:
    """The query that `session.get` makes, where it is plain."""
    while isinstance(term, t.Await):
        term = term.value
    is_plain = isinstance(term, t.Call) and isinstance(term.func, t.Attr) and term.keyword("options") is None
    return Statement(SELECT, (model,)) if is_plain else None


def may_bring(session: SessionInUse, call: t.Call, model: ProjectClass) -> bool:
    """Whether a method of the session that runs SQL may load an entity of that class (again)."""
    if not call.args:
        return True
    evaluator = session.domain.evaluator
    for value in alternatives(unwrapped(session.domain.value_of(call.args[0]))):
        match value:
            case ProjectClass():
                if call.keyword("options") is not None or reaches(evaluator, value, model):
                    return True
            case Statement(projections=projections, steps=steps, is_whole=True) if projections:
                if any(step.role is Role.LOADS for step in steps):
                    return True
                if any(_is_brought_by(evaluator, each, model) for each in projections):
                    return True
            case _:
                return True
    return False


def _is_brought_by(evaluator: Evaluator, projection: Value, model: ProjectClass) -> bool:
    match projection:
        case ProjectClass():
            return reaches(evaluator, projection, model)
        case ModelAttribute():
            found = models_of(evaluator).of(projection.model)
            return found is None or projection.name not in found.columns
        case _:
            return "func." not in getattr(projection, "operator", "")


def reaches(evaluator: Evaluator, asked: ProjectClass, model: ProjectClass, depth: int = 0) -> bool:
    """Whether entities of one class are, or come with, those of another."""
    line = evaluator.classes.line
    if asked in line(model) or model in line(asked):
        return True
    found = models_of(evaluator).of(asked)
    if found is None or depth >= _DEEPEST:
        return True
    return any(
        relationship.strategy in WITH_THE_ROW and _leads_to(evaluator, relationship, model, depth)
        for relationship in found.relationships.values()
    )


def _leads_to(evaluator: Evaluator, relationship: Relationship, model: ProjectClass, depth: int) -> bool:
    target = target_of(evaluator, relationship)
    return target is None or reaches(evaluator, target.cls, model, depth + 1)
