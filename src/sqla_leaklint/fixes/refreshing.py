"""Loads an entity again right after the commit that expired it: `await session.refresh(user)`."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from sqla_leaklint.diagnostics import Applicability
from sqla_leaklint.fixes.imports import newline_of
from sqla_leaklint.fixes.pending import PendingFix, TextEdit
from sqla_leaklint.flow.exceptions import statements_within
from sqla_leaklint.syntax import tree

if TYPE_CHECKING:
    from sqla_leaklint.syntax.spans import SourceMap

_REST = re.compile(r"[ \t]*(?:#[^\r\n]*)?")


def refresh_after(function: tree.Function, commit: tree.Node, name: str) -> PendingFix | None:
    """The fix for an entity that a commit expires, where `await session.commit()` is a statement of its own."""
    stmt = next((each for each in statements_within(function.body) if _awaits(each, commit)), None)
    if stmt is None or not isinstance(commit, tree.Call) or not isinstance(commit.func, tree.Attribute):
        return None
    session = commit.func.value

    def render(source: SourceMap) -> Sequence[TextEdit]:
        source.prepare((stmt, session))
        start, end = source.offsets(stmt)
        rest = _REST.match(source.text, end)
        line_end = source.line_end(end)
        lead = source.text[source.line_start(start) : start]
        receiver = source.text[slice(*source.offsets(session))]
        if lead.strip() or rest is None or rest.end() != line_end or "\n" in receiver or "\r" in receiver:
            return ()
        return (TextEdit(line_end, line_end, f"{newline_of(source)}{lead}await {receiver}.refresh({name})"),)

    return PendingFix(Applicability.UNSAFE, f"load `{name}` again after the commit", render)


def _awaits(stmt: tree.Stmt, call: tree.Node) -> bool:
    return isinstance(stmt, tree.ExprStmt) and isinstance(stmt.value, tree.Await) and stmt.value.value is call
