"""Flushing a session once in a while: a counter for the loop, and a flush whenever it comes to a round number."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from sqla_leaklint.diagnostics import Applicability
from sqla_leaklint.fixes.pending import PendingFix, TextEdit
from sqla_leaklint.syntax import tree
from sqla_leaklint.syntax.walk import walk

if TYPE_CHECKING:
    from sqla_leaklint.domain.writes.bulk_adds import BulkAdd
    from sqla_leaklint.syntax.spans import SourceMap

EVERY = 1000
_NAMES = ("index", "number", "position", "round_number")
_ENUMERATE = "builtins.enumerate"


def flush_periodically(addition: BulkAdd) -> PendingFix | None:
    """Number the rounds of a `for` loop and flush after each thousand; None where that cannot be written cleanly."""
    loop = addition.loop
    receiver = addition.node.func.value if isinstance(addition.node.func, tree.Attribute) else None
    if not isinstance(loop, tree.For) or loop.is_async or not _is_plain(receiver) or receiver is None:
        return None
    counter = _counter(addition, loop)
    taken = {node.id for node in walk(addition.body.node) if isinstance(node, tree.Name)}
    name = counter or next((each for each in _NAMES if each not in taken), None)
    if name is None:
        return None

    def render(source: SourceMap) -> Sequence[TextEdit]:
        source.prepare((loop, loop.target, loop.iter, receiver, loop.body[0], loop.body[-1]))
        return tuple(_edits(addition, loop, receiver, name, source, is_counted=counter is not None))

    return PendingFix(Applicability.UNSAFE, f"flush every {EVERY} rounds", render)


def _edits(
    addition: BulkAdd, loop: tree.For, receiver: tree.Expr, name: str, source: SourceMap, *, is_counted: bool
) -> Iterator[TextEdit]:
    text = source.text
    head = source.offsets(loop)[0]
    first, last = loop.body[0], loop.body[-1]
    indentation = source.indentation(first)
    start = source.offsets(first)[0]
    if text[source.line_start(start) : start].strip() or isinstance(first, tree.Function | tree.Class):
        return  # the body stands on the line of the loop
    unit = indentation.removeprefix(source.indentation(loop)) or "    "
    if not is_counted:
        yield from _numbered(text, source.offsets(loop.target), name, loop.target)
        begin, end = source.offsets(loop.iter)
        if isinstance(loop.iter, tree.Comprehension) and _is_enclosed(text, begin, end):
            begin, end = begin - 1, end + 1  # beside another argument it needs its parentheses
        yield TextEdit(begin, begin, "enumerate(")
        yield TextEdit(end, end, ", start=1)")
    newline = "\r\n" if "\r\n" in text[head:start] else "\n"
    session = text[slice(*source.offsets(receiver))]
    call = f"await {session}.flush()" if addition.is_async else f"{session}.flush()"
    lines = f"{indentation}if {name} % {EVERY} == 0:{newline}{indentation}{unit}{call}"
    if _skips(loop):  # what goes on with the next round never comes to the end of the body
        place = source.line_start(start)
        yield TextEdit(place, place, f"{lines}{newline}")
    else:
        begin, end = source.offsets(last)
        end = source.line_end(begin + len(text[begin:end].rstrip()) - 1)
        yield TextEdit(end, end, f"{newline}{lines}")


def _counter(addition: BulkAdd, loop: tree.For) -> str | None:
    """The name by which the loop counts its rounds already."""
    term = addition.domain.term(loop.iter.func) if isinstance(loop.iter, tree.Call) else None
    if getattr(term, "path", "") != _ENUMERATE or not isinstance(loop.target, tree.Display):
        return None
    first = loop.target.elements[0] if len(loop.target.elements) == 2 else None
    if not isinstance(first, tree.Name) or first.id == "_":
        return None
    stored = [
        target
        for stmt in loop.body
        for node in walk(stmt)
        if isinstance(node, tree.Assign | tree.AugAssign | tree.For)
        for target in (node.targets if isinstance(node, tree.Assign) else (node.target,))
    ]
    names = {node.id for target in stored for node in walk(target) if isinstance(node, tree.Name)}
    return first.id if first.id not in names else None


def _skips(loop: tree.For) -> bool:
    """Whether the body of a loop goes on with the next round before its end."""
    pending: list[tree.Stmt] = list(loop.body)
    while pending:
        stmt = pending.pop()
        if isinstance(stmt, tree.Continue):
            return True
        if not isinstance(stmt, tree.Function | tree.Class | tree.For | tree.While):
            pending.extend(inner for block in tree.blocks_of(stmt) for inner in block)
    return False


def _is_plain(expr: tree.Expr | None) -> bool:
    """Whether an expression can be written a second time: a name, or an attribute of one."""
    return isinstance(expr, tree.Name) or (isinstance(expr, tree.Attribute) and _is_plain(expr.value))


def _is_enclosed(text: str, begin: int, end: int) -> bool:
    return text[begin - 1 : begin] == "(" and text[end : end + 1] == ")"


def _numbered(text: str, place: tuple[int, int], name: str, target: tree.Expr) -> Iterator[TextEdit]:
    """A loop's target with the number of the round before it."""
    begin, end = place
    if not isinstance(target, tree.Display) or target.kind != "tuple":
        yield TextEdit(begin, begin, f"{name}, ")
    elif _is_enclosed(text, begin, end):
        yield TextEdit(begin - 1, begin - 1, f"{name}, ")
    else:
        yield TextEdit(begin, begin, f"{name}, (")
        yield TextEdit(end, end, ")")
