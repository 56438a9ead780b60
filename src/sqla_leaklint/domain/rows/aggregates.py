"""Figures that Python reckons of all the rows of a load, whatever else is done with them: SQL has aggregates.

    sum(order.total for order in orders)                             # SUM of `total`
    for order in orders:                                             # COUNT by `status`, SUM of `total`
        by_status[order.status] = by_status.get(order.status, 0) + 1
        total += order.total

What is reckoned is a plain column, perhaps where plain columns pass a test, and a loop reckons and does nothing
besides: a loop that works through the rows has them for a reason, and its figures for nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum

from sqla_leaklint.domain.mapped.models import Model
from sqla_leaklint.domain.rows.filtering import figure_of
from sqla_leaklint.domain.rows.holders import is_same
from sqla_leaklint.domain.rows.local_places import bindings, is_number
from sqla_leaklint.domain.rows.queries import Load, function_text
from sqla_leaklint.domain.rows.row_tests import RowTests
from sqla_leaklint.domain.rows.truth import called_path
from sqla_leaklint.domain.rows.usage import Deal, FunctionText
from sqla_leaklint.semantic.scope import names_in
from sqla_leaklint.syntax import tree
from sqla_leaklint.syntax.walk import walk

_PURE = (
    *(f"builtins.{name}" for name in ("abs", "bool", "float", "int", "len", "max", "min", "round", "str")),
    *("datetime.", "decimal."),
)


class Figure(Enum):
    SUM = "sum"
    MIN = "min"
    MAX = "max"
    COUNT = "count"


@dataclass(frozen=True, slots=True)
class Aggregate:
    """One figure: of which column, or by which (`COUNT`); `node` is the loop, comprehension or call that reckons it."""

    figure: Figure
    column: str
    node: tree.Node


def aggregates(load: Load) -> tuple[Aggregate, ...]:
    """The figures that are reckoned of all the entities of a load, in the order of the text; none where some entity is
    changed, which Python needs them for.
    """
    model = load.entity
    if model is None or load.usage.of(Deal.WRITTEN):
        return ()
    reader = _Reader(load, model)
    return tuple(reader.read())


class _Reader:
    def __init__(self, load: Load, model: Model) -> None:
        self._load = load
        self._model = model
        self._domain = load.domain
        self._text: FunctionText = function_text(load.domain, load.body)
        self._made = bindings(self._text)

    def read(self) -> Iterator[Aggregate]:
        terms = self._domain.module.executor.terms
        for expr in self._text.expressions:
            term = terms.get(expr)
            if term is None or not is_same(self._load.term, term):
                continue
            loop = self._text.parents.get(expr)
            if isinstance(loop, tree.CompFor) and expr is loop.iter and not loop.is_async:
                yield from self._comprehension(loop)
            elif isinstance(loop, tree.For) and expr is loop.iter and isinstance(loop.target, tree.Name):
                yield from self._loop(loop, loop.target.id)

    # --- comprehensions ---

    def _comprehension(self, loop: tree.CompFor) -> Iterator[Aggregate]:
        made = self._text.parents.get(loop)
        if not isinstance(made, tree.Comprehension) or len(made.generators) != 1 or len(made.elements) != 1:
            return
        if not isinstance(loop.target, tree.Name):
            return
        tests = RowTests(self._load, self._model, loop.target.id, frozenset())
        if any(tests.columns(each) is None for each in loop.ifs):
            return
        (element,) = made.elements
        argument = self._text.parents.get(made)
        call = self._text.parents.get(argument) if argument is not None else None
        figure = figure_of(self._domain, self._text, made)
        column = tests.reckoned(element)
        if figure and column is not None:
            yield Aggregate(Figure(figure), column, made)
        elif isinstance(call, tree.Call) and called_path(self._domain, call) == "collections.Counter":
            column = self._key(tests, element)
            if column is not None:
                yield Aggregate(Figure.COUNT, column, made)

    # --- loops ---

    def _loop(self, loop: tree.For, row: str) -> Iterator[Aggregate]:
        tests = RowTests(self._load, self._model, row, frozenset(names_in(loop.body).bound), _aliases(loop, row))
        found = list(self._block(loop, tests, loop.body, is_plain=True))
        if None not in found:
            yield from (each for each in found if isinstance(each, Aggregate))

    def _block(
        self, loop: tree.For, tests: RowTests, block: tree.Block, *, is_plain: bool
    ) -> Iterator[Aggregate | None]:
        """The figures that some statements reckon; None for a statement that does anything but reckon.

        `is_plain`: all tests on the way are the database's; what is reckoned behind others is Python's.
        """
        for stmt in block:
            found: Aggregate | None = None
            match stmt:
                case tree.If(test=test):
                    if not self._is_pure(tests, test):
                        yield None
                    below = (*stmt.body, *stmt.orelse)
                    yield from self._block(loop, tests, below, is_plain=is_plain and self._is_known(tests, test))
                    is_plain = is_plain and self._leaves_all(tests, stmt)
                case tree.Continue() | tree.Pass():
                    pass
                case _ if not self._is_pure(tests, stmt):
                    yield None
                case tree.AugAssign(target=tree.Name(id=name), operator="+=", value=value) if self._is_number(name):
                    found = self._figure(loop, Figure.SUM, tests.reckoned(value))
                case tree.AugAssign(target=tree.Subscript() as place, operator="+=", value=value):
                    found = self._counted(loop, tests, place, value)
                case tree.Assign(
                    targets=(tree.Subscript() as place,),
                    value=tree.Operation(kind="binary:+", operands=(before, tree.Expr() as value)),
                ) if self._is_old(tests, place, before):
                    found = self._counted(loop, tests, place, value)
                case (
                    tree.Assign(targets=(tree.Name(),))
                    | tree.Assign(targets=(tree.Subscript(),), value=tree.Constant())
                ):
                    pass
                case _:
                    yield None
            if found is not None and is_plain:
                yield found

    def _is_pure(self, tests: RowTests, node: tree.Node) -> bool:
        """Whether something only works on values of a row's columns: it neither keeps the row nor tells anybody."""
        parts = list(walk(node))
        read = {part.value for part in parts if isinstance(part, tree.Attribute)}
        for part in parts:
            match part:
                case tree.Name(id=name) if name == tests.row and part not in read:
                    return False
                case tree.Call() if not self._is_pure_call(tests, part):
                    return False
                case tree.Await() | tree.Lambda() | tree.Yield() | tree.NamedExpr():
                    return False
                case tree.Display() | tree.DictDisplay() | tree.Comprehension() if isinstance(node, tree.AugAssign):
                    return False  # a list that grows
                case _:
                    pass
        return True

    def _is_pure_call(self, tests: RowTests, call: tree.Call) -> bool:
        """Whether a call makes a value of values: of a number, a column's value or a local dictionary."""
        match call.func:
            case tree.Attribute(attr="get", value=tree.Name(id=name)) if name in self._made:
                return True
            case tree.Attribute(value=tree.Operation()):
                return True
            case tree.Attribute(value=base) if tests.reckoned(base) is not None:
                return True
            case _:
                return called_path(self._domain, call).startswith(_PURE)

    def _counted(self, loop: tree.For, tests: RowTests, place: tree.Subscript, value: tree.Expr) -> Aggregate | None:
        """`place[row.column] += 1`, or a column in the place of the 1."""
        key = self._keys(tests, place)
        if key is None:
            return None
        if isinstance(value, tree.Constant):
            return Aggregate(Figure.COUNT, key, loop) if value.value == 1 else None
        return self._figure(loop, Figure.SUM, tests.reckoned(value))

    def _figure(self, loop: tree.For, figure: Figure, column: str | None) -> Aggregate | None:
        return Aggregate(figure, column, loop) if column is not None else None

    def _keys(self, tests: RowTests, place: tree.Subscript) -> str | None:
        """The column by which an item of a local dictionary is found."""
        is_local = isinstance(place.value, tree.Name) and place.value.id in self._made
        return self._key(tests, place.index[0]) if is_local and len(place.index) == 1 else None

    def _key(self, tests: RowTests, expr: tree.Expr) -> str | None:
        """The column that a key is: itself, what stands for NULL, or the value of an enum."""
        if isinstance(expr, tree.Attribute) and expr.attr in {"value", "name"}:
            found = tests.reckoned(expr.value)
            if found is not None:
                return found
        return tests.reckoned(expr)

    def _is_old(self, tests: RowTests, place: tree.Subscript, before: tree.Node) -> bool:
        """Whether `place.get(key, 0)`, or `place[key]`, is what an item was before."""
        assert isinstance(place.value, tree.Name)
        match before:
            case tree.Call(
                func=tree.Attribute(value=tree.Name(id=name), attr="get"), args=(key, tree.Argument(value=start))
            ):
                is_same_item = self._key(tests, key.value) == self._keys(tests, place)
                return name == place.value.id and is_same_item and isinstance(start, tree.Constant | tree.Call)
            case tree.Subscript(value=tree.Name(id=name)):
                return name == place.value.id and self._keys(tests, before) == self._keys(tests, place)
            case _:
                return False

    def _is_known(self, tests: RowTests, test: tree.Expr) -> bool:
        """Whether a test is one that the database can do, or needs not do."""
        return tests.columns(test) is not None or self._asks_for_key(tests, test)

    def _leaves_all(self, tests: RowTests, stmt: tree.If) -> bool:
        """Whether what follows gets all rows, or those that tests of the database let through."""
        below = list(walk(stmt))
        if not any(isinstance(node, tree.Continue) for node in below):
            return True
        return all(self._is_known(tests, node.test) for node in below if isinstance(node, tree.If))

    def _asks_for_key(self, tests: RowTests, test: tree.Expr) -> bool:
        """Whether a test is `row.column not in place`."""
        match test:
            case tree.Compare(left=left, comparisons=(("in" | "not in", tree.Name(id=name)),)):
                return name in self._made and self._key(tests, left) is not None
            case _:
                return False

    def _is_number(self, name: str) -> bool:
        """Whether what is added to began as a number: texts are added up as well."""
        made = self._made.get(name)
        if isinstance(made, tree.Call):
            return called_path(self._domain, made) in {"decimal.Decimal", "builtins.int", "builtins.float"}
        return made is not None and is_number(made)


def _aliases(loop: tree.For, row: str) -> dict[str, str]:
    """The names that a loop binds once, to an attribute of its row, before anything else."""
    found: dict[str, str] = {}
    for stmt in loop.body:
        match stmt:
            case tree.Assign(
                targets=(tree.Name(id=name),), value=tree.Attribute(value=tree.Name(id=base), attr=column)
            ):
                if base == row and _times_bound(loop, name) == 1:
                    found[name] = column
            case _:
                pass
    return found


def _times_bound(loop: tree.For, name: str) -> int:
    """How often the body of a loop binds a name."""
    bound = 0
    for stmt in loop.body:
        for node in walk(stmt):
            match node:
                case tree.Assign(targets=targets):
                    bound += sum(isinstance(each, tree.Name) and each.id == name for each in targets)
                case tree.AugAssign(target=tree.Name(id=other)) | tree.NamedExpr(target=tree.Name(id=other)):
                    bound += other == name
                case _:
                    pass
    return bound
