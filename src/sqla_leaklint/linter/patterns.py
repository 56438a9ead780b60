"""What the user leaves out: the patterns of the settings, and those of .gitignore."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from sqla_leaklint.config import Settings

if TYPE_CHECKING:
    from pathspec import GitIgnoreSpec


@dataclass(frozen=True, slots=True)
class Excluded:
    """The patterns of the settings, relative to the directory of their file."""

    directory: Path
    spec: GitIgnoreSpec | None

    @classmethod
    def of(cls, settings: Settings) -> Excluded:
        patterns = (*(settings.exclude or ()), *settings.extend_exclude)
        directory = settings.directory or Path.cwd()
        return cls(directory, _spec(patterns) if patterns else None)

    def matches(self, path: Path, is_directory: bool) -> bool:
        if self.spec is None or self.directory not in path.parents:
            return False
        return _verdict(self.spec, path.relative_to(self.directory), is_directory) is True


@dataclass(frozen=True, slots=True)
class Ignored:
    """The .gitignore files that hold in a directory, the nearest first."""

    files: tuple[tuple[Path, GitIgnoreSpec], ...] = ()

    @classmethod
    def above(cls, directory: Path) -> Ignored:
        """The files of the repository above a directory; none when they ignore the directory that the user named."""
        repository = next((up for up in (directory, *directory.parents) if (up / ".git").exists()), None)
        if repository is None or repository == directory:
            return cls()
        ignored = cls()
        between = [up for up in directory.parents if up == repository or repository in up.parents]
        for up in reversed(between):
            if (up / ".gitignore").is_file():
                ignored = ignored.with_file(up)
        path = directory
        while path != repository:
            if ignored.matches(path, is_directory=True):
                return cls()
            path = path.parent
        return ignored

    def with_file(self, directory: Path) -> Ignored:
        try:
            text = (directory / ".gitignore").read_text("utf-8", "replace")
        except OSError:
            return self
        return Ignored(((directory, _spec(text.splitlines())), *self.files))

    def matches(self, path: Path, is_directory: bool) -> bool:
        for directory, spec in self.files:
            if directory in path.parents:
                verdict = _verdict(spec, path.relative_to(directory), is_directory)
                if verdict is not None:
                    return verdict
        return False


def _spec(patterns: Sequence[str]) -> GitIgnoreSpec:
    # Imported here: many runs name single files and meet no pattern.
    from pathspec import GitIgnoreSpec

    try:
        return GitIgnoreSpec.from_lines(patterns)
    except (ValueError, re.error):
        # One malformed line must not make the others void; git skips it as well.
        return GitIgnoreSpec.from_lines([pattern for pattern in patterns if _is_pattern(pattern)])


def _is_pattern(pattern: str) -> bool:
    from pathspec import GitIgnoreSpec

    try:
        GitIgnoreSpec.from_lines([pattern])
    except (ValueError, re.error):
        return False
    return True


def _verdict(spec: GitIgnoreSpec, path: Path, is_directory: bool) -> bool | None:
    """Whether the last pattern that speaks of a path takes it in or leaves it out; None when none speaks of it."""
    return spec.check_file(path.as_posix() + ("/" if is_directory else "")).include
