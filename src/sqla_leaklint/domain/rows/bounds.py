"""How many rows a statement can bring: what bounds it, from its steps and the keys of its models.

A bound is looked for step by step; the strongest wins.  A clause that cannot be read may bound the statement, so it
counts as
`UNKNOWN`, of which no rule speaks.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from enum import IntEnum
from typing import TYPE_CHECKING

from sqla_leaklint.domain.linking.displays import OF_PARAMETER
from sqla_leaklint.domain.linking.merging import is_certain, ways_of
from sqla_leaklint.domain.mapped.column_names import OF_PARENT, is_flag
from sqla_leaklint.domain.mapped.models import Models, models_of
from sqla_leaklint.domain.rows.arms import Combination, combination_of, of_the_whole
from sqla_leaklint.domain.rows.clauses import (
    ALL_OF,
    ANY_OF,
    EQUALITY,
    NEGATIONS,
    ORDERINGS,
    WEAK_METHODS,
    column_in,
    column_of_part,
    compares_with,
    is_select,
    selected,
)
from sqla_leaklint.domain.values import (
    Clause,
    Conditional,
    Literal,
    ModelAttribute,
    ProjectClass,
    Rows,
    Statement,
    StepTaken,
    Symbol,
    Unknown,
    Value,
    alternatives,
)
from sqla_leaklint.knowledge.facts import Fetch, Kind, Role

if TYPE_CHECKING:
    from sqla_leaklint.domain.evaluation import Evaluator


class Bound(IntEnum):
    """What keeps the number of rows small, weakest first."""

    NONE = 0
    """Every row of the table."""
    WEAK = 1
    """A flag, a range, a pattern: a part of the table that grows with it."""
    UNKNOWN = 2
    """Something that cannot be read, and that may bound it."""
    SCOPED = 3
    """The rows of one parent or owner: a foreign key or a variable is compared for equality."""
    GROUPED = 4
    """Groups, distinct values or aggregates."""
    LISTED = 5
    """`IN` a list."""
    LIMITED = 6
    KEYED = 7
    """A primary key or unique columns."""


_UNCONDITIONAL = frozenset({Bound.UNKNOWN, Bound.LISTED})


def _on_some_paths(strongest: Bound, given: Iterable[Value]) -> Bound:
    """What is left of a bound that is not there on every path: who leaves the argument out gets every row; what belongs
    to the object or the user is not left out at will.
    """
    if strongest in _UNCONDITIONAL or any(compares_with(each, OF_PARAMETER) for each in given):
        return strongest
    return min(strongest, Bound.WEAK)


def bound(evaluator: Evaluator, rows: Rows) -> Bound:
    """What bounds the rows that a consumer brings; `UNKNOWN` when the statement is not known whole."""
    if rows.statement is None:
        return Bound.UNKNOWN
    if rows.consumer.fetch is Fetch.SOME_ROWS or rows.consumer.is_bounded:
        return Bound.LIMITED
    return statement_bound(evaluator, rows.statement)


def statement_bound(evaluator: Evaluator, statement: Statement) -> Bound:
    """What bounds a statement."""
    return Reader(evaluator, statement).read()


class Reader:
    """Reads the steps of a statement.  After `read`, `equal` are the columns compared for equality on every path, by
    model, `compared` those on some path or in one half of an OR; `has_unread`: a condition could not be read.
    """

    def __init__(self, evaluator: Evaluator, statement: Statement) -> None:
        self.evaluator = evaluator
        self.models: Models = models_of(evaluator)
        self.statement = statement
        self.equal: set[tuple[ProjectClass, str]] = set()
        self.compared: set[tuple[ProjectClass, str]] = set()
        self.has_unread = False

    def read(self) -> Bound:
        statement = self.statement
        if not statement.is_whole or all(isinstance(each, Unknown) for each in statement.projections):
            return Bound.UNKNOWN
        combination = combination_of(statement)
        if combination is not None:
            return max(self._of_arms(combination), *map(self._step, combination.steps), Bound.NONE)
        if not self.evaluator.knowledge.is_a(statement.type, Kind.LEGACY_QUERY) and not is_select(statement):
            return Bound.UNKNOWN
        found = [self._step(step) for step in statement.steps]
        if self._sums_up(statement.projections):
            found.append(Bound.GROUPED)
        strongest = max(found, default=Bound.NONE)
        if self._is_keyed():
            return Bound.KEYED
        return strongest

    def _of_arms(self, combination: Combination) -> Bound:
        """What bounds a UNION: what bounds every arm.  Several rows by their keys are a list of them."""
        found = of_the_whole(combination, lambda arm: statement_bound(self.evaluator, arm), Bound.UNKNOWN)
        return Bound.LISTED if found is Bound.KEYED else found

    def _is_keyed(self) -> bool:
        ways = ways_of(self.statement)
        if ways:
            return all(statement_bound(self.evaluator, each) is Bound.KEYED for each in ways)
        for cls in list(selected(self.statement))[:1]:
            model = self.models.of(cls)
            if model is not None and model.is_key(frozenset(name for owner, name in self.equal if owner == cls)):
                return not any(step.role is Role.JOINS for step in self.statement.steps)
        return False

    def _sums_up(self, projections: tuple[Value, ...]) -> bool:
        """Whether one row comes: of aggregates, and of what is the same in every row (`literal("orders")`)."""
        aggregates = [self._is_aggregate(each) for each in projections]
        others = (each for each, is_one in zip(projections, aggregates, strict=True) if not is_one)
        return not projections or (any(aggregates) and all(map(_is_constant, others)))

    def _is_aggregate(self, value: Value) -> bool:
        if isinstance(value, Clause):
            if self.evaluator.knowledge.aggregate(value.operator) is not None:
                return True
            return bool(value.operands) and self._is_aggregate(value.operands[0])
        return False

    def _step(self, step: StepTaken) -> Bound:
        match step.role:
            case Role.BOUNDS:
                # `limit(None)` bounds nothing; a limit on some paths only is taken for one.
                return Bound.NONE if step.args == (Literal(None),) else Bound.LIMITED
            case Role.FILTERS:
                return self._filter(step)
            case Role.GROUPS:
                return Bound.GROUPED
            case Role.DISTINCT:
                is_whole = any(isinstance(each, ProjectClass) for each in self.statement.projections)
                return Bound.NONE if is_whole and not step.args else Bound.GROUPED
            case Role.LOCKS | Role.COMBINES | Role.RETURNING | Role.WRITES:
                return Bound.UNKNOWN
            case Role.SOURCES:
                return Bound.NONE if all(isinstance(each, ProjectClass) for each in step.args) else Bound.UNKNOWN
            case Role.JOINS:
                return self._join(step)
            case None:
                return Bound.UNKNOWN
            case _:
                return Bound.NONE

    def _join(self, step: StepTaken) -> Bound:
        """A join to a table brings no fewer rows of it; one to a subquery may."""
        first = step.args[0] if step.args else None
        for each in alternatives(first) if first is not None else ():
            target = each.operands[0] if isinstance(each, Clause) and each.operands else each
            if not isinstance(target, ProjectClass | ModelAttribute):
                return Bound.UNKNOWN
        conditions = [self._clause(each, is_kept=not step.is_conditional) for each in step.args[1:]]
        return Bound.SCOPED if Bound.SCOPED in conditions else Bound.NONE

    # --- filters ---

    def _filter(self, step: StepTaken) -> Bound:
        found = [self._clause(each, is_kept=not step.is_conditional) for each in step.args]
        found.extend(self._keyword(name, value, step) for name, value in step.keywords)
        if step.name == "with_parent":
            return Bound.SCOPED
        if step.name == "having":
            return Bound.NONE
        self.has_unread |= Bound.UNKNOWN in found
        strongest = max(found, default=Bound.NONE)
        return strongest if is_certain(step) else _on_some_paths(strongest, step.args)

    def _keyword(self, name: str, value: Value, step: StepTaken) -> Bound:
        """`filter_by(name=value)`: the columns of the first entity, or of what was joined last."""
        joined = [each for other in self.statement.steps if other.role is Role.JOINS for each in other.args[:1]]
        for each in (*reversed(joined), *self.statement.projections):
            if isinstance(each, ProjectClass):
                model = self.models.of(each)
                if model is not None and name in model.columns:
                    return self._equal(ModelAttribute(each, name), value, is_kept=not step.is_conditional)
        return Bound.UNKNOWN

    def _clause(self, value: Value, *, is_kept: bool) -> Bound:
        """What one clause of WHERE bounds; `is_kept`: it holds on every path, so that its columns may make up a key."""
        if isinstance(value, Conditional):
            return _on_some_paths(self._clause(value.value, is_kept=False), (value.value,))
        found = [self._alternative(each, is_kept=is_kept) for each in alternatives(value)]
        self.has_unread |= Bound.UNKNOWN in found
        return min(found, default=Bound.UNKNOWN)

    def _alternative(self, value: Value, *, is_kept: bool) -> Bound:
        match value:
            case Clause(operator=operator, operands=operands):
                if operator in ALL_OF:
                    return max(self._each(operands, is_kept=is_kept), default=Bound.NONE)
                if operator in ANY_OF:
                    given = [each.value if isinstance(each, Conditional) else each for each in operands]
                    weakest = min(self._each(given, is_kept=False), default=Bound.UNKNOWN)
                    is_sure = any(not isinstance(each, Conditional) for each in operands)
                    return weakest if is_sure else _on_some_paths(weakest, given)
                if operator in NEGATIONS or operator in ORDERINGS or operator in WEAK_METHODS:
                    return self._weak(operator, operands)
                if operator in EQUALITY:
                    return self._equal(operands[0], operands[-1], is_kept=is_kept)
                if operator == "in_":
                    return Bound.LISTED
                if operator in {"any", "has"}:
                    return Bound.SCOPED
                return Bound.UNKNOWN
            case ModelAttribute():
                return Bound.WEAK
            case Literal(value=bool() | None):
                return Bound.NONE
            case _:
                return Bound.UNKNOWN

    def _each(self, operands: Iterable[Value], *, is_kept: bool) -> Iterator[Bound]:
        return (self._clause(each, is_kept=is_kept) for each in operands)

    def _weak(self, operator: str, operands: tuple[Value, ...]) -> Bound:
        first = column_in(operands[0]) or column_of_part(operands[0]) if operands else None
        if first is None and operator not in NEGATIONS:
            return Bound.UNKNOWN
        if operator == "contains" and first is not None:
            model = self.models.of(first.model)
            if model is not None and first.name in model.relationships:
                return Bound.SCOPED
        return Bound.WEAK

    def _equal(self, left: Value, right: Value, *, is_kept: bool) -> Bound:
        if column_of_part(left) is not None or column_of_part(right) is not None:
            return Bound.WEAK
        column, other = column_in(left), right
        if column is None:
            column, other = column_in(right), left
        if column is None:
            return Bound.UNKNOWN
        if column_in(other) is not None:
            return Bound.NONE  # a join
        model = self.models.of(column.model)
        known = model.columns.get(column.name) if model is not None else None
        (self.equal if is_kept else self.compared).add((column.model, column.name))
        if model is not None and column.name in model.relationships:
            return Bound.SCOPED
        if isinstance(other, Literal) and (other.value is None or isinstance(other.value, bool)):
            return Bound.WEAK
        if known is not None and (known.is_primary_key or known.is_unique or known.foreign_key):
            return Bound.SCOPED
        if OF_PARENT.search(column.name):
            return Bound.SCOPED
        if isinstance(other, Literal | Symbol) or is_flag(column.name, known):
            return Bound.WEAK
        return Bound.SCOPED


def _is_constant(value: Value) -> bool:
    """Whether a part of a statement names no column."""
    return isinstance(value, Literal) or (isinstance(value, Clause) and all(map(_is_constant, value.operands)))
