"""Puts a statement under `with` that opens something by its first call and goes on with that at once.

    return engine.connect().scalar(query)      →       with engine.connect() as connection:
                                                           return connection.scalar(query)

What is opened gets a name.  Nothing changes its turn: the call is the first thing that the statement does.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import takewhile

from sqla_leaklint.diagnostics import Applicability
from sqla_leaklint.fixes.lines import BLANK_OR_COMMENT, end_of, lines_between, unit_of
from sqla_leaklint.fixes.pending import PendingFix, TextEdit
from sqla_leaklint.flow.evaluation import operands_first, subexpressions
from sqla_leaklint.syntax import tree
from sqla_leaklint.syntax.spans import SourceMap
from sqla_leaklint.syntax.walk import walk


@dataclass(frozen=True, slots=True, eq=False)
class Chain:
    """A statement that begins with a call, and the name that is free for what the call gives."""

    stmt: tree.Stmt
    call: tree.Call
    name: str
    is_async: bool

    def as_fix(self, applicability: Applicability, message: str) -> PendingFix:
        return PendingFix(applicability, message, self._render)

    def _render(self, source_map: SourceMap) -> Sequence[TextEdit]:
        source_map.prepare((self.stmt, self.call))
        text, (start, end) = source_map.text, source_map.offsets(self.call)
        opening, keyword = text[start:end], "async with" if self.is_async else "with"
        header = f"{keyword} {opening} as {self.name}:"
        if "\n" in opening or "\r" in opening:
            return ()
        return _indented(self.stmt, header, (TextEdit(start, end, self.name),), source_map)


def chain(
    function: tree.Function,
    call: tree.Call,
    stmt: tree.Stmt | None,
    names: Sequence[str],
    *,
    is_async: bool = False,
) -> Chain | None:
    """The statement of a call, if the call is the first thing that it does and one of the names is free."""
    match stmt:
        case tree.Assign() | tree.ExprStmt():
            value: tree.Expr | None = stmt.value
        case tree.AnnAssign() | tree.Return():
            value = stmt.value
        case tree.For(is_async=False):
            value = stmt.iter
        case _:
            return None
    if value is None or not _begins_with(value, call, is_async=is_async):
        return None
    taken = {node.id for node in walk(function) if isinstance(node, tree.Name)}
    taken.update(parameter.name for parameter in function.params)
    name = next((name for name in names if name not in taken), None)
    return Chain(stmt, call, name, is_async) if name is not None else None


def _begins_with(value: tree.Expr, call: tree.Call, *, is_async: bool) -> bool:
    """Whether a call is what the value has evaluated first, once and in any case."""
    unwanted = _UNWANTED if is_async else (*_UNWANTED, tree.Await)
    inside = set(subexpressions(call))
    for expr in subexpressions(value, outside={call}):
        if isinstance(expr, tree.Comprehension) and call not in set(subexpressions(expr.generators[0].iter)):
            return False
        if isinstance(expr, unwanted):
            return False
    before = takewhile(lambda expr: expr is not call, operands_first(value))
    return all(isinstance(expr, tree.Name | tree.Constant) for expr in before if expr not in inside)


_UNWANTED = (tree.BoolOp, tree.Conditional, tree.Lambda, tree.Yield, tree.NamedExpr)


def _indented(stmt: tree.Stmt, header: str, changes: Sequence[TextEdit], source_map: SourceMap) -> Sequence[TextEdit]:
    """The edit that puts a whole statement below a header, with changes in its text."""
    text = source_map.text
    start, end = source_map.offsets(stmt)[0], end_of(stmt, source_map)
    first, *lines = lines_between(text, source_map.line_start(start), end)
    indentation = text[first.start : start]
    if indentation.strip() or not BLANK_OR_COMMENT.fullmatch(text, end, source_map.line_end(end)):
        return ()
    unit = unit_of(text, indentation)
    strings = source_map.multiline_strings()
    moved = [
        TextEdit(line.start, line.start, unit)
        for line in lines
        if text[line.start : line.end].strip() and not any(begin < line.start < until for begin, until in strings)
    ]
    content = text[start:end]
    for change in sorted((*moved, *changes), reverse=True):
        content = content[: change.start - start] + change.content + content[change.end - start :]
    newline = text[first.end : first.next] or "\n"
    return (TextEdit(start, end, header + newline + indentation + unit + content),)
