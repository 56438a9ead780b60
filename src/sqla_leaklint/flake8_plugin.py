"""The flake8 plugin: the command's diagnostics of one file at a time, with the settings of `[tool.leaklint]`."""

from __future__ import annotations

import ast
import os
import sys
from collections.abc import Iterator, Sequence
from functools import lru_cache
from pathlib import Path

from flake8.exceptions import ExecutionError

from sqla_leaklint import __version__
from sqla_leaklint.config import ConfigError, SettingsFinder
from sqla_leaklint.linter.check import Checked
from sqla_leaklint.linter.discovery import SourceFile
from sqla_leaklint.linter.workspace import Text, Workspace
from sqla_leaklint.syntax.source import Source


class Plugin:
    """What flake8 makes for every file.

    flake8 itself reports files that the running Python cannot parse (E999), and reads the `# noqa` comments.
    """

    name = "sqla-leaklint"
    version = __version__

    # flake8 goes by the names of the parameters, and `tree` makes it a plugin that is run once for a file.
    def __init__(self, tree: ast.AST, filename: str, lines: Sequence[str]) -> None:  # noqa: ARG002
        self._filename = filename
        self._text = "".join(lines)

    def run(self) -> Iterator[tuple[int, int, str, type[Plugin]]]:
        """The diagnostics as flake8 wants them: line, column from 0, text that begins with the code."""
        try:
            checked = self._checked()
        except ConfigError as error:
            raise ExecutionError(str(error)) from error
        for failure in checked.failures:
            print(
                f"leaklint: internal error: {failure.path}: {failure.rule or 'analysis'}: {failure.error}",
                file=sys.stderr,
            )
        for diagnostic in checked.diagnostics:
            span = diagnostic.location.span
            yield span.line, span.column - 1, f"{diagnostic.code} {diagnostic.message}", type(self)

    def _checked(self) -> Checked:
        finder, workspace = _opened()
        path = Path(os.path.abspath(self._filename))
        # Standard input has a name that is no file's, unless --stdin-display-name gives it one.
        file = SourceFile(path, self._filename, finder.for_directory(path.parent), is_alone=not path.exists())
        data = self._text.encode("utf-8", "surrogatepass")
        return workspace.check_text(Text(data, Source(str(path), self._text)), file)


@lru_cache(maxsize=1)
def _opened() -> tuple[SettingsFinder, Workspace]:
    """One for the process: flake8 makes a plugin a file, and the files of a run share their project."""
    finder = SettingsFinder()
    return finder, Workspace(finder.for_directory, heeds_noqa=False)
