"""Appending to a statement where it is built or executed."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from sqla_leaklint.fixes.pending import TextEdit
from sqla_leaklint.syntax import tree

if TYPE_CHECKING:
    from sqla_leaklint.syntax.spans import SourceMap

_ALL = re.compile(r"\s*\.\s*all\(\s*\)\Z")


def can_be_extended(expr: tree.Expr) -> bool:
    """Whether `.step(…)` can be written right after an expression."""
    return isinstance(expr, tree.Name | tree.Attribute | tree.Call | tree.Subscript)


def append_step(source: SourceMap, expr: tree.Expr, step: str) -> TextEdit:
    """Write a step right after a statement."""
    end = source.offsets(expr)[1]
    return TextEdit(end, end, step)


def drop_all(source: SourceMap, call: tree.Call) -> TextEdit | None:
    """Take `.all()` away from the end of a call; None when it is written in some other way."""
    assert isinstance(call.func, tree.Attribute)
    start, end = source.offsets(call.func.value)[1], source.offsets(call)[1]
    found = _ALL.search(source.text, start, end)
    return TextEdit(found.start(), end, "") if found is not None else None
