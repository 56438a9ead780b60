"""What the user sees of a run, and what is written: diagnostics, diffs, fixed files."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import lru_cache

import click

from sqla_leaklint.cli.arguments import Arguments
from sqla_leaklint.linter.run import Change, Report, diff, write_changes
from sqla_leaklint.output import full, json, text
from sqla_leaklint.syntax.source import SourceError, decode_source, encode_source, read_source

_LINE_END = re.compile(r"\r\n?|\n")


def say(message: str) -> None:
    """Tell the person, not the program that reads our output."""
    click.echo(f"leaklint: {message}", err=True)


def deliver(report: Report, arguments: Arguments, stdin: bytes) -> list[str]:
    """Print the diagnostics; write, print or show what the fixes made; return what could not be done."""
    errors = [f"internal error: {one.path}: {one.rule or 'analysis'}: {one.error}" for one in report.failures]
    prints_source = arguments.fix and arguments.reads_stdin and not arguments.diff
    if arguments.diff:
        for change in report.changes:
            click.echo(diff(change), nl=False)
    elif prints_source:
        sys.stdout.buffer.write(_fixed_stdin(report.changes, stdin))
        sys.stdout.flush()
    elif arguments.fix:
        errors += [f"error: {message}" for message in write_changes(report.changes)]
    if not arguments.diff:
        # Where standard output is the fixed program, the diagnostics go where a person sees them.
        _print(report, arguments.output_format, _lines_of(report, arguments, stdin), err=prints_source)
    for one in report.taken_back:
        place = one.diagnostic.location
        say(f"{place.path}:{place.span.line}: the fix of {one.diagnostic.code} was not kept: {one.reason}")
    if arguments.output_format != "json":
        _summarise(report, arguments)
    return errors


def _print(report: Report, output_format: str, lines: full.Lines, *, err: bool) -> None:
    if output_format == "json":
        click.echo(json.render(report.diagnostics), err=err)
        return
    shown = text.render(report.diagnostics) if output_format == "text" else full.render(report.diagnostics, lines)
    for line in shown:
        click.echo(line, err=err)


def _summarise(report: Report, arguments: Arguments) -> None:
    if report.fixed:
        count = f"{len(report.fixed)} {'diagnostic' if len(report.fixed) == 1 else 'diagnostics'}"
        files = f"{len(report.changes)} {'file' if len(report.changes) == 1 else 'files'}"
        click.echo(f"{'Would fix' if arguments.diff else 'Fixed'} {count} in {files}.", err=True)
    if report.diagnostics or not report.fixed:
        not_kept = {one.diagnostic for one in report.taken_back}
        left = [replace(one, fix=None) if one in not_kept else one for one in report.diagnostics]
        click.echo(text.summary(left, unsafe_fixes=arguments.unsafe_fixes), err=True)


def _fixed_stdin(changes: Sequence[Change], stdin: bytes) -> bytes:
    for change in changes:
        return encode_source(change.old.source, change.new.source.text)
    return stdin


def _lines_of(report: Report, arguments: Arguments, stdin: bytes) -> Callable[[str], Sequence[str]]:
    """The lines of a file as the run saw it last."""
    changed = {change.file.shown: change.new.source.text for change in report.changes}

    @lru_cache(maxsize=64)
    def lines(path: str) -> Sequence[str]:
        try:
            if path in changed:
                return _LINE_END.split(changed[path])
            is_stdin = arguments.reads_stdin and path == arguments.stdin_shown
            return _LINE_END.split((decode_source(path, stdin) if is_stdin else read_source(path)).text)
        except SourceError:
            return ()

    return lines
