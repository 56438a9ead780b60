"""`leaklint why`: the place that is asked about, and the answer."""

from __future__ import annotations

import os
import re
from pathlib import Path

import click

from sqla_leaklint.config import ConfigError, SettingsFinder
from sqla_leaklint.linter.discovery import SourceFile
from sqla_leaklint.linter.explain import Answers, NotALineError
from sqla_leaklint.syntax.source import SourceError

_PLACE = re.compile(r"(?P<path>.+?):(?P<line>\d+)(?::\d*)?:?", re.DOTALL)
"""`FILE:LINE`; what diagnostics print, `FILE:LINE:COLUMN:`, will do as well."""


def answer(place: str) -> list[str]:
    """What is known of a place; raises `click.UsageError` when it is none, or cannot be looked at."""
    found = _PLACE.fullmatch(place)
    if found is None:
        raise click.UsageError(f"`{place}` is not a place: write FILE:LINE, like app/db.py:14")
    path = Path(os.path.abspath(found["path"]))
    if path.is_dir():
        raise click.UsageError(f"{found['path']} is a folder: write FILE:LINE, like app/db.py:14")
    finder = SettingsFinder()
    try:
        file = SourceFile(path, os.path.normpath(found["path"]), finder.for_directory(path.parent))
        return Answers(file, finder.for_directory).of(int(found["line"]))
    except SourceError as error:
        where = f"{found['path']}:{error.line}" if error.line and path.exists() else found["path"]
        raise click.UsageError(f"{where}: {error.message}") from error
    except (ConfigError, NotALineError) as error:
        raise click.UsageError(str(error)) from error
