"""Entities among the things that travel: rows of mapped classes as objects, not what is read of them."""

from __future__ import annotations

from dataclasses import dataclass

from sqla_leaklint.domain.linking.library import unwrapped
from sqla_leaklint.domain.values import (
    Entity,
    Literal,
    Many,
    ProjectClass,
    Rows,
    TupleValue,
    Value,
    alternatives,
)
from sqla_leaklint.knowledge.facts import Shape

_NOTHING = Literal(None)
_IN_MEMORY = frozenset({Shape.ROW, Shape.OPTIONAL_ROW, Shape.VALUE, Shape.LIST})


@dataclass(frozen=True, slots=True)
class EntityKind:
    """What an entity is: its class, whether it is a list of them, and whether a query brought it."""

    model: ProjectClass
    is_many: bool
    is_loaded: bool


def entity_of(value: Value) -> EntityKind | None:
    """The entity, or entities, that a value is whichever way was taken (None apart); None for anything else."""
    found = {_kind(each) for each in alternatives(unwrapped(value)) if each != _NOTHING}
    return found.pop() if len(found) == 1 else None


def _kind(value: Value) -> EntityKind | None:
    match value:
        case Entity():
            return EntityKind(value.model, False, value.is_loaded)
        case Rows(consumer=consumer) if consumer.shape in _IN_MEMORY:
            element = _first_of(value.element) if consumer.shape is Shape.VALUE else value.element
            is_many = consumer.shape is Shape.LIST
            return EntityKind(element.model, is_many, element.is_loaded) if isinstance(element, Entity) else None
        case Many(element=Entity() as element):
            return EntityKind(element.model, True, element.is_loaded)
        case _:
            return None


def _first_of(row: Value) -> Value:
    """What `scalar()` and its like take of a row."""
    match row:
        case TupleValue(elements=(first, *_)):
            return first
        case _:
            return row
