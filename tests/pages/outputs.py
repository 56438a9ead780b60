"""The blocks that the runner writes: what the fixes change, and what the user sees."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from sqla_leaklint.diagnostics import Applicability, Diagnostic, Edit, Span

CONTEXT = 3


class Written(NamedTuple):
    """A block that belongs below an example: its info string and its text."""

    info: str
    text: str


def fix_blocks(path: str, texts: Mapping[str, str], diagnostics: Sequence[Diagnostic]) -> Iterator[Written]:
    """Yield a diff for each applicability that the fixes of one file's diagnostics have."""
    for applicability in Applicability:
        fixes = [one.fix for one in diagnostics if one.fix is not None and one.fix.applicability is applicability]
        if not fixes:
            continue
        chosen = compatible(fix.edits for fix in fixes)
        changed = "".join(
            _diff(
                texts[other],
                apply_edits(texts[other], (edit for edit in chosen if edit.location.path == other)),
                header="" if other == path else other,
            )
            for other in sorted({edit.location.path for edit in chosen}, key=lambda other: (other != path, other))
        )
        yield Written(f'diff title="fix: {applicability.value}"', changed)


def compatible(fixes: Iterable[Sequence[Edit]]) -> list[Edit]:
    """The edits of as many fixes as go together, first come, first served; an edit that two fixes share counts once."""
    chosen: list[Edit] = []
    for edits in fixes:
        new = [edit for edit in edits if edit not in chosen]
        if not any(_collide(edit, other) for edit in new for other in chosen):
            chosen += new
    return chosen


def apply_edits(text: str, edits: Iterable[Edit]) -> str:
    """Replace from the last place to the first; insertions at one place stay in the order in which they are given."""
    starts = [0]
    for line in text.split("\n"):
        starts.append(starts[-1] + len(line) + 1)
    ordered = sorted(enumerate(edits), key=lambda item: (_start(item[1].location.span), item[0]), reverse=True)
    for _, edit in ordered:
        span = edit.location.span
        begin = starts[span.line - 1] + span.column - 1
        end = starts[span.end_line - 1] + span.end_column - 1
        text = text[:begin] + edit.content + text[end:]
    return text


def _collide(edit: Edit, other: Edit) -> bool:
    if edit.location.path != other.location.path:
        return False
    mine, theirs = edit.location.span, other.location.span
    return _start(mine) < _end(theirs) and _start(theirs) < _end(mine)


def _start(span: Span) -> tuple[int, int]:
    return (span.line, span.column)


def _end(span: Span) -> tuple[int, int]:
    return (span.end_line, span.end_column)


def _diff(before: str, after: str, header: str) -> str:
    """A unified diff without the file names (unless there is a `header`) and with bare `@@` between distant places."""
    lines = list(difflib.unified_diff(before.splitlines(), after.splitlines(), n=CONTEXT, lineterm=""))[2:]
    shown = ["@@" if line.startswith("@@") else line for line in lines]
    if shown[:1] == ["@@"]:
        shown = shown[1:]
    if header:
        shown = [f"--- {header}", *shown]
    return "".join(f"{line.rstrip()}\n" for line in shown)
