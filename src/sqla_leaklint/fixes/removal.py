"""Taking a statement away, with the `if` that held nothing else."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

from sqla_leaklint.diagnostics import Applicability
from sqla_leaklint.domain.rows.loops import Loops
from sqla_leaklint.fixes.pending import PendingFix, TextEdit
from sqla_leaklint.syntax import tree
from sqla_leaklint.syntax.walk import walk

if TYPE_CHECKING:
    from sqla_leaklint.semantic.body import Body
    from sqla_leaklint.syntax.spans import SourceMap

_SIDE_EFFECTS = (tree.Call, tree.Await, tree.Yield, tree.NamedExpr)


def remove_call(
    body: Body, stmt: tree.Stmt | None, others: Collection[tree.Stmt | None], title: str
) -> PendingFix | None:
    """Remove a call that is a statement of its own; `pass` is left where a block would be empty.

    `others` are removed by fixes of their own: a block that holds nothing else goes as a whole, by the same edit.
    """
    if not isinstance(stmt, tree.ExprStmt):
        return None
    first, last, is_alone = _removable(Loops(body), stmt, {stmt, *others})
    if isinstance(body.node, tree.Function) and body.node.body == (last,):
        is_alone = True

    def render(source: SourceMap) -> Sequence[TextEdit]:
        source.prepare((first, last))
        text = source.text
        start, (begin, end) = source.offsets(first)[0], source.offsets(last)
        end = begin + len(text[begin:end].rstrip())
        line, line_end = source.line_start(start), source.line_end(end - 1)
        rest = text[end:line_end].strip()
        if text[line:start].strip() or (rest and not rest.startswith("#")):
            return ()  # other code stands on its line
        if is_alone:
            return (TextEdit(start, end, "pass"),)
        newline = 2 if text[line_end : line_end + 2] == "\r\n" else 1
        return (TextEdit(line, min(line_end + newline, len(text)), ""),)

    return PendingFix(Applicability.UNSAFE, title, render)


def _removable(loops: Loops, stmt: tree.Stmt, gone: Collection[tree.Stmt | None]) -> tuple[tree.Stmt, tree.Stmt, bool]:
    """The first and last statement that can go, an `if` that has no other purpose with them, and whether they are all
    of their block.
    """
    target = stmt
    for parent, block, inner in loops.ancestors(stmt):
        target = inner
        if any(each is not inner and each not in gone for each in block):
            return target, target, False
        if not isinstance(parent, tree.If) or parent.orelse or block is not parent.body:
            return block[0], block[-1], True
        if any(isinstance(node, _SIDE_EFFECTS) for node in walk(parent.test)):
            return block[0], block[-1], True
        target = parent
    return target, target, False
