"""Which FastAPI a project runs on, as far as its own files say: the order in which things end hangs on it.

A lock file or an exact pin gives one version; a range in `pyproject.toml` gives a range.  What cannot be told is a
wide range, and
every question whose answer differs within the range is answered "not known".
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from sqla_leaklint.knowledge.facts import DependencyExit, Moment

Version = tuple[int, ...]
_NEWEST: Version = (10**6,)

_LOCKED = re.compile(r'name\s*=\s*"fastapi"\s*\n\s*version\s*=\s*"([\d.]+)"', re.IGNORECASE)
_REQUIREMENT = re.compile(r"""(?:^|["'])fastapi(?:\[[^\]]*\])?\s*((?:[<>=!~]=?=?\s*[\d.*]+\s*,?\s*)+)""", re.IGNORECASE | re.MULTILINE)
_POETRY = re.compile(r"""^fastapi\s*=\s*(?:\{[^}\n]*version\s*=\s*)?["']([^"']+)["']""", re.IGNORECASE | re.MULTILINE)
_CLAUSE = re.compile(r"(\^|~=|===?|[<>]=?|!=|~)?\s*(\d[\d.]*)(\.\*)?")
_LOCK_FILES = ("uv.lock", "poetry.lock", "pdm.lock")


@dataclass(frozen=True, slots=True)
class VersionRange:
    """The versions that are possible: from `since` on, below `until`."""

    since: Version = (0,)
    until: Version = _NEWEST

    def overlaps(self, since: str, until: str) -> bool:
        return self.since < (parsed(until) if until else _NEWEST) and (parsed(since) if since else (0,)) < self.until


def parsed(text: str) -> Version:
    """A version as numbers; what follows the numbers (`rc1`, `.post1`) does not count."""
    return tuple(int(part) for part in re.findall(r"\d+", re.match(r"[\d.]*", text.strip()).group())) or (0,)  # type: ignore[union-attr]


def exact(text: str) -> VersionRange:
    """The range that holds one version alone."""
    version = parsed(text)
    padded = version + (0,) * (3 - len(version))
    return VersionRange(padded, (*padded[:-1], padded[-1] + 1))


def fastapi_versions(root: Path | None, setting: str | None) -> VersionRange:
    """The possible versions: by the setting `fastapi-version`, else by the nearest lock file, pin or requirement."""
    if setting:
        return exact(setting)
    return _versions_below(root) if root is not None else VersionRange()


@lru_cache(maxsize=64)
def _versions_below(root: Path) -> VersionRange:
    for folder in _folders(root):
        found = next(_said_in(folder), None)
        if found is not None:
            return found
    return VersionRange()


def _folders(root: Path) -> Iterator[Path]:
    """The root, and the folders above it up to the repository's own (where a workspace keeps its lock file)."""
    yield root
    if (root / ".git").exists():
        return
    above = list(root.parents)
    repository = next((position for position, folder in enumerate(above) if (folder / ".git").exists()), None)
    if repository is not None:
        yield from above[: repository + 1]


def _said_in(folder: Path) -> Iterator[VersionRange]:
    for name in _LOCK_FILES:
        for match in _LOCKED.finditer(_text(folder / name)):
            yield exact(match.group(1))
    for path in sorted(folder.glob("requirements*.txt")):
        yield from _required(_REQUIREMENT.findall(_text(path)))
    pyproject = _text(folder / "pyproject.toml")
    yield from _required(_REQUIREMENT.findall(pyproject))
    yield from _required(_POETRY.findall(pyproject))


def _required(specifiers: Iterable[str]) -> Iterator[VersionRange]:
    for specifier in specifiers:
        since: Version = (0,)
        until: Version = _NEWEST
        for operator, version, _ in _CLAUSE.findall(specifier):
            number = parsed(version)
            match operator:
                case ">=" | ">":
                    since = max(since, number)
                case "<" | "<=":
                    until = min(until, number if operator == "<" else (*number, 1))
                case "!=":
                    pass
                case "^" | "~=" | "~":
                    # FastAPI is below 1.0: a caret allows patches alone.
                    next_minor = (*number[:1], number[1] + 1) if len(number) > 1 else (number[0] + 1,)
                    since, until = max(since, number), min(until, next_minor)
                case _:
                    since, until = exact(version).since, exact(version).until
        yield VersionRange(since, until)


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def moment_of_exit(rows: Iterable[DependencyExit], versions: VersionRange, scope: str) -> Moment | None:
    """When a dependency's exit code runs; None when the possible versions differ in that."""
    moments = {
        row.moment
        for row in rows
        if row.scope == (scope or "request") and versions.overlaps(row.versions.since, row.versions.until)
    }
    return moments.pop() if len(moments) == 1 else None
