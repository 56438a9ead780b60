"""Whether the rows of a load grow without end, for all that is in its statement.

What bounds a statement is known (`domain.bounds`).  One of the bounds is none here: what belongs to a tenant, a user or
another owner is a part of the table, and still all that the owner ever made.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from sqla_leaklint.domain.mapped.column_names import OF_PARENT, is_flag
from sqla_leaklint.domain.rows.bounds import Bound, Reader
from sqla_leaklint.domain.rows.queries import Load
from sqla_leaklint.domain.values import Clause, Value, alternatives

_TENANTS = "tenant org organi[sz]ation company workspace store shop project team merchant site vendor"
_PERSONS = "account user customer client owner author member device"
_OF_TENANT, _OF_OWNER = (
    re.compile(rf"(?:^|_)(?:{'|'.join(words.split())})s?_(?:id|uuid|guid|pk|key)$")
    for words in (_TENANTS, f"{_TENANTS} {_PERSONS}")
)
_OF_PERSON = re.compile(rf"(?:^|_)(?:{'|'.join(_PERSONS.split())})s?_(?:id|uuid|guid|pk|key)$")
_OF_PARENTS = frozenset({"any", "has"})


def grows(load: Load, *, of_person: bool = True) -> bool:
    """Whether nothing keeps the rows few: no page, key or list, no parent but a tenant or (`of_person`) a person."""
    bound = load.bound
    if bound in {Bound.NONE, Bound.WEAK}:
        return True
    scopes = _scopes(load) if bound is Bound.SCOPED else []
    owners = _OF_OWNER if of_person else _OF_TENANT
    return any(owners.search(name) for name, _ in scopes) and all(_OF_OWNER.search(name) for name, _ in scopes)


def grows_for_a_look(load: Load) -> bool:
    """Whether the rows are many for who looks for one of them: those of a person are few, and so are those of a parent
    that the model refers to; what a model with times in it has under one value of a column of its own goes on growing.
    """
    if grows(load, of_person=False):
        return True
    scopes = _scopes(load) if load.bound is Bound.SCOPED else []
    model = load.model
    return (
        bool(scopes)
        and model is not None
        and any(column.is_temporal for column in model.columns.values())
        and not any(is_reference or _OF_PERSON.search(name) for name, is_reference in scopes)
    )


def _scopes(load: Load) -> list[tuple[str, bool]]:
    """The columns whose equality makes the rows those of somebody, and whether each refers to a parent; none where the
    statement asks something else of parents.
    """
    statement = load.statement
    if statement is None or any(step.name == "with_parent" for step in statement.steps):
        return []
    if any(_asks_of_parents(step.args) for step in statement.steps):
        return []
    reader = Reader(load.domain.evaluator, statement)
    reader.read()
    scopes = []
    for cls, name in reader.equal:
        model = reader.models.of(cls)
        column = model.columns.get(name) if model is not None else None
        if not is_flag(name, column) or OF_PARENT.search(name):
            scopes.append((name, column is None or bool(column.foreign_key)))
    return scopes


def _asks_of_parents(values: Iterable[Value]) -> bool:
    """Whether clauses ask something of related rows."""
    return any(
        isinstance(each, Clause) and (each.operator in _OF_PARENTS or _asks_of_parents(each.operands))
        for value in values
        for each in alternatives(value)
    )
