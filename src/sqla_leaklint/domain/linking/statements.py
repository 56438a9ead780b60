"""Statements, results and rows: how one becomes the other, by the tables of steps and consumers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from sqla_leaklint.domain.linking.merging import merge, then
from sqla_leaklint.domain.values import (
    Awaitable,
    BoundMethod,
    Conditional,
    Entity,
    Generator,
    Literal,
    Many,
    ModelAttribute,
    OneOf,
    ProjectClass,
    ResultValue,
    Rows,
    Statement,
    StepTaken,
    Symbol,
    TupleValue,
    Unknown,
    Value,
    alternatives,
)
from sqla_leaklint.knowledge.facts import Consumer, Fetch, Kind, Role, Shape
from sqla_leaklint.knowledge.sqlalchemy import COMPOUND_SELECT, RESULT, SCALAR_RESULT

if TYPE_CHECKING:
    from sqla_leaklint.domain.evaluation import Evaluator

ITERATION = Consumer("", "list", Fetch.ALL_ROWS, Shape.LIST)
"""`list(result)`, `sorted(query)` …: every row, in a list."""

LOOP = Consumer("", "for", Fetch.ALL_ROWS, Shape.ITERATOR)
"""A loop over a result or query."""


def step(
    evaluator: Evaluator,
    receiver: Statement | ResultValue,
    name: str,
    args: tuple[Value, ...],
    keywords: tuple[tuple[str, Value], ...],
) -> Value:
    """A method of a statement or result: another statement, another result, or rows."""
    consumer = evaluator.knowledge.consumer(receiver.type, name)
    if consumer is not None:
        value = _consumed(receiver, consumer)
        return Awaitable(value) if consumer.is_async and consumer.shape is not Shape.ITERATOR else value
    row = evaluator.knowledge.step(receiver.type, name)
    taken = StepTaken(name, row.role if row is not None else None, args, keywords)
    if isinstance(receiver, ResultValue):
        if row is None:
            return Unknown(f"`{receiver.type}.{name}` is not in the tables")
        kind = receiver.type if row.returns == "self" else row.returns
        is_scalar = receiver.is_scalar or "ScalarResult" in kind
        return ResultValue(kind, receiver.statement, is_scalar, (*receiver.steps, taken), receiver.is_async)
    if row is None:
        method = evaluator.knowledge.method(receiver.type, name)
        return Unknown(f"`{receiver.type}.{name}` is not in the tables" if method is None else method.returns)
    projections = receiver.projections
    if row.role is Role.PROJECTS:
        projections = (*projections, *args) if name.startswith("add_") else args
    kind = receiver.type if row.returns == "self" else row.returns
    if not evaluator.knowledge.is_a(kind, Kind.STATEMENT) and not evaluator.knowledge.is_a(kind, Kind.LEGACY_QUERY):
        return Unknown(kind)
    return replace(then(receiver, *_each(taken)), type=kind, projections=projections)


def _each(taken: StepTaken) -> Iterator[StepTaken]:
    """A step, and one of its own for each condition that it is given on some paths only."""
    sure = tuple(each for each in taken.args if not isinstance(each, Conditional))
    if sure or len(sure) == len(taken.args):
        yield replace(taken, args=sure)
    for each in taken.args:
        if isinstance(each, Conditional):
            yield StepTaken(taken.name, taken.role, (each.value,), is_conditional=True)


def combined(name: str, arms: tuple[Value, ...]) -> Statement:
    """`union_all(a, b)`: its arms are what it asks for, its first step how they are put together."""
    return Statement(COMPOUND_SELECT, arms, (StepTaken(name, Role.COMBINES),))


_CONNECTIVES = frozenset({"sqlalchemy.and_", "sqlmodel.and_", "sqlalchemy.or_", "sqlmodel.or_"})


def takes_conditions(evaluator: Evaluator, function: Value) -> bool:
    """Whether a function puts conditions together, however many these are."""
    for each in alternatives(function):
        match each:
            case Symbol(path=path) if path in _CONNECTIVES:
                pass
            case BoundMethod(receiver=Statement(type=type_name), name=name):
                row = evaluator.knowledge.step(type_name, name)
                if row is None or row.role is not Role.FILTERS:
                    return False
            case _:
                return False
    return True


def executed(
    evaluator: Evaluator,
    type_name: str,
    name: str,
    args: tuple[Value, ...],
    keywords: tuple[tuple[str, Value], ...] = (),
) -> Value | None:
    """What a session's or connection's method makes of the statement that it is given; None when it takes none."""
    knowledge = evaluator.knowledge
    consumer = knowledge.consumer(type_name, name)
    method = knowledge.method(type_name, name)
    if consumer is None and method is None:
        return None
    if consumer is not None and consumer.takes_statement:
        statement = _statement(args)
        value = _rows(statement, consumer, (), is_scalar=True)
        return Awaitable(value) if consumer.is_async and consumer.shape is not Shape.ITERATOR else value
    assert method is not None or consumer is not None
    if method is None:
        return None
    kind = method.returns.split(" ")[-1]
    if name in {"get", "get_one"} and args:
        value = Entity(args[0]) if isinstance(args[0], ProjectClass) else Unknown("a row by its key")
        return Awaitable(value) if method.returns.startswith("await") else value
    if knowledge.is_a(kind, Kind.LEGACY_QUERY):
        return Statement(kind, args)
    if kind == "result":
        # SQLModel's `exec` unpacks the rows of a statement that asks for one thing.
        statement = _statement(args)
        kind = SCALAR_RESULT if statement is not None and len(statement.projections) == 1 else RESULT
    if not knowledge.is_a(kind, Kind.RESULT):
        return None
    given = dict(keywords).get("execution_options")
    options = (StepTaken("execution_options", Role.STREAMS, (), (("execution_options", given),)),) if given else ()
    is_async = method.returns.startswith("await")
    result = ResultValue(kind, _statement(args), "ScalarResult" in kind, options, is_async)
    return Awaitable(result) if is_async else result


def _statement(args: tuple[Value, ...]) -> Statement | None:
    if not args:
        return None
    given = [each for each in alternatives(args[0]) if each != Literal(None)]  # None cannot be sent
    return given[0] if len(given) == 1 and isinstance(given[0], Statement) else None


def _consumed(receiver: Statement | ResultValue, consumer: Consumer) -> Value:
    if isinstance(receiver, Statement):
        return _rows(receiver, consumer, (), is_scalar=len(receiver.projections) == 1)
    rows = _rows(receiver.statement, consumer, receiver.steps, is_scalar=receiver.is_scalar)
    return replace(rows, is_async=True) if receiver.is_async and isinstance(rows, Rows) else rows


def _rows(statement: Statement | None, consumer: Consumer, steps: tuple[StepTaken, ...], *, is_scalar: bool) -> Value:
    element = row_of(statement, is_scalar=is_scalar)
    if consumer.fetch in {Fetch.COUNT, Fetch.EXISTS}:
        return Unknown("a number")
    return Rows(statement, consumer, element, steps, consumer.is_async)


def row_of(statement: Statement | None, *, is_scalar: bool) -> Value:
    """One row of a statement: an entity, a column's value, or a tuple of them."""
    if statement is None:
        return Unknown("a row of a statement that is not known")
    parts = [_projected(each) for each in statement.projections]
    is_legacy_entity = statement.type.endswith("Query") and len(parts) == 1 and isinstance(parts[0], Entity)
    if is_scalar or is_legacy_entity:
        return parts[0] if parts else Unknown("a row")
    return TupleValue(tuple(parts))


def _projected(projection: Value) -> Value:
    match projection:
        case ProjectClass():
            return Entity(projection)
        case ModelAttribute():
            return Unknown(f"a value of `{projection.name}`")
        case _:
            return Unknown("a value")


def element(value: Statement | ResultValue) -> Value:
    """What a loop over a query or result binds."""
    if isinstance(value, ResultValue):
        return row_of(value.statement, is_scalar=value.is_scalar)
    return row_of(value, is_scalar=len(value.projections) == 1)


def listed(evaluator: Evaluator, value: Value) -> Value:
    """`list(value)` and its like."""
    match value:
        case Statement() | ResultValue():
            return _consumed(value, ITERATION)
        case Rows():
            return value
        case OneOf():
            return merge([listed(evaluator, each) for each in value.values])
        case Many() | Generator():
            return Many(value.element)
        case TupleValue():
            return Many(merge(list(value.elements))) if value.elements else Many(Unknown("empty"))
        case _:
            return Many(Unknown("listed"))


def of_rows(evaluator: Evaluator, receiver: Rows | Many, name: str) -> Value:
    """A method of rows that are in Python: a list's, or that of the one row that was fetched."""
    if isinstance(receiver, Many):
        return receiver.element if name == "pop" else Unknown(f"method `{name}`")
    if receiver.consumer.shape in {Shape.ROW, Shape.OPTIONAL_ROW}:
        return evaluator.attribute(receiver.element, name)
    return Unknown(f"method `{name}`")


def looped(evaluator: Evaluator, value: Value) -> Rows | None:
    """What a loop over a query or result brings; None for anything else."""
    if not isinstance(value, Statement | ResultValue):
        return None
    if isinstance(value, Statement) and not evaluator.knowledge.is_a(value.type, Kind.LEGACY_QUERY):
        return None
    streamed = evaluator.knowledge.consumer(value.type, "__aiter__")
    rows = _consumed(value, streamed or LOOP)
    return rows if isinstance(rows, Rows) else None


def subscripted(statement: Statement, *, is_slice: bool) -> Value:
    """`query[0]` and `query[10:20]`: the database sends only those."""
    bounded = then(statement, StepTaken("__getitem__", Role.BOUNDS))
    return bounded if is_slice else row_of(bounded, is_scalar=len(statement.projections) == 1)


__all__ = [
    "BoundMethod",
    "Literal",
    "Symbol",
    "element",
    "executed",
    "listed",
    "of_rows",
    "row_of",
    "step",
    "subscripted",
]
