"""How many rows the conditions of a statement let through, as far as the models tell: one, by a key, or many.

What tells that there are many: no condition, conditions on flags and ranges alone, the rows of one parent, or an
ORDER BY, since nobody sorts a single row.  Columns that are compared for equality and are not declared unique may be
so all the same (`email`), which only the data knows: `KEY_LIKE`.

    select(Order).where(Order.number == number)                    # ONE, if `number` is unique; else KEY_LIKE
    select(Order).where(Order.customer_id == customer.id)          # MANY: a customer's orders
    select(Order).join(Customer).where(Customer.email == email)    # MANY: likewise, whatever is unique
    select(Profile).where(Profile.user_id == user.id)              # ONE, where `User.profile` is one to one
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum
from typing import TYPE_CHECKING

from sqla_leaklint.domain.linking.merging import ways_of
from sqla_leaklint.domain.mapped.column_names import is_flag, is_of_one
from sqla_leaklint.domain.mapped.models import Model, Models, models_of
from sqla_leaklint.domain.rows.bounds import Bound, Reader
from sqla_leaklint.domain.rows.clauses import selected
from sqla_leaklint.knowledge.facts import Role

if TYPE_CHECKING:
    from sqla_leaklint.domain.evaluation import Evaluator
    from sqla_leaklint.domain.values import ProjectClass, Statement


class Matching(Enum):
    """How many rows a statement can bring."""

    UNKNOWN = "unknown"
    ONE = "one"
    LIMITED = "limited"
    KEY_LIKE = "key-like"
    """Columns are compared for equality that may well tell rows apart."""
    MANY = "many"
    ALL = "all"
    """Every row of the table."""


_FEW = frozenset({Matching.ONE, Matching.LIMITED})


def matching(evaluator: Evaluator, statement: Statement | None) -> Matching:
    """How many rows a statement's conditions let through: one, where each way to build it leads to one."""
    if statement is None:
        return Matching.UNKNOWN
    if statement.ways and {matching(evaluator, each) for each in ways_of(statement)} <= _FEW:
        return Matching.ONE
    models = models_of(evaluator)
    owners = [models.of(cls) for cls in selected(statement)]
    reader = Reader(evaluator, statement)
    strongest = reader.read()
    if not owners or None in owners or strongest is Bound.LIMITED:
        return Matching.LIMITED if strongest is Bound.LIMITED else Matching.UNKNOWN
    known = [owner for owner in owners if owner is not None]
    narrowed = _by_equality(models, known, reader.equal)
    if narrowed is Matching.ONE or strongest is Bound.KEYED or known[0].has_one_row:
        return Matching.ONE
    is_ordered = any(step.role is Role.ORDERS and step.args and not step.is_conditional for step in statement.steps)
    steps_are_read = all(_is_read(step.role) for step in statement.steps)
    if not steps_are_read or not statement.is_whole or (strongest is Bound.UNKNOWN and not reader.has_unread):
        return Matching.UNKNOWN
    if is_ordered:
        return Matching.KEY_LIKE if strongest is Bound.LISTED else Matching.MANY
    if reader.has_unread or strongest in {Bound.LISTED, Bound.GROUPED} or narrowed is Matching.UNKNOWN:
        return Matching.UNKNOWN
    if narrowed is not None or any(_is_loosely_told(models.of(cls), name) for cls, name in reader.compared):
        return Matching.KEY_LIKE
    if strongest is Bound.NONE and not any(step.role is Role.JOINS for step in statement.steps):
        return Matching.ALL
    return Matching.MANY


def is_by_primary_key(evaluator: Evaluator, statement: Statement | None, model: Model) -> bool:
    """Whether the conditions of a statement give the whole primary key of a model."""
    if statement is None:
        return False
    reader = Reader(evaluator, statement)
    reader.read()
    given = {name for cls, name in reader.equal if cls == model.cls}
    return bool(model.primary_key) and model.primary_key <= given


def _is_read(role: Role | None) -> bool:
    return role not in {None, Role.LOCKS, Role.COMBINES, Role.RETURNING, Role.WRITES, Role.SOURCES}


def _by_equality(models: Models, owners: list[Model], equal: Iterable[tuple[ProjectClass, str]]) -> Matching | None:
    """What the columns that are compared for equality make of it; None when they leave many rows."""
    by_model: dict[ProjectClass, set[str]] = {}
    for cls, name in equal:
        by_model.setdefault(cls, set()).add(name)
    found: Matching | None = None
    for cls, names in by_model.items():
        model = models.of(cls)
        if model is None or not names <= model.columns.keys() | model.relationships.keys():
            return Matching.UNKNOWN
        is_selected = any(owner.cls == cls for owner in owners)
        if _is_one(models, model, names):
            if is_selected:
                return Matching.ONE
            if not any(_refers_to(owner, model) for owner in owners):
                return Matching.UNKNOWN  # a part of what is selected, or something in between
            continue
        references = [name for name in names if _is_reference(model, name)]
        if len(references) > 1 or any(_may_tell_apart(model, name) for name in names):
            found = Matching.KEY_LIKE
    return found


def _is_loosely_told(model: Model | None, name: str) -> bool:
    """Whether a column that is compared on one path, or in one half of an OR, may tell rows apart."""
    return model is None or name not in model.columns or _may_tell_apart(model, name)


def _is_reference(model: Model, name: str) -> bool:
    return name in model.relationships or bool(model.columns[name].foreign_key)


def _may_tell_apart(model: Model, name: str) -> bool:
    """Whether a column that refers to no parent may have a value of its own in every row."""
    return not _is_reference(model, name) and (is_of_one(name) or not is_flag(name, model.columns[name]))


def _is_one(models: Models, model: Model, names: set[str]) -> bool:
    """Whether a row is told by these columns: by a key, or by the parent of a relationship that is one to one."""
    if model.is_key(frozenset(names)):
        return True
    for name in names:
        if name in model.relationships:
            targets = [model.relationships[name].target]
        elif model.columns[name].foreign_key:
            targets = [relation.target for relation in model.relationships.values()]
        else:
            continue
        for target in targets:
            parent = models.of(target) if target is not None else None
            if parent is None or (name in model.columns and not _is_of(model.columns[name].foreign_key, parent)):
                continue
            if any(
                back.target == model.cls and back.is_collection is False and not _refers_to(parent, model)
                for back in parent.relationships.values()
            ):
                return True
    return False


def _refers_to(model: Model, other: Model) -> bool:
    return any(_is_of(column.foreign_key, other) for column in model.columns.values())


def _is_of(foreign_key: str, model: Model) -> bool:
    table = foreign_key.split(".")[-2] if foreign_key.count(".") else ""
    return bool(table) and (table == model.table or table.replace("_", "").lower() == model.name.lower())
