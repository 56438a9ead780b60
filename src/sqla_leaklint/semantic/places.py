"""Where files stand: in which project, under which module name, among its tests or not."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

PROJECT_MARKERS = ("pyproject.toml", "leaklint.toml", "setup.py", "setup.cfg", ".git")


@dataclass(frozen=True, slots=True)
class Place:
    """Where a file stands among modules: its dotted name and the source root that the name counts from."""

    name: str
    root: str
    is_package: bool


def place_of(path: Path, root: Path | None, inner_roots: Collection[str] = ()) -> Place:
    """Where a file stands among modules; the name counts from the folder above its topmost package.

    `inner_roots` are packages that are source roots themselves.
    """
    is_package = path.name == "__init__.py"
    folder = path.parent
    while (folder / "__init__.py").is_file() and folder != folder.parent and str(folder) not in inner_roots:
        folder = folder.parent
    if folder == path.parent and root is not None and root in path.parents and str(folder) not in inner_roots:
        # No regular package: a namespace package counts from the nearest folder that looks like a source root.
        folder = next((up for up in path.parents if up == root or up.name == "src" or _is_marked(up)), root)
    parts = list(path.relative_to(folder).with_suffix("").parts) if folder in path.parents else [path.stem]
    if is_package:
        parts = parts[:-1]
    return Place(".".join(parts) or path.stem, str(folder), is_package)


def project_root(path: Path) -> Path | None:
    """The nearest folder at or above a path that holds a project file, or None."""
    start = path.resolve()
    return next((folder for folder in (start, *start.parents) if folder.is_dir() and _is_marked(folder)), None)


def is_test_file(path: Path, root: Path | None) -> bool:
    """Whether a file of a project is one of its tests, by where it lies and what it is called."""
    *folders, name = path.relative_to(root).parts if root is not None and root in path.parents else (path.name,)
    if any(folder in {"tests", "test", "testing"} or folder.endswith("_tests") for folder in folders):
        return True
    return name in {"conftest.py", "tests.py"} or name.startswith("test_") or name.endswith("_test.py")


def _is_marked(folder: Path) -> bool:
    found = {marker for marker in PROJECT_MARKERS if (folder / marker).exists()}
    if found == {"setup.py"}:  # in a package it is a module like others
        return not (folder / "__init__.py").exists()
    return bool(found)
