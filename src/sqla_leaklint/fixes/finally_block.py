"""Puts statements under `try`, so that something is called when they are left, however that is.

    rows = Session.scalars(query).all()                try:
    return [row.name for row in rows]          →           rows = Session.scalars(query).all()
                                                           return [row.name for row in rows]
                                                       finally:
                                                           Session.remove()

The lines are indented as they are, comments and blank lines with them; lines inside of a string stay where they are.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqla_leaklint.diagnostics import Applicability
from sqla_leaklint.fixes.lines import BLANK_OR_COMMENT, end_of, indented, lines_between, unit_of
from sqla_leaklint.fixes.pending import PendingFix, TextEdit
from sqla_leaklint.fixes.with_block import enclosure
from sqla_leaklint.syntax import tree
from sqla_leaklint.syntax.walk import holds

if TYPE_CHECKING:
    from sqla_leaklint.domain.registries import UnremovedRegistry
    from sqla_leaklint.syntax.spans import SourceMap


def removed_in_finally(unremoved: UnremovedRegistry) -> PendingFix | None:
    """The fix that removes a registry's session where the function is left that uses it."""
    if unremoved.place is None:
        block = enclosure(unremoved.function, unremoved.event.stmt)
        if block is None or not isinstance(block.opening, tree.Assign):
            return None
        body, expression = block.body, block.opening.targets[0]
    else:
        body, expression = rest_of_function(unremoved.function, unremoved.node), unremoved.expression
    if not body or not isinstance(expression, tree.Name | tree.Attribute):
        return None
    guard = Guarded(body, expression, "remove", unremoved.registry.is_async)
    return PendingFix(
        Applicability.UNSAFE, f"remove `{unremoved.name}` in `finally`", lambda source: guarded(source, guard)
    )


@dataclass(frozen=True, slots=True, eq=False)
class Guarded:
    """Statements of one block that follow each other, and the expression to call `method` of when they are left."""

    body: tuple[tree.Stmt, ...]
    expression: tree.Expr
    method: str
    is_awaited: bool


def rest_of_function(function: tree.Function, node: tree.Node) -> tuple[tree.Stmt, ...]:
    """The statements of a function from the one that holds a node to its end."""
    for place, stmt in enumerate(function.body):
        if holds(stmt, node):
            return function.body[place:]
    return ()


def guarded(source: SourceMap, block: Guarded) -> Sequence[TextEdit]:
    """The edit; none where other code stands on the first or last line."""
    source.prepare((*block.body, block.expression))
    text = source.text
    start, end = source.offsets(block.body[0])[0], end_of(block.body[-1], source)
    first = source.line_start(start)
    indentation = text[first:start]
    if indentation.strip() or not BLANK_OR_COMMENT.fullmatch(text, end, source.line_end(end)):
        return ()
    if source.indentation(block.body[-1]) != indentation:
        return ()
    unit = unit_of(text, indentation)
    lines = list(lines_between(text, first, end))
    pieces = [f"{indentation}try:", *indented(source, lines, unit)]
    registry = text[slice(*source.offsets(block.expression))]
    call = f"{'await ' if block.is_awaited else ''}{registry}.{block.method}()"
    pieces += [f"{indentation}finally:", f"{indentation}{unit}{call}"]
    newline = text[lines[0].end : lines[0].next] or "\n"
    return (TextEdit(first, lines[-1].end, newline.join(pieces)),)
