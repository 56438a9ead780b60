"""Lines of a text and how far they are indented: what edits need that move whole statements."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from sqla_leaklint.fixes.pending import TextEdit
from sqla_leaklint.syntax import tree
from sqla_leaklint.syntax.spans import SourceMap

_NEWLINE = re.compile(r"\r\n?|\n")
BLANK_OR_COMMENT = re.compile(r"[ \t\f]*(#.*)?")


class Line(NamedTuple):
    """A line of the text: where it starts and ends, without its line ending, and where the next one starts."""

    start: int
    end: int
    next: int


def lines_of(text: str, start: int, end: int) -> Iterator[Line]:
    """The lines from the one that starts at `start` to the one that holds the character before `end`."""
    while start < end:
        newline = _NEWLINE.search(text, start)
        yield Line(start, newline.start(), newline.end()) if newline else Line(start, len(text), len(text))
        start = newline.end() if newline else end


def end_of(stmt: tree.Stmt, source_map: SourceMap) -> int:
    """Where the last character of a statement is, the line endings after a block left out."""
    start, end = source_map.offsets(stmt)
    return start + len(source_map.text[start:end].rstrip())


def unit_of_indentation(text: str) -> str:
    """One step of indentation, as the file does it first."""
    for line in _NEWLINE.split(text):
        content = line.lstrip(" ")
        if content and content[0] not in "#\t" and 2 <= len(line) - len(content) <= 8:
            return " " * (len(line) - len(content))
    return "    "


def indented(stmt: tree.Stmt, header: str, changes: Sequence[TextEdit], source_map: SourceMap) -> Sequence[TextEdit]:
    """The edit that puts a whole statement below a header, with changes in its text."""
    text = source_map.text
    start, end = source_map.offsets(stmt)[0], end_of(stmt, source_map)
    first, *lines = lines_of(text, source_map.line_start(start), end)
    indentation = text[first.start : start]
    if indentation.strip() or not BLANK_OR_COMMENT.fullmatch(text, end, source_map.line_end(end)):
        return ()
    unit = "\t" if "\t" in indentation else unit_of_indentation(text)
    strings = source_map.multiline_strings()
    moved = [
        TextEdit(line.start, line.start, unit)
        for line in lines
        if text[line.start : line.end].strip() and not any(begin < line.start < until for begin, until in strings)
    ]
    content = text[start:end]
    for change in sorted((*moved, *changes), reverse=True):
        content = content[: change.start - start] + change.content + content[change.end - start :]
    newline = text[first.end : first.next] or "\n"
    return (TextEdit(start, end, header + newline + indentation + unit + content),)
