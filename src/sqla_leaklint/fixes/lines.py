"""Lines of a text, and their indentation."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from sqla_leaklint.fixes.imports import newline_of
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


def lines_between(text: str, start: int, end: int) -> Iterator[Line]:
    """The lines from the one that starts at `start` to the one that holds the character before `end`."""
    while start < end:
        newline = _NEWLINE.search(text, start)
        yield Line(start, newline.start(), newline.end()) if newline else Line(start, len(text), len(text))
        start = newline.end() if newline else end


def end_of(stmt: tree.Stmt, source_map: SourceMap) -> int:
    """Where the last character of a statement is, the line endings after a block left out."""
    start, end = source_map.offsets(stmt)
    return start + len(source_map.text[start:end].rstrip())


def unit_of(text: str, indentation: str) -> str:
    """One step of indentation, as the file does it first; a tab where the lines in question begin with one."""
    if "\t" in indentation:
        return "\t"
    for line in _NEWLINE.split(text):
        content = line.lstrip(" ")
        if content and content[0] not in "#\t" and 2 <= len(line) - len(content) <= 8:
            return " " * (len(line) - len(content))
    return "    "


def indented(source: SourceMap, lines: Iterable[Line], unit: str) -> Iterator[str]:
    """The text of lines one step further in; blank ones and those inside of a string stay as they are."""
    text, strings = source.text, source.multiline_strings()
    for line in lines:
        content = text[line.start : line.end]
        stays = not content.strip() or any(begin < line.start < until for begin, until in strings)
        yield content if stays else unit + content


def line_before(source: SourceMap, stmt: tree.Stmt, line: str) -> Sequence[TextEdit]:
    """The edit that puts a line before a statement; none where other code stands there on the statement's line."""
    source.prepare((stmt,))
    start = source.offsets(stmt)[0]
    indentation = source.text[source.line_start(start) : start]
    if indentation.strip():
        return ()
    return (TextEdit(start, start, f"{line}{newline_of(source)}{indentation}"),)
