"""The whole answer for a line: its text, what is reported there, and a paragraph for each thing on it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from functools import cached_property
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


class Answers:
    """What is known of the lines of one file, which is read and checked once; raises `SourceError` if it cannot be."""

    def __init__(self, file: SourceFile, settings_for: SettingsFor) -> None:
        self._file = file
        self._workspace = Workspace(settings_for, heeds_noqa=False)
        self._text = self._workspace.text_of(file)
        self.lines = self._text.source.text.splitlines()

    def of(self, number: int) -> list[str]:
        """The lines of the answer; raises `NotALineError`."""
        if not 1 <= number <= len(self.lines):
            count = "1 line" if len(self.lines) == 1 else f"{len(self.lines)} lines"
            raise NotALineError(f"{self._file.shown} has {count}, and no line {number}")
        return call_with_deep_stack(lambda: list(self._answer(number)))

    def _answer(self, number: int) -> Iterator[str]:
        places = self._places
        yield f"{self._file.shown}:{number}"
        yield ""
        yield f"{INDENT * 2}{self.lines[number - 1].strip()}"
        line = Line.of(places.domain, number, places)
        told = list(paragraphs(places.domain, line, places))
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
        yield from self._reported({number, line.number})

    def _reported(self, numbers: set[int]) -> Iterator[str]:
        """What `leaklint check` says of the line, and what it would say but for settings and comments."""
        file, text = self._file, self._text
        role = role_of(Path(os.path.realpath(file.path)), root_of(file), text.data)
        is_told = False
        for one in self._diagnostics:
            if one.location.span.line not in numbers:
                continue
            is_told = True
            silenced = _silenced(one, text, file, role)
            verb = f"Not reported, as {silenced}" if silenced else "Reported"
            yield f"{verb}: {one.code} [{one.name}] {one.message}"
        if not is_told:
            yield "Reported: nothing"

    @cached_property
    def _places(self) -> Places:
        return Places(self._workspace.domain(self._text, self._file), relative_to_working_directory)

    @cached_property
    def _diagnostics(self) -> tuple[Diagnostic, ...]:
        """What every rule says, whatever the settings."""
        everything = replace(self._file, settings=self._file.settings.overridden(select=("LKS",), all_files=True))
        return tuple(self._workspace.check_text(self._text, everything).diagnostics)


def _nothing(line: Line) -> str:
    if not line.nodes:
        return "Nothing is known here: no statement or expression begins on this line."
    if not any(True for _ in line.of_type(tree.Expr)):
        return "Nothing is known here: what stands on this line has no value."
    return "Nothing is known here: what stands on this line is constants, operations, and names of libraries."


def _silenced(one: Diagnostic, text: Text, file: SourceFile, role: FileRole) -> str:
    """What keeps a diagnostic from being heard ("" for nothing)."""
    rule = next(rule for rule in all_rules() if rule.code == one.code)
    if not selection(file.settings, all_rules()).includes(one.code, one.group):
        return f"the settings do not select it (group {one.group.value})"
    if rule.noisy_outside_app and role is not FileRole.APP and not file.settings.all_files:
        return f"the file is a {role.value}"
    return "" if any(True for _ in unsuppressed([one], text.source.text)) else "a `noqa` comment silences it"
