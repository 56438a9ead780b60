"""The whole answer for a line: its text, what is reported there, and a paragraph for each thing on it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from sqla_leaklint.diagnostics import Diagnostic
from sqla_leaklint.domain import Domain
from sqla_leaklint.domain.application.handoffs import Handoff
from sqla_leaklint.domain.containers import Container
from sqla_leaklint.domain.containers.definitions import definitions
from sqla_leaklint.domain.lifetimes import Acquisition, ReturnedSession, WaitInTransaction
from sqla_leaklint.domain.lifetimes.acquisition import opened
from sqla_leaklint.domain.lifetimes.long_lived import LongLivedSession
from sqla_leaklint.domain.lifetimes.resources import CLIENT, CONNECTION
from sqla_leaklint.domain.rows.queries import Load
from sqla_leaklint.linter.discovery import SettingsFor, SourceFile
from sqla_leaklint.linter.explain.async_reads import explain_reads
from sqla_leaklint.linter.explain.containers import explain_container
from sqla_leaklint.linter.explain.definitions import (
    explain_function,
    explain_import,
    explain_parameter,
    explain_with,
)
from sqla_leaklint.linter.explain.handoffs import explain_handoff
from sqla_leaklint.linter.explain.kept import explain_long_lived
from sqla_leaklint.linter.explain.line import Line
from sqla_leaklint.linter.explain.paragraph import INDENT, Paragraph
from sqla_leaklint.linter.explain.places import Places
from sqla_leaklint.linter.explain.registries import explain_registry_use, registry_uses
from sqla_leaklint.linter.explain.rows import explain_load
from sqla_leaklint.linter.explain.sessions import explain_acquisition, explain_returned, is_session
from sqla_leaklint.linter.explain.transactions import explain_handler, explain_wait
from sqla_leaklint.linter.explain.values import explain_value, is_telling
from sqla_leaklint.linter.roles import FileRole, role_of
from sqla_leaklint.linter.selection import selection
from sqla_leaklint.linter.suppression import unsuppressed
from sqla_leaklint.linter.workspace import Text, Workspace, relative_to_working_directory, root_of
from sqla_leaklint.rules.registry import all_rules
from sqla_leaklint.syntax import tree
from sqla_leaklint.syntax.deep_stack import call_with_deep_stack
from sqla_leaklint.syntax.walk import walk

MOST_VALUES = 12
"""Expressions of one line that are explained."""


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
    paragraphs = list(_paragraphs(domain, line, places))
    if line.nodes and line.number != number:
        yield ""
        yield f"The line belongs to the statement that begins at line {line.number}."
    if not paragraphs:
        yield ""
        yield _nothing(line)
    for paragraph in paragraphs:
        yield ""
        yield from paragraph.render()
    yield ""
    yield from _reported(workspace, text, file, {number, line.number})


def _paragraphs(domain: Domain, line: Line, places: Places) -> Iterator[Paragraph]:
    told: set[tree.Node] = set()
    for definition in definitions(domain):
        if definition.node in line.nodes:
            found = next((each for each in domain.subjects(Container) if each.node is definition.node), None)
            told.update(walk(definition.node))
            yield explain_container(domain, definition, found, places)
    for session in domain.subjects(LongLivedSession):
        if session.node in line.nodes:
            told.update(walk(session.node))
            yield explain_long_lived(session, places)
    for returned in domain.subjects(ReturnedSession):
        if returned.node in line.nodes:
            told.update((returned.node, returned.node.func))
            yield explain_returned(returned, places)
    for acquisition in _acquisitions(domain):
        if acquisition.node in line.nodes and acquisition.node not in told:
            told.update((acquisition.node, acquisition.node.func))
            yield explain_acquisition(acquisition, places)
    for handler in line.of_type(tree.ExceptHandler):
        paragraph = explain_handler(domain, handler, places)
        if paragraph is not None:
            told.update(walk(handler.type) if handler.type is not None else (handler,))
            yield paragraph
    for waiting in domain.subjects(WaitInTransaction):
        if waiting.call in line.nodes:
            told.update((waiting.call, waiting.call.func))
            yield explain_wait(waiting, places)
    yield from explain_reads(domain, line, places)
    for use, node in registry_uses(domain, line):
        told.update((node, node.func))
        yield explain_registry_use(use, node, places)
    for load in domain.subjects(Load):
        if load.node in line.nodes and load.node not in told:
            told.update(_spoken_for(domain, load.node))
            yield explain_load(load, places)
    for handoff in domain.subjects(Handoff):
        if handoff.node in line.nodes:
            told.update(walk(handoff.node))
            yield explain_handoff(handoff, places)
    for block in line.of_type(tree.With):
        for item in block.items:
            if item.context in told:
                continue
            paragraph = explain_with(domain, block, item, places)
            if paragraph is not None:
                told.update((item.context, *([item.context.func] if isinstance(item.context, tree.Call) else [])))
                yield paragraph
    yield from _defined(domain, line, places)
    others = list(_values(domain, line, places, told))
    if not others and not told:
        others = list(_values(domain, line, places, told, everything=True))
    yield from others


def _acquisitions(domain: Domain) -> Iterator[Acquisition]:
    """Whatever is opened: sessions, connections, clients."""
    yield from domain.subjects(Acquisition)
    for resource in (CONNECTION, CLIENT):
        yield from opened(domain, resource)


def _spoken_for(domain: Domain, node: tree.Expr) -> Iterator[tree.Node]:
    """The parts of a load that its paragraph explains: all but the session."""
    for part in walk(node):
        if not (isinstance(part, tree.Name | tree.Attribute) and is_session(domain, domain.value(part))):
            yield part


def _defined(domain: Domain, line: Line, places: Places) -> Iterator[Paragraph]:
    for function in line.of_type(tree.Function):
        if function in domain.body_of:
            yield explain_function(domain, function, places)
    found = [
        *(explain_parameter(domain, parameter, places) for parameter in line.of_type(tree.Parameter)),
        *(explain_import(domain, name, places) for name in line.of_type(tree.ImportedName)),
    ]
    yield from (paragraph for paragraph in found if paragraph is not None)


def _values(
    domain: Domain, line: Line, places: Places, told: set[tree.Node], *, everything: bool = False
) -> Iterator[Paragraph]:
    """The other expressions, each text once; `everything`: even if it is only a library's name or a constant."""
    seen: set[str] = set()
    for expr in line.values():
        text = places.quoted(expr)
        if expr in told or text in seen or not (everything or is_telling(domain, expr)):
            continue
        seen.add(text)
        if len(seen) > MOST_VALUES:
            yield Paragraph(f"More than {MOST_VALUES} expressions: the others are left out.")
            return
        yield explain_value(domain, expr, places)


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
