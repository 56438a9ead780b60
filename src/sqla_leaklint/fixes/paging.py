"""Two ways to bring fewer rows at a time: applying the page that a caller asks for, and looping over batches.

Both are only shown: what a page means, and whether a loop may run while the result is open, is for a person to decide.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from sqla_leaklint.diagnostics import Applicability
from sqla_leaklint.domain.rows.streamable import streamed_loop
from sqla_leaklint.fixes.pending import PendingFix, TextEdit
from sqla_leaklint.fixes.statements import append_step, can_be_extended, drop_all
from sqla_leaklint.knowledge.facts import Role
from sqla_leaklint.syntax import tree

if TYPE_CHECKING:
    from sqla_leaklint.domain.rows.queries import Load
    from sqla_leaklint.syntax.spans import SourceMap

_LIMITS = ("limit", "page_size", "per_page", "pagesize")
_OFFSETS = ("skip", "offset")
BATCH = 1000


def apply_page(load: Load, parameters: tuple[str, ...]) -> PendingFix | None:
    """Put `.offset(skip).limit(limit)` where the statement is executed."""
    limit = next((name for name in _LIMITS if name in parameters), None)
    offset = next((name for name in _OFFSETS if name in parameters), None)
    place = _executed(load)
    if limit is None or place is None or "page" in parameters:
        return None
    step = f".offset({offset}).limit({limit})" if offset is not None else f".limit({limit})"
    return PendingFix(
        Applicability.DISPLAY, f"apply `{limit}` in the query", lambda source: (append_step(source, place, step),)
    )


def stream_rows(load: Load) -> PendingFix | None:
    """Loop over batches instead of a list, where nothing is known that forbids it."""
    place = _executed(load)
    if place is None or load.is_async or not may_stream(load):
        return None

    def render(source: SourceMap) -> Sequence[TextEdit]:
        return tuple(_stream_edits(load, place, source))

    return PendingFix(Applicability.DISPLAY, f"fetch {BATCH} rows at a time", render)


def _stream_edits(load: Load, place: tree.Expr, source: SourceMap) -> Iterator[TextEdit]:
    step = f".yield_per({BATCH})" if load.is_legacy else f".execution_options(yield_per={BATCH})"
    if load.rows.consumer.name != "all":
        yield append_step(source, place, step)
        return
    assert isinstance(load.node, tree.Call)
    dropped = drop_all(source, load.node)
    if dropped is None:
        return
    if load.is_legacy:
        yield dropped._replace(content=source.text[dropped.start : dropped.end].replace(".all()", step))
        return
    yield append_step(source, place, step)
    yield dropped


def _executed(load: Load) -> tree.Expr | None:
    """The expression after which a step of the statement can stand."""
    place: tree.Expr | None
    if not load.is_legacy:
        place = load.executed
    elif (
        isinstance(load.node, tree.Call)
        and isinstance(load.node.func, tree.Attribute)
        and load.rows.consumer.name == "all"
    ):
        place = load.node.func.value
    else:
        place = load.node if load.rows.consumer.name == "for" else None
    return place if place is not None and can_be_extended(place) else None


def may_stream(load: Load) -> bool:
    """Whether entities go through one loop that could take them as they come, and no option has a say in it."""
    if load.rows.consumer.name not in {"all", "for"} or load.has_step(Role.LOADS) or load.entity is None:
        return False
    return isinstance(streamed_loop(load), tree.For)
