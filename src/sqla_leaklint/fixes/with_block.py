"""Puts a block under `with`: what was opened by an assignment is closed where the block ends, however it is left.

    session = SessionLocal()  # read only          with SessionLocal() as session:  # read only
    rows = session.scalars(query).all()       →        rows = session.scalars(query).all()
    return [row.name for row in rows]                  return [row.name for row in rows]

The lines of the block are indented as they are, comments and blank lines with them; lines inside of a string stay where
they are.  A close that `with` makes superfluous goes; where it is the last thing in a `finally`, its `try` goes too.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from sqla_leaklint.diagnostics import Applicability
from sqla_leaklint.fixes.lines import BLANK_OR_COMMENT, Line, end_of, lines_between, unit_of
from sqla_leaklint.fixes.pending import PendingFix, TextEdit
from sqla_leaklint.semantic.scope import names_in
from sqla_leaklint.syntax import tree
from sqla_leaklint.syntax.spans import SourceMap
from sqla_leaklint.syntax.walk import walk


@dataclass(frozen=True, slots=True, eq=False)
class Enclosure:
    """A statement `name = value` and the statements after it that go under `with value as name:`.

    `closing` is the close that stands where the block ends; `guard` is the `try` at its end whose `finally` ends with
    one.
    """

    opening: tree.Assign | tree.AnnAssign
    name: str
    body: tuple[tree.Stmt, ...]
    after: tuple[tree.Stmt, ...]
    closing: tree.Stmt | None = None
    guard: tree.Try | None = None

    def is_rest_of(self, function: tree.Function) -> bool:
        """Whether the function ends where the block does."""
        return self.opening in function.body and not self.after

    @property
    def is_closed_at_end(self) -> bool:
        """Whether a close stands where the block ends already."""
        return self.closing is not None or self.guard is not None

    @property
    def returns_something(self) -> bool:
        """Whether a `return` in the block gives a value that is not written out there."""
        return any(
            isinstance(node, tree.Return) and not isinstance(node.value, tree.Constant | None)
            for stmt in self.body
            for node in walk(stmt)
        )

    def as_fix(
        self, applicability: Applicability, message: str, *, is_async: bool, entered: tree.Expr | None = None
    ) -> PendingFix:
        """The fix; `entered` is what the context is, where it is not the assigned value itself but a part of it."""
        keyword = "async with" if is_async else "with"

        def render(source_map: SourceMap) -> Sequence[TextEdit]:
            context = source_map.text[slice(*source_map.offsets(entered))] if entered is not None else None
            return rendered(self, keyword, source_map, context=context)

        return PendingFix(applicability, message, render)


def enclosure(
    function: tree.Function, opening: tree.Stmt | None, *, closes: Sequence[tree.Stmt] = ()
) -> Enclosure | None:
    """The block that an assignment of a function dominates, if it and nothing else uses the name.

    `closes` are the statements that close it.  Where one of them stands in the block itself, or ends a `finally` there,
    the block ends, so that what comes after the close still does.
    """
    match opening:
        case tree.Assign(targets=(tree.Name(id=name),)):
            pass
        case tree.AnnAssign(target=tree.Name(id=name), value=value) if value is not None:
            pass
        case _:
            return None
    block = next((block for block in _blocks(function) if opening in block), None)
    if block is None:
        return None
    place = block.index(opening)
    following = block[place + 1 :]
    end = next((at for at, stmt in enumerate(following) if stmt in closes or _guards(stmt, closes)), len(following))
    body, closing, after = following[: end + 1], None, following[end + 1 :]
    if end < len(following) and following[end] in closes:
        body, closing = following[:end], following[end]
    if not body or not _is_only_used_in(function, name, opening, following):
        return None
    if any(_mentions(stmt, name) for stmt in after) or name in names_in(following).bound:
        return None
    last = body[-1]
    guard = last if isinstance(last, tree.Try) and _guards(last, closes) else None
    return Enclosure(opening, name, body, after, closing, guard)


def _guards(stmt: tree.Stmt, closes: Sequence[tree.Stmt]) -> bool:
    """Whether a statement is a `try` whose `finally` ends with a close."""
    return isinstance(stmt, tree.Try) and bool(stmt.finalbody) and stmt.finalbody[-1] in closes


def _blocks(function: tree.Function) -> Iterator[tree.Block]:
    """The blocks of a function, those of functions in it left out."""
    pending: list[tree.Block] = [function.body]
    while pending:
        block = pending.pop()
        yield block
        for stmt in block:
            if not isinstance(stmt, tree.Function | tree.Class):
                pending.extend(tree.blocks_of(stmt))


def _is_only_used_in(function: tree.Function, name: str, opening: tree.Stmt, block: Sequence[tree.Stmt]) -> bool:
    """Whether a name means that one thing in the function, and only in a block, and is neither global nor nonlocal."""
    if any(parameter.name == name for parameter in function.params):
        return False
    inside = {node for stmt in (opening, *block) for node in walk(stmt)}
    for node in walk(function):
        if isinstance(node, tree.Name) and node.id == name and node not in inside:
            return False
        if isinstance(node, tree.Global | tree.Nonlocal) and name in node.names:
            return False
        if isinstance(node, tree.Delete) and any(
            isinstance(each, tree.Name) and each.id == name for each in node.targets
        ):
            return False
    return True


def _mentions(root: tree.Node, name: str) -> bool:
    return any(isinstance(node, tree.Name) and node.id == name for node in walk(root))


# --- text -------------------------------------------------------------------------------------------------------------


def rendered(
    enclosure: Enclosure,
    keyword: str,
    source_map: SourceMap,
    *,
    context: str | None = None,
    inside: Sequence[TextEdit] = (),
) -> Sequence[TextEdit]:
    """The edit that puts the block under `with`; `context` is entered instead of the assigned value.

    `inside` are edits of the lines of the block, each within its line, that are made along with it.
    """
    source_map.prepare(_nodes(enclosure))
    text = source_map.text
    start, end = source_map.offsets(enclosure.opening)
    first, *lines = lines_between(
        text, source_map.line_start(start), end_of(enclosure.closing or enclosure.body[-1], source_map)
    )
    lines = [line for line in lines if line.start > end]
    indentation = text[first.start : start]
    stop = source_map.line_end(end)
    is_alone = not indentation.strip() and BLANK_OR_COMMENT.fullmatch(text, end, stop)
    header = _header(enclosure, keyword, source_map, context)
    superfluous = _superfluous(enclosure, source_map)
    if not is_alone or header is None or source_map.indentation(enclosure.body[0]) != indentation or not lines:
        return ()
    unit = unit_of(text, indentation)
    strings = source_map.multiline_strings()
    pieces = [header + text[end:stop]]
    for line in lines:
        content = _edited(text, line, inside)
        if line.start in superfluous.gone:
            comment = superfluous.gone[line.start]
            if comment:
                pieces.append(indentation + comment)
            continue
        is_in_string = any(begin < line.start < until for begin, until in strings)
        stays = is_in_string or line.start in superfluous.kept or not content.strip()
        pieces.append(content if stays else unit + content)
    newline = text[first.end : first.next] or "\n"
    while not pieces[-1].strip():
        pieces.pop()
    return (TextEdit(start, lines[-1].end, newline.join(pieces)),)


def _edited(text: str, line: Line, edits: Sequence[TextEdit]) -> str:
    content, end = "", line.start
    for edit in sorted(edit for edit in edits if line.start <= edit.start and edit.end <= line.end):
        content += text[end : edit.start] + edit.content
        end = edit.end
    return content + text[end : line.end]


def _nodes(enclosure: Enclosure) -> Iterator[tree.Node]:
    opening = enclosure.opening
    yield opening
    yield opening.targets[0] if isinstance(opening, tree.Assign) else opening.annotation
    yield from enclosure.body
    if enclosure.closing is not None:
        yield enclosure.closing
    guard = enclosure.guard
    if guard is not None:
        before = guard.orelse or (guard.handlers[-1].body if guard.handlers else guard.body)
        yield from (before[-1], guard.finalbody[0], guard.finalbody[-1])


def _header(enclosure: Enclosure, keyword: str, source_map: SourceMap, context: str | None) -> str | None:
    """The `with` line; None when a comment or a backslash in the assignment does not allow it."""
    text, opening = source_map.text, enclosure.opening
    end = source_map.offsets(opening)[1]
    target = opening.targets[0] if isinstance(opening, tree.Assign) else opening.annotation
    after_target = source_map.offsets(target)[1]
    before, equals, value = text[after_target:end].partition("=")
    value = value.strip()
    if not equals or "#" in before or value.startswith(("\\", "(")):
        return None
    return f"{keyword} {context or value} as {enclosure.name}:"


class _Superfluous(NamedTuple):
    """Lines that go, by their starts, with the comment that is left of them, and lines that keep their indentation."""

    gone: Mapping[int, str] = {}
    kept: frozenset[int] = frozenset()


def _superfluous(enclosure: Enclosure, source_map: SourceMap) -> _Superfluous:
    """What `with` does the work of.  A second close does no harm: where a line cannot go, all stays."""
    if enclosure.closing is not None:
        return _Superfluous(_lines_of_close(enclosure.closing, source_map))
    guard = enclosure.guard
    if guard is None:
        return _Superfluous()
    gone = _lines_of_close(guard.finalbody[-1], source_map)
    if len(guard.finalbody) > 1 or not gone:
        return _Superfluous(gone)
    clause = _clause(guard, source_map)
    if clause is None:
        return _Superfluous()
    if guard.handlers or guard.orelse:
        return _Superfluous({**gone, clause: ""})
    text = source_map.text
    start = source_map.offsets(guard)[0]
    stop = source_map.line_end(start)
    if text[start:stop].strip() != "try:":
        return _Superfluous()
    # A `try` that guards nothing any more goes; its body is one step further in already.
    body = {
        line.start for line in lines_between(text, source_map.line_start(start), end_of(guard.finalbody[0], source_map))
    }
    first = source_map.line_start(start)
    return _Superfluous({**gone, clause: "", first: ""}, frozenset(body - {first}))


def _lines_of_close(stmt: tree.Stmt, source_map: SourceMap) -> dict[int, str]:
    """The lines of a close, with the comment behind it; none where other code stands on one of them."""
    text = source_map.text
    start, end = source_map.offsets(stmt)
    first, rest = source_map.line_start(start), text[end : source_map.line_end(end)].strip()
    if text[first:start].strip() or (rest and not rest.startswith("#")):
        return {}
    return {line.start: rest if line.end >= end else "" for line in lines_between(text, first, end)}


def _clause(guard: tree.Try, source_map: SourceMap) -> int | None:
    """The line of `finally:`, if it stands alone."""
    text = source_map.text
    before = guard.orelse or (guard.handlers[-1].body if guard.handlers else guard.body)
    start = end_of(before[-1], source_map)
    lines = lines_between(text, source_map.line_start(start), source_map.offsets(guard.finalbody[0])[0])
    found = [line.start for line in lines if text[line.start : line.end].strip() == "finally:"]
    return found[0] if len(found) == 1 else None
