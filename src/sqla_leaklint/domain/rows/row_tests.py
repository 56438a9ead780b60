"""What Python asks of one row: tests and figures of plain columns, which the database can ask or reckon itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from sqla_leaklint.domain.mapped.columns import Column
from sqla_leaklint.domain.mapped.models import Model
from sqla_leaklint.domain.rows.truth import called_path
from sqla_leaklint.syntax import tree
from sqla_leaklint.syntax.walk import walk

if TYPE_CHECKING:
    from sqla_leaklint.domain.rows.queries import Load

_NUMBERS = frozenset({"builtins.float", "builtins.int", "decimal.Decimal"})
_COMPARING = frozenset({"==", "!=", "<", "<=", ">", ">=", "is", "is not"})
_CONTAINING = frozenset({"in", "not in"})
_UNFIT_TYPES = ("JSON", "JSONB", "ARRAY", "PickleType", "LargeBinary", "BYTEA", "Interval")


def is_comparable(column: Column) -> bool:
    """Whether the values of a column compare in SQL as they do in Python."""
    return not column.type.endswith(_UNFIT_TYPES)


class RowTests:
    """Reads what is asked of one row; `changed` are the names that the loop binds, `aliases` those that are columns."""

    def __init__(
        self, load: Load, model: Model, row: str, changed: frozenset[str], aliases: Mapping[str, str] | None = None
    ) -> None:
        self.row = row
        self._domain = load.domain
        self._model = model
        self._changed = changed | {row}
        self._aliases = aliases or {}

    def columns(self, test: tree.Expr) -> list[str] | None:
        """The columns that a test reads; None when it asks for anything else of the row, or of the loop."""
        match test:
            case tree.Not():
                return self.columns(test.value)
            case tree.BoolOp():
                left, right = self.columns(test.left), self.columns(test.right)
                return left + right if left is not None and right is not None else None
            case tree.Compare():
                return self._compared(test)
            case _:
                name = self._column(test)
                return [name] if name is not None else None

    def reckoned(self, value: tree.Expr) -> str | None:
        """The one column of which a value is made: itself, with something for NULL, as another number."""
        match value:
            case tree.BoolOp(operator="or", left=left, right=tree.Constant()):
                return self.reckoned(left)
            case tree.Call(args=(argument,)) if called_path(self._domain, value) in _NUMBERS:
                return self.reckoned(argument.value)
            case _:
                return self._column(value)

    def _compared(self, compare: tree.Compare) -> list[str] | None:
        found: list[str] = []
        left = compare.left
        for operator, right in compare.comparisons:
            name, other = self._column(left), self._column(right)
            if operator in _CONTAINING:
                if name is None or not self._is_known_before(right):
                    return None
            elif (
                operator not in _COMPARING
                or (name is None and other is None)
                or not all(self._column(each) or self._is_known_before(each) for each in (left, right))
            ):
                return None
            found += [each for each in (name, other) if each is not None]
            left = right
        return found

    def _column(self, expr: tree.Expr) -> str | None:
        match expr:
            case tree.Attribute(value=tree.Name(id=self.row), attr=name):
                return name if self._is_plain(name) else None
            case tree.Name(id=name) if name in self._aliases:
                return self._aliases[name] if self._is_plain(self._aliases[name]) else None
            case _:
                return None

    def _is_plain(self, name: str) -> bool:
        column = self._model.columns.get(name)
        return column is not None and is_comparable(column)

    def _is_known_before(self, expr: tree.Expr) -> bool:
        """Whether an expression has one value for all rows."""
        for node in walk(expr):
            if isinstance(node, tree.Name) and node.id in self._changed:
                return False
            if isinstance(node, tree.Await | tree.Lambda | tree.NamedExpr | tree.Comprehension):
                return False
        return True
