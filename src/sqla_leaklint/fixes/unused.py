"""Taking away what nothing uses any more: decorators, and the imports that were there for them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from sqla_leaklint.diagnostics import Applicability
from sqla_leaklint.fixes.pending import PendingFix, TextEdit
from sqla_leaklint.syntax import tree

if TYPE_CHECKING:
    from sqla_leaklint.syntax.spans import SourceMap

_OF_THE_LINE = re.compile(r"#\s*(noqa|type:|pragma|pylint|ruff|isort|mypy)", re.IGNORECASE)
"""Comments that speak to tools about their line, and go with it."""
_NOQA = re.compile(r"#\s*noqa", re.IGNORECASE)


def remove_decorators(
    decorators: Sequence[tree.Expr], unused: tree.Import | tree.ImportFrom | None, name: str, title: str
) -> PendingFix:
    """Remove decorators, and with the last of them a name from the import that binds it.

    A decorator whose line says `noqa` is to stay, and with it the import.
    """

    def render(source: SourceMap) -> Sequence[TextEdit]:
        source.prepare((*decorators, *([unused, *unused.names] if unused is not None else ())))
        edits: list[TextEdit] = []
        for decorator in decorators:
            start, end = source.offsets(decorator)
            line, line_end = source.line_start(start), source.line_end(end - 1)
            if source.text[line:start].strip() != "@":
                return ()
            rest = source.text[end:line_end].strip()
            if _NOQA.match(rest):
                continue
            if rest and not _OF_THE_LINE.match(rest):
                return ()  # a comment that somebody may want to keep
            edits.append(TextEdit(line, _next_line(source, line_end), ""))
        if unused is not None and len(edits) == len(decorators):
            edits.extend(unimport_edits(source, unused, name))
        return edits

    return PendingFix(Applicability.SAFE, title, render)


def with_import(fix: PendingFix | None, unused: tree.Import | tree.ImportFrom | None, name: str) -> PendingFix | None:
    """The same fix, and with it a name that nothing needs afterwards from the import that binds it."""
    if fix is None or unused is None:
        return fix

    def render(source: SourceMap) -> Sequence[TextEdit]:
        edits = fix.render(source)
        return (*edits, *unimport_edits(source, unused, name)) if edits else ()

    return PendingFix(fix.applicability, fix.message, render)


def unimport_edits(source: SourceMap, stmt: tree.Import | tree.ImportFrom, name: str) -> Iterator[TextEdit]:
    """The edit that takes a name from an import of module level; none where a comment would go with it."""
    position = next(
        number for number, each in enumerate(stmt.names) if (each.alias or each.name.partition(".")[0]) == name
    )
    text = source.text
    if len(stmt.names) > 1:
        is_last = position == len(stmt.names) - 1
        start = source.offsets(stmt.names[position - 1])[1] if is_last else source.offsets(stmt.names[position])[0]
        end = source.offsets(stmt.names[position])[1] if is_last else source.offsets(stmt.names[position + 1])[0]
        if "#" not in text[start:end]:
            yield TextEdit(start, end, "")
        return
    start, end = source.offsets(stmt)
    end = start + len(text[start:end].rstrip())
    line, line_end = source.line_start(start), source.line_end(end - 1)
    rest = text[end:line_end].strip()
    if text[line:start].strip() or (rest and not _OF_THE_LINE.match(rest)) or "#" in text[start:end]:
        return
    after = _next_line(source, line_end)
    is_first = not text[:line].strip()
    if is_first or text[:line].endswith(("\n\n", "\r\n\r\n")):
        while after < len(text) and not text[after : source.line_end(after)].strip():
            after = _next_line(source, source.line_end(after))
            if not is_first:
                break  # one empty line is enough
    yield TextEdit(line, after, "")


def _next_line(source: SourceMap, line_end: int) -> int:
    newline = source.text[line_end : line_end + 2]
    return line_end + (2 if newline == "\r\n" else 1 if newline else 0)
