"""The blocks that the runner writes: what the fixes change, and what the user sees."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from sqla_leaklint.diagnostics import Applicability, Diagnostic
from sqla_leaklint.linter.apply import apply_edits, compatible

CONTEXT = 3


class Written(NamedTuple):
    """A block that belongs below an example: its info string and its text."""

    info: str
    text: str


def fix_blocks(text: str, diagnostics: Sequence[Diagnostic]) -> Iterator[Written]:
    """Yield a diff for each applicability that the fixes of a file's diagnostics have."""
    for applicability in Applicability:
        fixable = [one for one in diagnostics if one.fix is not None and one.fix.applicability is applicability]
        if fixable:
            edits = [edit for one in compatible(fixable) if one.fix is not None for edit in one.fix.edits]
            yield Written(f'diff title="fix: {applicability.value}"', _diff(text, apply_edits(text, edits)))


def _diff(before: str, after: str) -> str:
    """A unified diff without file names, and with a bare `@@` between distant places."""
    lines = list(
        difflib.unified_diff(
            before.removesuffix("\n").split("\n"), after.removesuffix("\n").split("\n"), n=CONTEXT, lineterm=""
        )
    )[2:]
    shown = ["@@" if line.startswith("@@") else line for line in lines]
    return "".join(f"{line.rstrip()}\n" for line in shown[1:])
