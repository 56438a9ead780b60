"""Fixes applied: in rounds to a fixed point, each verified by linting the result; files written whole or not at all."""

from __future__ import annotations

import os
import re
import tempfile
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from sqla_leaklint.diagnostics import Applicability, Diagnostic, Edit, Fix
from sqla_leaklint.linter.check import Checked

Check = Callable[[str], Checked]
"""Lints a text as if it were the file's."""

_LINE_END = re.compile(r"\r\n|\r|\n")
_IMPORT = re.compile(r"\s*from \S+ import ")


class ChangedMeanwhileError(Exception):
    """A file is not any more what was read of it."""


@dataclass(frozen=True, slots=True)
class TakenBack:
    """A fix that was tried and not kept, and why."""

    diagnostic: Diagnostic
    reason: str


@dataclass(frozen=True, slots=True)
class Fixed:
    """What became of a text: the text, the diagnostics that are gone, those that are left, and the fixes not kept."""

    text: str
    fixed: tuple[Diagnostic, ...]
    taken_back: tuple[TakenBack, ...]
    checked: Checked


def fix_text(text: str, checked: Checked, check: Check, allowed: Collection[Applicability]) -> Fixed:
    """Apply all allowed fixes of a text that was found to have those diagnostics.

    Each round applies the fixes that do not overlap and lints the result.  Where that does not hold what was promised,
    its fixes are tried one by one.  Every fix that is kept leaves fewer diagnostics, so the rounds come to an end.
    """
    fixed: list[Diagnostic] = []
    taken_back: dict[_Attempt, TakenBack] = {}
    while True:
        candidates = [
            diagnostic
            for diagnostic in checked.diagnostics
            if diagnostic.fix is not None
            and diagnostic.fix.applicability in allowed
            and _attempt(diagnostic, diagnostic.fix) not in taken_back
        ]
        batch = compatible(candidates)
        if not batch:
            return Fixed(text, tuple(fixed), tuple(taken_back.values()), checked)
        # The whole round first; then, where that does not hold, one by one until one does.
        for attempt in [batch, *([one] for one in batch)] if len(batch) > 1 else [batch]:
            new_text = apply_edits(text, [edit for diagnostic in attempt for edit in _edits(diagnostic)])
            result = check(new_text)
            reason = _objection(attempt, checked, result)
            if reason is None:
                fixed += attempt
                text, checked = new_text, result
                break
            if len(attempt) == 1:
                (diagnostic,) = attempt
                assert diagnostic.fix is not None
                taken_back[_attempt(diagnostic, diagnostic.fix)] = TakenBack(diagnostic, reason)
        else:
            # The analysis must not remember what was tried in vain.
            check(text)


_Attempt = tuple[str, str, tuple[str, ...]]


def _attempt(diagnostic: Diagnostic, fix: Fix) -> _Attempt:
    """What tells one fix from another across rounds, in which places move."""
    return diagnostic.code, diagnostic.message, tuple(edit.content for edit in fix.edits)


def _edits(diagnostic: Diagnostic) -> tuple[Edit, ...]:
    return diagnostic.fix.edits if diagnostic.fix is not None else ()


def compatible(diagnostics: Iterable[Diagnostic]) -> list[Diagnostic]:
    """As many of the diagnostics, in order, as have fixes that do not overlap; an edit that two share is one edit."""
    chosen: list[Diagnostic] = []
    taken: set[Edit] = set()
    for diagnostic in diagnostics:
        new = set(_edits(diagnostic)) - taken
        if not any(_overlap(edit, other) for edit in new for other in taken):
            chosen.append(diagnostic)
            taken |= new
    return chosen


def _overlap(one: Edit, other: Edit) -> bool:
    """Whether two different edits want the same text, or to import from the same module: the other waits for a round.

    A round later the second import finds the first one's line, and adds its name there.
    """
    first, second = one.location.span, other.location.span
    if first == second and _IMPORT.match(one.content) is not None:
        return one.content.split()[:2] == other.content.split()[:2]
    return first[:2] < second[2:] and second[:2] < first[2:]


def apply_edits(text: str, edits: Iterable[Edit]) -> str:
    """The text with the edits in it, in its own line ends; equal edits count once, insertions keep their order."""
    starts = [0, *(match.end() for match in _LINE_END.finditer(text))]
    newline = _newline(text)
    pieces: list[str] = []
    position = 0
    for edit in sorted(dict.fromkeys(edits), key=lambda edit: edit.location.span):
        span = edit.location.span
        start, end = starts[span.line - 1] + span.column - 1, starts[span.end_line - 1] + span.end_column - 1
        pieces += (text[position:start], _LINE_END.sub(newline, edit.content))
        position = end
    return "".join((*pieces, text[position:]))


def _newline(text: str) -> str:
    """The line end that the text uses most."""
    counts = Counter(_LINE_END.findall(text))
    return counts.most_common(1)[0][0] if counts else "\n"


def _objection(fixed: Sequence[Diagnostic], before: Checked, after: Checked) -> str | None:
    """Why the result of some fixes is not what they promised; None when it is."""
    if len(after.failures) > len(before.failures):
        return f"the linter fails on the result: {after.failures[-1].error}"
    expected = Counter(_identity(diagnostic) for diagnostic in before.diagnostics)
    expected.subtract(_identity(diagnostic) for diagnostic in fixed)
    promised = {_identity(diagnostic) for diagnostic in fixed}
    for diagnostic in after.diagnostics:
        expected[_identity(diagnostic)] -= 1
        if expected[_identity(diagnostic)] < 0:
            if _identity(diagnostic) in promised:
                return "it does not silence its rule"
            line = diagnostic.location.span.line
            return f"it brings {diagnostic.code} in line {line}: {diagnostic.message}"
    # A syntax error is a diagnostic like another, which the settings may leave out.
    return "the result cannot be parsed" if before.is_parsed and not after.is_parsed else None


def _identity(diagnostic: Diagnostic) -> tuple[str, str]:
    return diagnostic.code, diagnostic.message


# --- files ------------------------------------------------------------------------------------------------------------


def write_file(path: Path, old: bytes, new: bytes) -> None:
    """Replace a file's content at once, keeping its permissions; a link stays a link to the changed file.

    Raises `ChangedMeanwhileError` when the file does not hold `old` any more, and `OSError` when it cannot be written.
    """
    target = Path(os.path.realpath(path))
    if target.read_bytes() != old:
        raise ChangedMeanwhileError(f"{path}: was changed by somebody else; nothing was written")
    status = target.stat()
    if not os.access(target, os.W_OK):
        raise PermissionError(13, "Permission denied", str(path))
    descriptor, name = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(new)
            file.flush()
            os.fsync(file.fileno())
        with suppress(OSError, AttributeError):  # only root may give files away
            os.chown(name, status.st_uid, status.st_gid)
        os.chmod(name, status.st_mode & 0o7777)
        os.replace(name, target)
    except BaseException:
        with suppress(OSError):
            os.unlink(name)
        raise
