"""What is written out: collections, items of them, and the comparisons that make clauses."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqla_leaklint.domain.linking import gathered, statements
from sqla_leaklint.domain.linking.merging import merge
from sqla_leaklint.domain.linking.short_circuit import operand_taken
from sqla_leaklint.domain.values import (
    Clause,
    Conditional,
    Literal,
    Many,
    ModelAttribute,
    ProjectClass,
    Rows,
    Statement,
    Symbol,
    TupleValue,
    Unknown,
    Value,
)
from sqla_leaklint.semantic import terms as t
from sqla_leaklint.semantic.terms import Term

if TYPE_CHECKING:
    from sqla_leaklint.domain.evaluation import Evaluator, Frame

_OPERATORS = {"binary:&": "&", "union": "|", "unary:~": "~"}
"""Python's operators between clauses, by the kind of collection that the executor keeps them in."""

OF_PARAMETER = Unknown("an attribute of what was passed")
"""`self.tenant_id`, `current_user.id`: what a column is compared with that the caller does not choose call by call."""


def joined(evaluator: Evaluator, term: t.Join, frame: Frame) -> Value:
    """One of several, by the path that was taken, or by the truth of the first of them."""
    values = [evaluator.of(each, frame) for each in term.terms]
    return operand_taken(term.operator, *values) if term.operator else merge(values)


def _is_of_parameter(term: Term) -> bool:
    while isinstance(term, t.Attr):
        if isinstance(term.base, t.Param):
            return True
        term = term.base
    return False


def item(evaluator: Evaluator, term: t.Item, frame: Frame) -> Value:
    value = evaluator.of(term.value, frame)
    match value, term.key:
        case (TupleValue(), t.Const(value=int() as index)) if -len(value.elements) <= index < len(value.elements):
            return value.elements[index]
        case (Rows() | Many(), t.Const(value=int())):
            return value.element
        case (Rows() | Many(), t.Collection(kind="slice")):
            return value
        case (Statement(), t.Const() | t.Collection(kind="slice")):
            return statements.subscripted(value, is_slice=isinstance(term.key, t.Collection))
        case (Symbol() | ProjectClass(), _):
            return value  # async_sessionmaker[AsyncSession](…), Repository[User](db)
        case _:
            return value if isinstance(value, Unknown) else Unknown("an item")


def collection(evaluator: Evaluator, term: t.Collection, frame: Frame) -> Value:
    if term.kind == "tuple":
        return TupleValue(tuple(evaluator.of(each, frame) for each in term.elements))
    if term.kind in {"list", "set"}:
        return (
            Many(merge([evaluator.of(each, frame) for each in term.elements]))
            if term.elements
            else Many(Unknown("empty"))
        )
    if term.kind == "unary:-":
        return _negative(evaluator.of(term.elements[0], frame))
    if term.kind in _OPERATORS:
        operands = tuple(evaluator.of(each, frame) for each in term.elements)
        if any(isinstance(each, ModelAttribute | Clause) for each in operands):
            return Clause(_OPERATORS[term.kind], operands)
    return Unknown(f"a {term.kind}")


def gathered_list(evaluator: Evaluator, term: t.Gathered, frame: Frame) -> Value:
    """A list that was added to, as one of its elements or another."""
    found = gathered.elements(evaluator, term, frame)
    if not found:
        return Many(Unknown("empty" if found is not None else "a list that is not known whole"))
    return Many(merge([each.value if isinstance(each, Conditional) else each for each in found]))


def _negative(value: Value) -> Value:
    match value:
        case Literal(value=int() | float() as number):
            return Literal(-number)
        case _:
            return Unknown("a negative")


def comparison(evaluator: Evaluator, term: t.Compare, frame: Frame) -> Value:
    """A clause, where a column is compared; what it is compared with is looked at only if that is a name or
    constant.
    """
    left = evaluator.of(term.left, frame)
    if isinstance(term.right, t.Const | t.Ref):
        right = evaluator.of(term.right, frame)
    else:
        right = OF_PARAMETER if _is_of_parameter(term.right) else Unknown("what a column is compared with")
    if isinstance(left, ModelAttribute | Clause) or isinstance(right, ModelAttribute | Clause):
        return Clause(term.operator, (left, right))
    return Unknown("a comparison")
