"""Rolls a session back at the start of a handler: `except IntegrityError: session.rollback(); …`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from sqla_leaklint.diagnostics import Applicability
from sqla_leaklint.fixes.imports import newline_of
from sqla_leaklint.fixes.pending import PendingFix, TextEdit
from sqla_leaklint.syntax import tree

if TYPE_CHECKING:
    from sqla_leaklint.syntax.spans import SourceMap


def roll_back(handler: tree.ExceptHandler, session: tree.Name | tree.Attribute, *, is_async: bool) -> PendingFix:
    """The fix for a handler in which that expression is the session."""
    keyword = "await " if is_async else ""

    def render(source: SourceMap) -> Sequence[TextEdit]:
        first = handler.body[0]
        source.prepare((session, handler, first))
        call = f"{keyword}{source.text[slice(*source.offsets(session))]}.rollback()"
        if "\n" in call or "\r" in call:
            return ()
        start, end = source.offsets(first)
        if isinstance(first, tree.Pass):
            return (TextEdit(start, end, call),)
        lead = source.text[source.line_start(start) : start]
        separator = newline_of(source) + lead if not lead.strip() else "; "
        return (TextEdit(start, start, call + separator),)

    return PendingFix(Applicability.UNSAFE, "roll the session back first", render)
