"""Rows that a session may have already, so that a relationship which leads to one of them sends no query.

What leads to one row is looked up in the session first: `item.order` costs nothing where the order is there.  So it is
undecided where the items are those of one order or of given orders, where orders are loaded in the same function,
and where a table refers to itself.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from sqla_leaklint.domain.linking.library import unwrapped
from sqla_leaklint.domain.mapped.columns import Relationship
from sqla_leaklint.domain.mapped.models import Model
from sqla_leaklint.domain.mapped.relationships import foreign_keys, is_collection, relationship_of, target_of
from sqla_leaklint.domain.values import (
    Clause,
    Entity,
    Generator,
    Many,
    ModelAttribute,
    ProjectClass,
    Rows,
    StepTaken,
    TupleValue,
    Value,
    alternatives,
)
from sqla_leaklint.knowledge.facts import Role, Shape
from sqla_leaklint.semantic.events import Deed
from sqla_leaklint.semantic.terms import Param, Term
from sqla_leaklint.syntax import tree

if TYPE_CHECKING:
    from sqla_leaklint.domain.loading.relationship_reads import RelationshipRead

_PICKS = frozenset({"==", "in_", "is", "__eq__", "has", "any", "contains"})
_ALL_OF = frozenset({"sqlalchemy.and_", "sqlmodel.and_", "&"})


def may_be_loaded_already(read: RelationshipRead) -> bool:
    """Whether the session may have what a relationship leads to, or the relationship itself."""
    evaluator = read.domain.evaluator
    target = target_of(evaluator, read.relationship)
    if read.source.path and _is_of_picked(read):
        return True
    if is_collection(evaluator, read.owner, read.relationship):
        return False
    if target is None:
        return True
    if target.cls == read.owner.cls or _is_way_back(read, target):
        return True
    if any(value.model == target.cls for value in _loaded_beside(read)):
        return True
    return not read.source.path and _are_picked(read, read.owner, read.relationship, target)


def _is_of_picked(read: RelationshipRead) -> bool:
    """Whether the rows on which it is read are those of one row, or of given rows, by what the query asks for: all
    widgets of one agent have one agent, whose relationships are loaded once.
    """
    evaluator, owner = read.domain.evaluator, read.source.start
    first = relationship_of(evaluator, owner, read.source.path[0]) if owner is not None else None
    target = target_of(evaluator, first) if first is not None else None
    if owner is None or first is None or target is None or is_collection(evaluator, owner, first) is not False:
        return False
    return len(read.source.path) == 1 and _are_picked(read, owner, first, target)


def _are_picked(read: RelationshipRead, owner: Model, relationship: Relationship, target: Model) -> bool:
    """Whether the query says which rows a relationship of its entity may lead to."""
    conditions = (each for step in _filters(read) for each in _conditions(owner, step))
    return any(_picks(owner, relationship, target, each) for each in conditions)


def _is_way_back(read: RelationshipRead, target: Model) -> bool:
    """Whether the relationship leads back to a row from which the loop came."""
    evaluator = read.domain.evaluator
    model = read.source.start
    for name in read.source.path:
        if model is None or model.cls == target.cls:
            return True
        relationship = relationship_of(evaluator, model, name)
        model = target_of(evaluator, relationship) if relationship is not None else None
    return False


def _loaded_beside(read: RelationshipRead) -> Iterator[Entity]:
    """The entities of which the function has many otherwise: of other queries, as arguments, in the rows themselves."""
    domain, body = read.domain, read.body
    yield from _held(read.source.rows.element) if isinstance(read.source.rows.element, TupleValue) else ()
    pool = domain.module.executor.pool
    parameters = body.node.params if isinstance(body.node, tree.Function) else ()
    terms: list[Term] = [pool.make(Param, body.qualname, parameter.name) for parameter in parameters]
    terms += [event.value for event in body.events if event.deed is Deed.CALLED]
    for term in terms:
        if term is not read.source.root:
            yield from _many(domain.value_of(term))


def _many(value: Value) -> Iterator[Entity]:
    """The entities that a value is many of."""
    for each in alternatives(unwrapped(value)):
        match each:
            case Rows(consumer=consumer, element=element) if consumer.shape in {Shape.LIST, Shape.ITERATOR}:
                yield from _held(element)
            case Many(element=element) | Generator(element=element):
                yield from _held(element)
            case _:
                pass


def _held(element: Value) -> Iterator[Entity]:
    """The entities that one element of many things is, or holds."""
    for each in alternatives(element):
        if isinstance(each, Entity):
            yield each
        elif isinstance(each, TupleValue):
            yield from (part for part in each.elements if isinstance(part, Entity))


# --- what the query asks for ------------------------------------------------------------------------------------------


def _filters(read: RelationshipRead) -> Iterator[StepTaken]:
    statement = read.source.rows.statement
    for step in statement.steps if statement is not None else ():
        if step.role in {Role.FILTERS, Role.JOINS} and not step.is_conditional:
            yield step


def _conditions(model: Model, step: StepTaken) -> Iterator[Value]:
    """The columns and relationships that a step compares with one value or a list of them."""
    if step.name == "with_parent":
        yield model.cls
    for name, _ in step.keywords:
        yield ModelAttribute(model.cls, name)
    for argument in step.args:
        yield from _picked(argument)


def _picked(value: Value) -> Iterator[Value]:
    for each in alternatives(value):
        if isinstance(each, Clause):
            if each.operator in _ALL_OF:
                for operand in each.operands:
                    yield from _picked(operand)
            elif each.operator in _PICKS:
                yield from each.operands


def _picks(owner: Model, relationship: Relationship, target: Model, value: Value) -> bool:
    """Whether a comparison says which rows of the target are meant."""
    if isinstance(value, ProjectClass):
        return True
    if not isinstance(value, ModelAttribute):
        return False
    name = value.name
    if value.model == target.cls:
        return name in target.primary_key or (name in target.columns and target.columns[name].is_unique)
    is_key = any(column.name == name for column in foreign_keys(owner, target))
    return name == relationship.name or is_key or name == f"{relationship.name}_id"
