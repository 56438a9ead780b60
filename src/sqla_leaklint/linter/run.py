"""The whole run: files found, checked, fixed where that is asked, and everything gathered in one report."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from sqla_leaklint.diagnostics import Applicability, Diagnostic
from sqla_leaklint.linter.apply import ChangedMeanwhileError, TakenBack, fix_text, write_file
from sqla_leaklint.linter.check import Checked, Failure
from sqla_leaklint.linter.discovery import SettingsFor, SourceFile
from sqla_leaklint.linter.workspace import Text, Workspace
from sqla_leaklint.syntax.deep_stack import call_with_deep_stack
from sqla_leaklint.syntax.source import SourceError, encode_source

SAFE = frozenset({Applicability.SAFE})
SAFE_AND_UNSAFE = frozenset({Applicability.SAFE, Applicability.UNSAFE})
MOST_SWEEPS = 10
"""How often all files are gone over while fixes in one file bring forth fixes in another."""

Progress = Callable[[int, int], None]
"""Told how many of how many files are done."""


@dataclass(frozen=True, slots=True)
class Change:
    """A file whose text the fixes changed: before and after."""

    file: SourceFile
    old: Text
    new: Text


@dataclass(slots=True)
class Report:
    """What a run found: the diagnostics that are left, what broke, and what the fixes did (not yet written)."""

    files: int = 0
    diagnostics: list[Diagnostic] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)
    fixed: list[Diagnostic] = field(default_factory=list)
    taken_back: list[TakenBack] = field(default_factory=list)
    changes: list[Change] = field(default_factory=list)


def run(
    files: Sequence[SourceFile],
    settings_for: SettingsFor,
    *,
    allowed: Collection[Applicability] = frozenset(),
    stdin: Mapping[Path, bytes] | None = None,
    progress: Progress | None = None,
) -> Report:
    """Check files and apply the allowed fixes, in memory, until no file has one left.

    `stdin` holds what stands for a file on disk.  Nothing is written: see `write_changes`.
    """
    # One deep stack for all files: a thread for each would cost a tenth of the run.
    return call_with_deep_stack(lambda: _sweeps(files, settings_for, allowed, stdin, progress))


def _sweeps(
    files: Sequence[SourceFile],
    settings_for: SettingsFor,
    allowed: Collection[Applicability],
    stdin: Mapping[Path, bytes] | None,
    progress: Progress | None,
) -> Report:
    originals: dict[Path, Text] = {}
    changed: dict[Path, Text] = {}
    report = Report()
    for _ in range(MOST_SWEEPS):
        workspace = Workspace(settings_for, stdin=stdin, changed=changed)
        found: list[Checked] = []
        report.taken_back = []
        is_changed = False
        for count, file in enumerate(files, start=1):
            checked = workspace.check_file(file)
            # Where a rule broke it cannot be verified that a fix brings nothing new.
            if not checked.failures and any(_is_fixable(one, allowed) for one in checked.diagnostics):
                old = workspace.text_of(file)
                outcome = fix_text(old.source.text, checked, _check_of(workspace, file, old), allowed)
                checked = outcome.checked
                report.fixed += outcome.fixed
                report.taken_back += outcome.taken_back
                if outcome.fixed:
                    is_changed = True
                    originals.setdefault(file.path, old)
                    changed[file.path] = old.with_text(outcome.text)
            found.append(checked)
            if progress is not None:
                progress(count, len(files))
        report.files = len(files)
        report.diagnostics = sorted((one for checked in found for one in checked.diagnostics), key=lambda d: d.sort_key)
        report.failures = [failure for checked in found for failure in checked.failures]
        if not is_changed:
            break
    report.changes = [Change(file, originals[file.path], changed[file.path]) for file in files if file.path in changed]
    return report


def _check_of(workspace: Workspace, file: SourceFile, old: Text) -> Callable[[str], Checked]:
    return lambda text: workspace.check(old.with_text(text), file)


def _is_fixable(diagnostic: Diagnostic, allowed: Collection[Applicability]) -> bool:
    return diagnostic.fix is not None and diagnostic.fix.applicability in allowed


def write_changes(changes: Sequence[Change]) -> list[str]:
    """Write what the fixes changed; returns a sentence about every file that could not be written."""
    errors: list[str] = []
    for change in changes:
        try:
            write_file(change.file.path, change.old.data, encode_source(change.old.source, change.new.source.text))
        except (OSError, SourceError, ChangedMeanwhileError) as error:
            reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
            errors.append(f"{change.file.shown}: not written: {reason}")
    return errors


def diff(change: Change) -> str:
    """A unified diff of what the fixes changed in a file, as `patch` and `git apply` read it."""
    old, new = (text.source.text.splitlines(keepends=True) for text in (change.old, change.new))
    lines = difflib.unified_diff(old, new, f"a/{change.file.shown}", f"b/{change.file.shown}")
    return "".join(line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n" for line in lines)
