"""Work that runs at once with one session is run in turn, or awaited where it is started.

rows, count = await asyncio.gather(load(session), count(session))
rows, count = [await load(session), await count(session)]

asyncio.create_task(notify(session))
await notify(session)
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from sqla_leaklint.diagnostics import Applicability
from sqla_leaklint.domain.concurrency.shared import SharedSession, Sharing
from sqla_leaklint.domain.values import Awaitable
from sqla_leaklint.fixes.pending import PendingFix, TextEdit
from sqla_leaklint.syntax import tree
from sqla_leaklint.syntax.walk import walk

if TYPE_CHECKING:
    from sqla_leaklint.domain.module import Domain
    from sqla_leaklint.syntax.spans import SourceMap


def in_turn(domain: Domain, shared: SharedSession) -> PendingFix | None:
    """The fix, where the coroutines are written into the call that runs them."""
    call, function = shared.start.node, shared.body.node
    assert isinstance(function, tree.Function)
    if shared.piece.in_thread or not function.is_async or any(each.keyword for each in call.args):
        return None
    if shared.sharing is Sharing.NOBODY:
        return _awaited(domain, shared, call)
    if not _is_gather(domain, call) or not all(_is_written(domain, each) for each in call.args):
        return None
    awaited = next((node for node in walk(function) if isinstance(node, tree.Await) and node.value is call), None)
    if awaited is None:
        return None
    return PendingFix(Applicability.DISPLAY, "run them in turn", lambda source: tuple(_listed(source, awaited, call)))


def _awaited(domain: Domain, shared: SharedSession, call: tree.Call) -> PendingFix | None:
    stmt = shared.start.event.stmt
    if not (isinstance(stmt, tree.ExprStmt) and stmt.value is call and len(call.args) == 1):
        return None
    work = call.args[0].value
    if not _is_coroutine(domain, work) or work is not shared.piece.node:
        return None
    return PendingFix(Applicability.DISPLAY, "await it here", lambda source: _unwrapped(source, call, work))


def _is_gather(domain: Domain, call: tree.Call) -> bool:
    return getattr(domain.value(call.func), "path", None) == "asyncio.gather"


def _is_written(domain: Domain, argument: tree.Argument) -> bool:
    """Whether an argument is a coroutine, or a comprehension of coroutines that is unpacked."""
    match argument.value:
        case tree.Comprehension(kind="list" | "generator", elements=(element,)):
            return argument.star == "*" and _is_coroutine(domain, element)
        case value:
            return not argument.star and _is_coroutine(domain, value)


def _is_coroutine(domain: Domain, expr: tree.Expr) -> bool:
    return isinstance(expr, tree.Call) and isinstance(domain.value(expr), Awaitable)


# --- text ---


def _unwrapped(source: SourceMap, call: tree.Call, work: tree.Expr) -> Sequence[TextEdit]:
    source.prepare((call, work))
    (start, end), (first, last) = source.offsets(call), source.offsets(work)
    if not _is_plain(source.text[first - 1 : first] + source.text[last:end]):
        return ()
    return (TextEdit(start, first, "await "), TextEdit(last, end, ""))


def _listed(source: SourceMap, awaited: tree.Await, call: tree.Call) -> Iterator[TextEdit]:
    """A list of the results in the place of the call."""
    source.prepare((awaited, call, call.func, *(node for each in call.args for node in walk(each.value))))
    start, end = source.offsets(awaited)
    opening = source.text.find("(", source.offsets(call.func)[1], end) + 1
    if len(call.args) == 1 and isinstance(call.args[0].value, tree.Comprehension):
        inner = _brackets(source, call.args[0].value)
        if inner is not None and _is_plain(source.text[opening : inner[0]] + source.text[inner[1] : end]):
            element = source.offsets(call.args[0].value.elements[0])[0]
            yield TextEdit(start, inner[0] + 1, "[")
            yield TextEdit(element, element, "await ")
            yield TextEdit(inner[1] - 1, end, "]")
        return
    edits: list[TextEdit] = []
    for argument in call.args:
        value = argument.value
        if isinstance(value, tree.Comprehension):
            inner = _brackets(source, value)
            if inner is None:
                return
            edits.append(TextEdit(inner[0], inner[0] + 1, "["))
            edits.append(TextEdit(inner[1] - 1, inner[1], "]"))
            value = value.elements[0]
        first = source.offsets(value)[0]
        edits.append(TextEdit(first, first, "await "))
    yield TextEdit(start, opening, "[")
    yield from edits
    yield TextEdit(end - 1, end, "]")


def _brackets(source: SourceMap, comprehension: tree.Comprehension) -> tuple[int, int] | None:
    """From the bracket or parenthesis that opens a comprehension to after the one that closes it."""
    start, end = source.offsets(comprehension)
    if source.text[start] in "([":
        return start, end
    return (start - 1, end + 1) if source.text[start - 1] == "(" and source.text[end] == ")" else None


def _is_plain(text: str) -> bool:
    """Whether there is nothing but brackets, commas, stars and white space, so no comment either."""
    return not text.strip("()*, \t\r\n")
