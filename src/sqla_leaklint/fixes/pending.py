"""A fix that is decided but not yet rendered."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from sqla_leaklint.diagnostics import Applicability

if TYPE_CHECKING:
    from sqla_leaklint.syntax.spans import SourceMap


class TextEdit(NamedTuple):
    """Replace `text[start:end]` by `content`; offsets are in characters of the decoded text."""

    start: int
    end: int
    content: str


@dataclass(frozen=True, slots=True)
class PendingFix:
    """`render` is called with the map from nodes to text; what it returns is applied as a whole or not at all.

    `render` returns an empty sequence when the text turns out not to allow the change: the diagnostic then has no fix.
    """

    applicability: Applicability
    message: str
    render: Callable[[SourceMap], Sequence[TextEdit]]
