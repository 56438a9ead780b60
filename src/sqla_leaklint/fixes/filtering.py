"""Moves a test of rows from a comprehension into the query; only shown, for what is NULL is another thing in SQL."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from sqla_leaklint.diagnostics import Applicability
from sqla_leaklint.domain.mapped.column_names import is_flag
from sqla_leaklint.fixes.limiting import place_of_statement
from sqla_leaklint.fixes.pending import PendingFix, TextEdit
from sqla_leaklint.fixes.statements import append_step, can_be_extended
from sqla_leaklint.syntax import tree

if TYPE_CHECKING:
    from sqla_leaklint.domain.mapped.models import Model
    from sqla_leaklint.domain.rows.filtering import NarrowedLoad
    from sqla_leaklint.syntax.spans import SourceMap


def filter_rows(narrowed: NarrowedLoad) -> PendingFix | None:
    """Write the tests as clauses; None where one of them is more than comparisons that hold together."""
    load, node = narrowed.load, narrowed.node
    place, root = place_of_statement(load), load.own_root
    if not isinstance(node, tree.Comprehension) or place is None or root is None or not can_be_extended(place):
        return None
    tests = [each for test in narrowed.tests for each in _together(test)]
    model = root.args[0].value
    first = node.generators[0]

    def render(source: SourceMap) -> Sequence[TextEdit]:
        clauses = [_clause(narrowed, test, source, source.text[slice(*source.offsets(model))]) for test in tests]
        if None in clauses:
            return ()
        step = f".{'filter' if load.is_legacy else 'where'}({', '.join(filter(None, clauses))})"
        end = cut = source.offsets(first.iter)[1]
        for test in narrowed.tests:
            start, until = source.offsets(test)
            if source.text[cut:start].strip() != "if":
                return ()  # a parenthesis or a comment
            cut = until
        return (append_step(source, place, step), TextEdit(end, cut, ""))

    return PendingFix(Applicability.DISPLAY, "let the database choose", render)


def _together(test: tree.Expr) -> list[tree.Expr]:
    if isinstance(test, tree.BoolOp) and test.operator == "and":
        return [*_together(test.left), *_together(test.right)]
    return [test]


def _clause(narrowed: NarrowedLoad, test: tree.Expr, source: SourceMap, model: str) -> str | None:
    """One comparison as SQL, with what is NULL kept where Python keeps it."""

    def written(expr: tree.Expr) -> str:
        if isinstance(expr, tree.Attribute) and isinstance(expr.value, tree.Name) and expr.value.id == narrowed.row:
            return f"{model}.{expr.attr}"
        return source.text[slice(*source.offsets(expr))]

    entity = narrowed.load.entity
    match test:
        case tree.Compare(left=left, comparisons=((operator, right),)):
            is_of_row = written(left) != source.text[slice(*source.offsets(left))]
            if operator in {"==", "<", "<=", ">", ">="}:
                return f"{written(left)} {operator} {written(right)}"
            if not is_of_row:
                return None
            method = {"!=": "is_distinct_from", "in": "in_", "is": "is_", "is not": "is_not"}.get(operator)
            values = f"[{written(right).strip('()[]{} ')}]" if isinstance(right, tree.Display) else written(right)
            return f"{written(left)}.{method}({values})" if method is not None else None
        case tree.Not(value=tree.Attribute(attr=name) as value) if _is_boolean(entity, name):
            return f"{written(value)}.is_not(True)"
        case tree.Attribute(attr=name) if _is_boolean(entity, name):
            return f"{written(test)}.is_(True)"
        case _:
            return None


def _is_boolean(entity: Model | None, name: str) -> bool:
    column = entity.columns.get(name) if entity is not None else None
    return column is not None and (column.type.endswith(".Boolean") or (not column.type and is_flag(name, column)))
