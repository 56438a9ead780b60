"""Which files are looked at."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from sqla_leaklint.config import Settings
from sqla_leaklint.linter.patterns import Excluded, Ignored

# Written by tools under these very names; `lib`, `libs`, `env`, `build` and `dist` hold first-party code as well.
_FOREIGN_NAMES = frozenset(
    {"site-packages", "dist-packages", "node_modules", "__pycache__", "__pypackages__", "_vendor"}
)
_SQLALCHEMY_LAYOUT = ("__init__.py", "orm", "engine", "sql")


class MissingPathError(Exception):
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

    Raises `MissingPathError` before the first file when a path is not there.
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
        raise MissingPathError(f"{path}: {error.strerror or error}") from error
    except ValueError as error:  # a NUL in the name
        raise MissingPathError(f"{path!r}: {error}") from error


def _below(top: Path, settings_for: SettingsFor) -> Iterator[SourceFile]:
    absolute = Path(os.path.abspath(top))
    ignored = Ignored.above(absolute)
    yield from _walk(absolute, os.path.normpath(top), ignored, settings_for, absolute)


def _walk(directory: Path, shown: str, ignored: Ignored, settings_for: SettingsFor, top: Path) -> Iterator[SourceFile]:
    try:
        entries = sorted(os.scandir(directory), key=lambda entry: entry.name)
    except OSError:
        # A directory that may not be listed holds nothing that we could lint.
        return
    names = {entry.name for entry in entries}
    settings = settings_for(directory)
    if ".gitignore" in names:
        ignored = ignored.with_file(directory)
    excluded = Excluded.of(settings)
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
        # Who copies SQLAlchemy into a folder copies its dependencies as well, unless the folder is a project's root.
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
