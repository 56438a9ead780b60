"""Making the ORM bring rows in batches: `yield_per` for the statement, `stream` for an async session, no `list`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from sqla_leaklint.diagnostics import Applicability
from sqla_leaklint.domain.loading.eager_options import joined_collections
from sqla_leaklint.domain.rows.queries import function_text
from sqla_leaklint.domain.rows.usage import Deal
from sqla_leaklint.domain.values import ProjectClass
from sqla_leaklint.fixes.paging import BATCH
from sqla_leaklint.fixes.pending import PendingFix, TextEdit
from sqla_leaklint.fixes.statements import append_step, can_be_extended, drop_all
from sqla_leaklint.syntax import tree
from sqla_leaklint.syntax.walk import walk

if TYPE_CHECKING:
    from sqla_leaklint.domain.rows.queries import Load
    from sqla_leaklint.domain.rows.streaming import MisplacedStream, Stream
    from sqla_leaklint.syntax.spans import SourceMap

_LEAVES = (Deal.RETURNED, Deal.YIELDED, Deal.PASSED, Deal.COLLECTED, Deal.CAPTURED, Deal.ELSE)
STREAMED_BY = {"execute": "stream", "scalars": "stream_scalars"}


def fetch_in_batches(stream: Stream) -> PendingFix | None:
    """Give the statement `yield_per`, where the rows are gone through here and need nothing that it forbids."""
    load = stream.load
    place = load.executed if not load.is_legacy else load.node if stream.consumer == "for" else None
    if place is None or not can_be_extended(place) or stream.is_unique or joined_collections(load) != []:
        return None
    if _leaves(load) or _reads_lazily(load):
        return None
    size = _size(stream) or str(BATCH)
    step = f".yield_per({size})" if load.is_legacy else f".execution_options(yield_per={size})"
    title = f"fetch {size} rows at a time"
    return PendingFix(Applicability.UNSAFE, title, lambda source: (append_step(source, place, step),))


def _size(stream: Stream) -> str | None:
    """The size of the parts that the program takes, where it is written there."""
    node = stream.load.node
    if not stream.is_in_parts or not isinstance(node, tree.Call) or len(node.args) != 1:
        return None
    given = node.args[0].value
    return str(given.value) if isinstance(given, tree.Constant) and isinstance(given.value, int) else None


def _leaves(load: Load) -> bool:
    """Whether the rows as a whole go where nobody sees whether the session is still open."""
    return any(not use.of_row for use in load.usage.of(*_LEAVES))


def _reads_lazily(load: Load) -> bool:
    """Whether a relationship of a row may be read: while streaming, that is a query for each of them."""
    if load.entity is None:
        return load.statement is None or any(isinstance(each, ProjectClass) for each in load.statement.projections)
    read = {expr.attr for expr in function_text(load.domain, load.body).expressions if isinstance(expr, tree.Attribute)}
    written = {node.attr for call in load.calls for node in walk(call) if isinstance(node, tree.Attribute)}
    return bool((read - written) & load.entity.relationships.keys())


def stream_instead(misplaced: MisplacedStream) -> PendingFix | None:
    """`stream` for `execute`, and `async for` for the one loop that goes through the rows."""
    loads = misplaced.loads
    if misplaced.option != "yield_per" or len(loads) != 1 or loads[0].body is not misplaced.body:
        return None
    load = loads[0]
    if load.rows.consumer.name != "for":
        return None
    parents = function_text(load.domain, load.body).parents
    loop = parents.get(load.node)
    around = parents.get(loop) if loop is not None else None
    if isinstance(around, tree.Comprehension) and around.kind == "generator":
        return None  # what takes it could not take an async one
    uses = [use for use in load.usage.uses if not use.of_row and use.deal is not Deal.TESTED]
    if not isinstance(loop, tree.For | tree.CompFor) or loop.is_async or loop.iter is not load.node or len(uses) != 1:
        return None
    func = misplaced.node.func
    assert isinstance(func, tree.Attribute)

    def render(source: SourceMap) -> Sequence[TextEdit]:
        source.prepare((func, loop))
        end, start = source.offsets(func)[1], source.offsets(loop)[0]
        start += len(source.text[start:]) - len(source.text[start:].lstrip())
        begin = end - len(func.attr)
        if source.text[begin:end] != func.attr or source.text[start : start + 3] != "for":
            return ()
        return TextEdit(begin, end, STREAMED_BY[func.attr]), TextEdit(start, start, "async ")

    return PendingFix(Applicability.UNSAFE, f"stream by `{STREAMED_BY[func.attr]}()`", render)


def loop_over_result(stream: Stream) -> PendingFix | None:
    """Drop `.all()` or `list(…)` before the one loop that goes through the rows."""
    load = stream.load
    uses = [use for use in load.usage.uses if not use.of_row]
    if stream.is_async or len(uses) != 1 or not isinstance(uses[0].node, tree.For | tree.CompFor):
        return None
    if stream.may_be_cut_off or not isinstance(load.node, tree.Call):
        return None
    node = load.node
    parents = function_text(load.domain, load.body).parents
    if parents.get(node) is not uses[0].node:
        return None  # what stands between could close the session

    def render(source: SourceMap) -> Sequence[TextEdit]:
        return tuple(_without_list(node, source))

    return PendingFix(Applicability.UNSAFE, "go through the rows as they come", render)


def _without_list(node: tree.Call, source: SourceMap) -> Iterator[TextEdit]:
    if isinstance(node.func, tree.Attribute):
        dropped = drop_all(source, node)
        if dropped is not None:
            yield dropped
    elif len(node.args) == 1 and isinstance(node.func, tree.Name) and node.func.id in {"list", "tuple"}:
        start, end = source.offsets(node)
        begin, until = source.offsets(node.args[0].value)
        yield TextEdit(start, begin, "")
        yield TextEdit(until, end, "")
