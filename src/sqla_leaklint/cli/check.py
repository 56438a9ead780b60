"""`leaklint check`: settings under the arguments, the run, the output, the exit code."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from sqla_leaklint.cli.arguments import Arguments
from sqla_leaklint.cli.delivery import deliver, say
from sqla_leaklint.cli.progress import Progress
from sqla_leaklint.config import ConfigError, Settings, SettingsFinder, read_settings
from sqla_leaklint.linter.discovery import MissingPathError, SourceFile, discover
from sqla_leaklint.linter.run import SAFE, SAFE_AND_UNSAFE, run
from sqla_leaklint.linter.selection import unknown_selectors
from sqla_leaklint.rules.registry import all_rules

CLEAN, DIAGNOSTICS, COULD_NOT_RUN = 0, 1, 2


def run_check(arguments: Arguments) -> int:
    """Lint, print, and return the exit code."""
    chosen = Settings(select=arguments.select, extend_select=arguments.extend_select, ignore=arguments.ignore)
    for message in unknown_selectors(chosen, all_rules()):
        return could_not_run(message)
    try:
        settings_for = _settings_for(arguments)
        data = sys.stdin.buffer.read() if arguments.reads_stdin else b""
        if arguments.reads_stdin:
            files = [_stdin_file(arguments, settings_for)]
        else:
            files = list(discover(arguments.paths, settings_for))
    except (ConfigError, MissingPathError) as error:
        return could_not_run(str(error))
    if not files:
        say(f"warning: no Python files below {', '.join(arguments.paths)}")
    _warn_of_unknown_selectors(files)
    stdin = {files[0].path: data} if arguments.reads_stdin else {}
    allowed = (SAFE_AND_UNSAFE if arguments.unsafe_fixes else SAFE) if arguments.fix or arguments.diff else frozenset()
    _spare_the_collector()
    with Progress(sys.stderr) as progress:
        try:
            report = run(files, settings_for, allowed=allowed, stdin=stdin, progress=progress)
        except ConfigError as error:
            return could_not_run(str(error))
    errors = deliver(report, arguments, data)
    for message in errors:
        say(message)
    if errors:
        return COULD_NOT_RUN
    is_clean = not report.diagnostics and not (arguments.diff and report.changes)
    return CLEAN if is_clean or arguments.exit_zero else DIAGNOSTICS


def _spare_the_collector() -> None:
    """Trees are freed by reference counting: looking for cycles among their nodes finds nothing and costs time."""
    gc.freeze()
    gc.set_threshold(200_000, 20, 100)


def _settings_for(arguments: Arguments) -> Callable[[Path], Settings]:
    def under_arguments(settings: Settings) -> Settings:
        return settings.overridden(
            select=arguments.select,
            extend_select=arguments.extend_select,
            ignore=arguments.ignore,
            all_files=arguments.all_files,
        )

    if arguments.isolated or arguments.config is not None:
        only = read_settings(Path(arguments.config)) if arguments.config is not None else Settings()
        settings = under_arguments(only)
        return lambda _directory: settings
    finder = SettingsFinder()
    known: dict[Settings, Settings] = {}

    def nearest(directory: Path) -> Settings:
        found = finder.for_directory(directory)
        if found not in known:
            known[found] = under_arguments(found)
        return known[found]

    return nearest


def _stdin_file(arguments: Arguments, settings_for: Callable[[Path], Settings]) -> SourceFile:
    path = Path(os.path.abspath(arguments.stdin_shown))
    return SourceFile(path, arguments.stdin_shown, settings_for(path.parent), is_alone=not arguments.stdin_filename)


def _warn_of_unknown_selectors(files: Sequence[SourceFile]) -> None:
    for settings in dict.fromkeys(file.settings for file in files):
        for message in unknown_selectors(settings, all_rules()):
            say(f"warning: {settings.file}: {message}")


def could_not_run(message: str) -> int:
    say(f"error: {message}")
    return COULD_NOT_RUN
