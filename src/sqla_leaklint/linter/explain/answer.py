"""The whole answer for a line: its text, what is reported there, and a paragraph for each thing on it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from sqla_leaklint.diagnostics import Diagnostic
from sqla_leaklint.linter.discovery import SettingsFor, SourceFile
from sqla_leaklint.linter.explain.families import paragraphs
from sqla_leaklint.linter.explain.line import Line
from sqla_leaklint.linter.explain.paragraph import INDENT
from sqla_leaklint.linter.explain.places import Places
from sqla_leaklint.linter.roles import FileRole, role_of
from sqla_leaklint.linter.selection import selection
from sqla_leaklint.linter.suppression import unsuppressed
from sqla_leaklint.linter.workspace import Text, Workspace, relative_to_working_directory, root_of
from sqla_leaklint.rules.registry import all_rules
from sqla_leaklint.syntax import tree
from sqla_leaklint.syntax.deep_stack import call_with_deep_stack


class NotALineError(Exception):
    """A line that the file does not have."""


def explain(file: SourceFile, number: int, settings_for: SettingsFor) -> list[str]:
    """The lines of the answer; raises `SourceError` for a file that cannot be read or parsed, and `NotALineError`."""
    workspace = Workspace(settings_for, heeds_noqa=False)
    text = workspace.text_of(file)
    lines = text.source.text.splitlines()
    if not 1 <= number <= len(lines):
        count = "1 line" if len(lines) == 1 else f"{len(lines)} lines"
        raise NotALineError(f"{file.shown} has {count}, and no line {number}")
    return call_with_deep_stack(lambda: list(_answer(workspace, text, file, number, lines[number - 1])))


def _answer(workspace: Workspace, text: Text, file: SourceFile, number: int, line_text: str) -> Iterator[str]:
    domain = workspace.domain(text, file)
    places = Places(domain, relative_to_working_directory)
    yield f"{file.shown}:{number}"
    yield ""
    yield f"{INDENT * 2}{line_text.strip()}"
    line = Line.of(domain, number, places)
    told = list(paragraphs(domain, line, places))
    if line.nodes and line.number != number:
        yield ""
        yield f"The line belongs to the statement that begins at line {line.number}."
    if not told:
        yield ""
        yield _nothing(line)
    for paragraph in told:
        yield ""
        yield from paragraph.render()
    yield ""
    yield from _reported(workspace, text, file, {number, line.number})


def _nothing(line: Line) -> str:
    if not line.nodes:
        return "Nothing is known here: no statement or expression begins on this line."
    if not any(True for _ in line.of_type(tree.Expr)):
        return "Nothing is known here: what stands on this line has no value."
    return "Nothing is known here: what stands on this line is constants, operations, and names of libraries."


def _reported(workspace: Workspace, text: Text, file: SourceFile, numbers: set[int]) -> Iterator[str]:
    """What `leaklint check` says of the line, and what it would say but for settings and comments."""
    everything = replace(file, settings=file.settings.overridden(select=("LKS",), all_files=True))
    role = role_of(Path(os.path.realpath(file.path)), root_of(file), text.data)
    is_told = False
    for one in workspace.check_text(text, everything).diagnostics:
        if one.location.span.line not in numbers:
            continue
        is_told = True
        silenced = _silenced(one, text, file, role)
        verb = f"Not reported, as {silenced}" if silenced else "Reported"
        yield f"{verb}: {one.code} [{one.name}] {one.message}"
    if not is_told:
        yield "Reported: nothing"


def _silenced(one: Diagnostic, text: Text, file: SourceFile, role: FileRole) -> str:
    """What keeps a diagnostic from being heard ("" for nothing)."""
    rule = next(rule for rule in all_rules() if rule.code == one.code)
    if not selection(file.settings, all_rules()).includes(one.code, one.group):
        return f"the settings do not select it (group {one.group.value})"
    if rule.noisy_outside_app and role is not FileRole.APP and not file.settings.all_files:
        return f"the file is a {role.value}"
    return "" if any(True for _ in unsuppressed([one], text.source.text)) else "a `noqa` comment silences it"
