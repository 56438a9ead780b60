"""Writes `await` before a call."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqla_leaklint.diagnostics import Applicability
from sqla_leaklint.fixes.pending import PendingFix, TextEdit
from sqla_leaklint.syntax import tree

if TYPE_CHECKING:
    from sqla_leaklint.syntax.spans import SourceMap


def add_await(call: tree.Call, name: str) -> PendingFix:
    """Await a call that stands alone, or whose value is assigned; the function around it has to be async."""
    return PendingFix(Applicability.SAFE, f"await `{name}()`", lambda source: (_before(source, call),))


def _before(source: SourceMap, call: tree.Call) -> TextEdit:
    start = source.offsets(call)[0]
    return TextEdit(start, start, "await ")
