"""The `full` format: the code with carets under it, the path of the leak, and what to do."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import groupby

from sqla_leaklint.diagnostics import Applicability, Diagnostic, Location

Lines = Callable[[str], Sequence[str]]
"""The lines of a file, by the path that a location has; none when it cannot be read."""

TAB = 4
FIXES = {
    Applicability.SAFE: "fix",
    Applicability.UNSAFE: "fix (unsafe: read it before you keep it)",
    Applicability.DISPLAY: "possible change (not applied)",
}


def render(diagnostics: Iterable[Diagnostic], lines: Lines) -> Iterator[str]:
    """The lines of output; a blank one ends every diagnostic."""
    for one in diagnostics:
        yield f"{one.code} [{one.name}] {one.message}"
        yield from _frames(one, lines)
        if one.help is not None:
            yield from _labelled("help", one.help)
        if one.fix is not None:
            yield from _labelled(FIXES[one.fix.applicability], one.fix.message)
        yield ""


def _frames(one: Diagnostic, lines: Lines) -> Iterator[str]:
    """The primary place, then those on the path in their order; neighbours in one file share a frame."""
    marked = [(one.location, ""), *((note.location, note.message) for note in one.notes)]
    width = max(len(str(location.span.line)) for location, _ in marked)
    is_first = True
    for path, group in groupby(marked, key=lambda item: item[0].path):
        arrow = "-->" if is_first else ":::"
        previous: int | None = None
        for location, label in group:
            span = location.span
            if previous is None:
                yield f"{' ' * width} {arrow} {path}:{span.line}:{span.column}"
                yield f"{' ' * width} |"
            elif not 0 <= span.line - previous <= 1:
                yield f"{'.' * width} |"
            yield from _frame(location, label, lines(path), width, repeat=span.line != previous, primary=is_first)
            previous, is_first = span.line, False
    yield f"{' ' * width} |"


def _frame(
    location: Location, label: str, lines: Sequence[str], width: int, *, repeat: bool, primary: bool
) -> Iterator[str]:
    span = location.span
    text = lines[span.line - 1] if 0 < span.line <= len(lines) else ""
    if repeat:
        yield f"{span.line:>{width}} | {_shown(text)}".rstrip()
    end = span.end_column if span.end_line == span.line else len(text.rstrip()) + 1
    before, marked = text[: span.column - 1], text[span.column - 1 : end - 1]
    mark = ("^" if primary else "-") * max(_columns(_shown(marked)), 1)
    yield f"{' ' * width} | {' ' * _columns(_shown(before))}{mark} {label}".rstrip()


def _labelled(label: str, text: str) -> Iterator[str]:
    first, *rest = text.splitlines() or [""]
    yield f"  = {label}: {first}"
    for line in rest:
        yield f"    {line}".rstrip()


def _shown(text: str) -> str:
    """A stretch of a line as a terminal may see it: tabs as blanks, nothing that moves the cursor."""
    return "".join(
        " " * TAB if char == "\t" else "\N{REPLACEMENT CHARACTER}" if unicodedata.category(char) == "Cc" else char
        for char in text
    )


def _columns(text: str) -> int:
    """How many columns of a terminal a text takes."""
    return sum(
        0 if unicodedata.combining(char) else 2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in text
    )
