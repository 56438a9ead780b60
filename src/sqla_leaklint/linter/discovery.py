"""Which files are looked at, and what part of a program each belongs to."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING

from sqla_leaklint.config import Settings

if TYPE_CHECKING:
    from pathspec import GitIgnoreSpec

# Written by tools under these very names; `lib`, `libs`, `env`, `build` and `dist` hold first-party code as well.
_FOREIGN_NAMES = frozenset({"site-packages", "dist-packages", "node_modules", "__pycache__", "__pypackages__", "_vendor"})
_SQLALCHEMY_LAYOUT = ("__init__.py", "orm", "engine", "sql")
_REVISION = re.compile(rb"^down_revision\b", re.MULTILINE)


class FileRole(str, Enum):
    """What part of a program a file belongs to; some rules speak of the application only."""

    APP = "app"
    TEST = "test"
    MIGRATION = "migration"


class MissingPath(Exception):
    """A path that the user named and that cannot be looked at."""


@dataclass(frozen=True, slots=True)
class SourceFile:
    """A file to lint: where it is, how the user would write that, and the settings that hold for it.

    `top` is the directory that the user named, when the file lies below one; `is_alone` tells that it has no project.
    """

    path: Path
    shown: str
    settings: Settings
    top: Path | None = None
    is_alone: bool = False


SettingsFor = Callable[[Path], Settings]
"""The settings that hold for the files of an absolute directory."""


def discover(paths: Sequence[str], settings_for: SettingsFor) -> Iterator[SourceFile]:
    """The files to lint below some paths, each once, in a fixed order; files that are named are taken as they are.

    Raises `MissingPath` before the first file when a path is not there.
    """
    for path in paths:
        _require(path)
    seen: set[str] = set()
    for path in paths:
        if os.path.isdir(path):
            found = _below(Path(path), settings_for)
        else:
            absolute = Path(os.path.abspath(path))
            found = iter([SourceFile(absolute, os.path.normpath(path), settings_for(absolute.parent))])
        for file in found:
            real = os.path.realpath(file.path)
            if real not in seen:
                seen.add(real)
                yield file


def project_files(root: Path, settings_for: SettingsFor) -> Iterator[Path]:
    """The files of the project at a root: what the analysis may read, whichever of them are reported on."""
    return (file.path for file in _below(root, settings_for))


def _require(path: str) -> None:
    try:
        os.stat(path)
    except OSError as error:
        raise MissingPath(f"{path}: {error.strerror or error}") from error
    except ValueError as error:  # a NUL in the name
        raise MissingPath(f"{path!r}: {error}") from error


def _below(top: Path, settings_for: SettingsFor) -> Iterator[SourceFile]:
    absolute = Path(os.path.abspath(top))
    ignored = _Ignored.above(absolute)
    yield from _walk(absolute, os.path.normpath(top), ignored, settings_for, absolute)


def _walk(
    directory: Path, shown: str, ignored: _Ignored, settings_for: SettingsFor, top: Path
) -> Iterator[SourceFile]:
    try:
        entries = sorted(os.scandir(directory), key=lambda entry: entry.name)
    except OSError:
        # A directory that may not be listed holds nothing that we could lint.
        return
    names = {entry.name for entry in entries}
    settings = settings_for(directory)
    if ".gitignore" in names:
        ignored = ignored.with_file(directory)
    excluded = _Excluded.of(settings)
    # A list of the user's own takes the place of what is left out by default.
    spares = settings.exclude is None
    foreign = _foreign_children(directory, names, is_top=directory == top) if spares else set()
    for entry in entries:
        path = directory / entry.name
        is_directory = entry.is_dir(follow_symlinks=False)
        if not is_directory and not _is_python(entry):
            continue
        if entry.name in foreign or excluded.matches(path, is_directory) or ignored.matches(path, is_directory):
            continue
        shown_path = entry.name if shown == os.curdir else os.path.join(shown, entry.name)
        if not is_directory:
            yield SourceFile(path, shown_path, settings, top)
        elif not (spares and _is_foreign(entry.name, path)):
            yield from _walk(path, shown_path, ignored, settings_for, top)


def _is_python(entry: os.DirEntry[str]) -> bool:
    # ".#" begins the names of an editor's lock files, which are links to nowhere.
    if not entry.name.endswith(".py") or entry.name.startswith(".#"):
        return False
    try:
        # Links to directories are not followed: what they show is in the tree anyway, or belongs to another.
        return entry.is_file() or (entry.is_symlink() and not entry.is_dir())
    except OSError:
        # A loop of links: the run says that the file cannot be read.
        return True


def _is_foreign(name: str, path: Path) -> bool:
    """Whether a directory below the one that was named holds what tools put there: hidden, packages, an environment."""
    return name.startswith(".") or name in _FOREIGN_NAMES or _is_environment(path)


def _is_environment(path: Path) -> bool:
    join = os.path.join
    return (
        os.path.exists(join(path, "pyvenv.cfg"))
        or os.path.isdir(join(path, "conda-meta"))
        or (os.path.exists(join(path, "bin", "activate")) and os.path.lexists(join(path, "bin", "python")))
        or os.path.exists(join(path, "Scripts", "activate.bat"))
    )


def _foreign_children(directory: Path, names: set[str], *, is_top: bool) -> set[str]:
    """The names in a directory that were put there by an installer or copied from a library."""
    foreign: set[str] = set()
    for name in names:
        if name.endswith(".dist-info"):
            foreign |= _installed_names(directory / name)
    if "sqlalchemy" in names and _is_sqlalchemy(directory / "sqlalchemy"):
        # Who copies SQLAlchemy into a folder copies its dependencies there as well, unless the folder is a project's root.
        is_root = is_top or any(marker in names for marker in (".git", "pyproject.toml", "setup.py", "setup.cfg"))
        foreign |= {"sqlalchemy"} if is_root else names
    return foreign


def _is_sqlalchemy(directory: Path) -> bool:
    """Whether it is the library itself: many programs have a package `sqlalchemy` of their own."""
    return all(os.path.exists(os.path.join(directory, name)) for name in _SQLALCHEMY_LAYOUT)


def _installed_names(dist_info: Path) -> set[str]:
    """What an installed distribution brought into the directory that holds its `.dist-info`."""
    try:
        record = (dist_info / "RECORD").read_text("utf-8", "replace")
    except OSError:
        record = ""
    names = {line.partition(",")[0].strip('"').partition("/")[0] for line in record.splitlines()}
    if not names:
        try:
            names = set((dist_info / "top_level.txt").read_text("utf-8", "replace").split())
        except OSError:
            names = {dist_info.name.partition("-")[0]}
        names |= {f"{name}.py" for name in names}
    return names - {"", ".."}


# --- what the user excludes -------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Excluded:
    """The patterns of the settings, relative to the directory of their file."""

    directory: Path
    spec: GitIgnoreSpec | None

    @classmethod
    def of(cls, settings: Settings) -> _Excluded:
        patterns = (*(settings.exclude or ()), *settings.extend_exclude)
        directory = settings.directory or Path.cwd()
        return cls(directory, _spec(patterns) if patterns else None)

    def matches(self, path: Path, is_directory: bool) -> bool:
        if self.spec is None or self.directory not in path.parents:
            return False
        return _verdict(self.spec, path.relative_to(self.directory), is_directory) is True


@dataclass(frozen=True, slots=True)
class _Ignored:
    """The .gitignore files that hold in a directory, the nearest first."""

    files: tuple[tuple[Path, GitIgnoreSpec], ...] = ()

    @classmethod
    def above(cls, directory: Path) -> _Ignored:
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

    def with_file(self, directory: Path) -> _Ignored:
        try:
            text = (directory / ".gitignore").read_text("utf-8", "replace")
        except OSError:
            return self
        return _Ignored(((directory, _spec(text.splitlines())), *self.files))

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


# --- roles ------------------------------------------------------------------------------------------------------------


def role_of(path: Path, root: Path | None, data: bytes) -> FileRole:
    """What part of a program a file is, by where it lies below the project's root and, for migrations, by what it says."""
    parts = path.relative_to(root).parts if root is not None and root in path.parents else (path.name,)
    *folders, name = parts
    if any(folder in {"tests", "test", "testing"} or folder.endswith("_tests") for folder in folders):
        return FileRole.TEST
    if name in {"conftest.py", "tests.py"} or name.startswith("test_") or name.endswith("_test.py"):
        return FileRole.TEST
    if _is_migration(path, data):
        return FileRole.MIGRATION
    return FileRole.APP


def _is_migration(path: Path, data: bytes) -> bool:
    if b"down_revision" in data and _REVISION.search(data):
        return True
    if path.name == "env.py":
        return b"alembic" in data and (path.parent / "versions").is_dir()
    folder = next((up for up in path.parents if up.name == "versions"), None)
    return folder is not None and (folder.parent / "env.py").is_file()
