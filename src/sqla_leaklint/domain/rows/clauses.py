"""What statements and clauses name: classes, columns, and what these are compared with."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from sqla_leaklint.domain.values import (
    Clause,
    Conditional,
    Literal,
    ModelAttribute,
    ProjectClass,
    Statement,
    Symbol,
    Value,
    alternatives,
)
from sqla_leaklint.knowledge.facts import Role
from sqla_leaklint.knowledge.sqlalchemy import COMPOUND_SELECT
from sqla_leaklint.knowledge.sqlalchemy_parts import CASTS, COARSE_TYPES, PARTS

ALL_OF = frozenset({"sqlalchemy.and_", "sqlmodel.and_", "&"})
ANY_OF = frozenset({"sqlalchemy.or_", "sqlmodel.or_", "|"})
WEAK_METHODS = frozenset(
    [
        "between",
        "like",
        "ilike",
        "notlike",
        "not_like",
        "notilike",
        "not_ilike",
        "contains",
        "icontains",
        "startswith",
        "istartswith",
        "endswith",
        "iendswith",
        "match",
        "regexp_match",
        "is_",
        "is_not",
        "isnot",
        "is_distinct_from",
        "not_in",
        "notin",
        "notin_",
        "op",
    ]
)
"""Methods of columns that let a part of the table through, which grows with it."""
EQUALITY = frozenset({"==", "is", "__eq__"})
ORDERINGS = frozenset({"!=", "<", "<=", ">", ">="})
NEGATIONS = frozenset({"sqlalchemy.not_", "sqlmodel.not_", "~"})
_ASKS_FOR_TRUTH = EQUALITY | {"!=", "is_", "is_not", "isnot"}
_TRUTHS = frozenset({"sqlalchemy.true", "sqlalchemy.false", "sqlalchemy.null"})


def is_select(statement: Statement) -> bool:
    """Whether a statement is a plain SELECT: no text, no UNION, no write with RETURNING."""
    return statement.type.rpartition(".")[2] in {"Select", "SelectOfScalar"}


def only_entity(statement: Statement) -> ProjectClass | None:
    """The class whose entities are all that a statement brings; a UNION of them brings their columns."""
    if len(statement.projections) != 1 or statement.type == COMPOUND_SELECT:
        return None
    (projection,) = statement.projections
    return projection if isinstance(projection, ProjectClass) else None


def selected(statement: Statement) -> Iterator[ProjectClass]:
    """The classes of which a statement asks for entities or plain columns."""
    for projection in statement.projections:
        each = projection
        if isinstance(projection, Clause) and projection.operator == "label":
            each = projection.operands[0]
        if isinstance(each, ProjectClass | ModelAttribute):
            yield each if isinstance(each, ProjectClass) else each.model


def models_in(values: Iterable[Value]) -> Iterator[ProjectClass]:
    """The classes whose attributes clauses name; what a subquery or an EXISTS names is its own affair."""
    for value in values:
        for each in alternatives(value):
            if isinstance(each, ModelAttribute):
                yield each.model
            elif isinstance(each, Clause) and each.operator not in {"any", "has"}:
                yield from models_in(each.operands)


def compares_with(value: Value, wanted: Value) -> bool:
    """Whether a clause has something among its operands, however deep."""
    if isinstance(value, Clause):
        return any(each == wanted or compares_with(each, wanted) for each in value.operands)
    return False


def column_in(value: Value, depth: int = 0) -> ModelAttribute | None:
    """The column that a clause is about: of `func.lower(User.email)`, of `col(User.id).desc()`."""
    for each in alternatives(value):
        if isinstance(each, ModelAttribute):
            return each
        if isinstance(each, Clause) and depth < 4 and each.operands and each.operator not in ALL_OF | ANY_OF:
            found = column_in(each.operands[0], depth + 1)
            if found is not None:
                return found
    return None


def column_of_part(value: Value, depth: int = 0) -> ModelAttribute | None:
    """The column of whose values a clause takes a part, that many rows have in common: of `extract("year", User.born)`,
    of `cast(User.born, Date)`.
    """
    for each in alternatives(value):
        if isinstance(each, Clause) and depth < 4:
            below = (column_of_part(operand, depth + 1) for operand in each.operands)
            if _takes_part(each):
                below = (column_in(operand) for operand in each.operands)
            found = next((column for column in below if column is not None), None)
            if found is not None:
                return found
    return None


def flags_asked(statement: Statement) -> Iterator[str]:
    """The columns of which the filters of a statement ask whether they are true, or there at all: `User.deleted_at` of
    `User.deleted_at.is_(None)`, `User.active` of `filter_by(active=True)`.
    """
    for step in statement.steps:
        if step.role is Role.FILTERS:
            yield from (name for name, value in step.keywords if _is_truth(value))
            for each in step.args:
                yield from _flags_in(each)


def _flags_in(value: Value) -> Iterator[str]:
    match value:
        case Conditional():
            yield from _flags_in(value.value)
        case ModelAttribute():
            yield value.name
        case Clause(operator=operator, operands=operands) if operator in ALL_OF | NEGATIONS:
            for each in operands:
                yield from _flags_in(each)
        case Clause(operator=operator, operands=(ModelAttribute() as column, other)) if operator in _ASKS_FOR_TRUTH:
            if _is_truth(other):
                yield column.name
        case _:
            pass


def _is_truth(value: Value) -> bool:
    is_constant = isinstance(value, Literal) and (value.value is None or isinstance(value.value, bool))
    return is_constant or (isinstance(value, Clause) and value.operator in _TRUTHS)


def _takes_part(clause: Clause) -> bool:
    name = clause.operator.rpartition(".")[2].lower()
    if name in CASTS:
        return any(
            isinstance(each, Symbol) and each.path.rpartition(".")[2] in COARSE_TYPES for each in clause.operands
        )
    return name in PARTS and name != clause.operator.lower()
