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
_PIPENV_LOCKED = re.compile(r'"fastapi"\s*:\s*\{[^{}]*"version"\s*:\s*"==([\d.]+)"', re.IGNORECASE)
_REQUIREMENT = re.compile(
    r"""(?:^|["'])fastapi\s*(?:\[[^\]]*\])?\s*\(?((?:(?:===?|~=|!=|[<>]=?)\s*[\d.*]+\s*,?\s*)+)""",
    re.IGNORECASE | re.MULTILINE,
)
_POETRY = re.compile(r"""^fastapi\s*=\s*(?:\{[^}\n]*version\s*=\s*)?["']([^"'\n]+)["']""", re.IGNORECASE | re.MULTILINE)
_POETRY_TABLE = re.compile(
    r"""^\[tool\.poetry\.(?:[\w.-]+\.)?dependencies\.fastapi\]\s*\n"""
    r"""(?:[^\[\n][^\n]*\n|\s*\n)*?version\s*=\s*["']([^"'\n]+)["']""",
    re.IGNORECASE | re.MULTILINE,
)
_CLAUSE = re.compile(r"(\^|~=|===?|[<>]=?|!=|~)?\s*(\d+(?:\.\d+)*)(\.\*)?")
_NUMBERS = re.compile(r"\d+(?:\.\d+)*")
_LOCK_FILES = {"uv.lock": _LOCKED, "poetry.lock": _LOCKED, "pdm.lock": _LOCKED, "Pipfile.lock": _PIPENV_LOCKED}


@dataclass(frozen=True, slots=True)
class VersionRange:
    """The versions that are possible: from `since` on, below `until`."""

    since: Version = (0,)
    until: Version = _NEWEST

    def overlaps(self, other: VersionRange) -> bool:
        """Whether some version is in both."""
        return _canonical(self.since) < _canonical(other.until) and _canonical(other.since) < _canonical(self.until)


def _canonical(version: Version) -> Version:
    """Without zeros at the end: 0.118 and 0.118.0 are one version."""
    while version and version[-1] == 0:
        version = version[:-1]
    return version


def parsed(text: str) -> Version:
    """A version as numbers; what follows the numbers (`rc1`, `.post1`) does not count."""
    numbers = _NUMBERS.match(text.strip())
    return tuple(map(int, numbers[0].split("."))) if numbers else (0,)


def exact(text: str) -> VersionRange:
    """The range that holds one version alone."""
    version = parsed(text)
    padded = version + (0,) * (3 - len(version))
    return VersionRange(padded, (*padded[:-1], padded[-1] + 1))


def fastapi_versions(root: Path | None, setting: str | None) -> VersionRange:
    """The possible versions: by the setting `fastapi-version`, else by the nearest lock file, pin or requirement."""
    if setting:
        return specified(setting)
    return _versions_below(root) if root is not None else VersionRange()


def source_of_version(root: Path | None, setting: str | None) -> str:
    """What `fastapi_versions` goes by: a file, "the setting `fastapi-version`", or "" when nothing tells."""
    if setting:
        return "the setting `fastapi-version`"
    source = _found_below(root)[1] if root is not None else None
    return str(source) if source is not None else ""


def written(version: Version) -> str:
    """A version as people write it; "" for the ends of the widest range."""
    return "" if version in {(0,), _NEWEST} else ".".join(map(str, version))


def _versions_below(root: Path) -> VersionRange:
    return _found_below(root)[0]


@lru_cache(maxsize=64)
def _found_below(root: Path) -> tuple[VersionRange, Path | None]:
    """The possible versions, and the file that says so."""
    folders = list(_folders(root))
    required = next((found for folder in folders for found in _required_in(folder)), (VersionRange(), None))
    locked = (found for folder in folders for found in _locked_in(folder))
    # The lock file of a workspace lies above the project; one that contradicts the project is not the project's.
    return next((found for found in locked if found[0].overlaps(required[0])), required)


def _folders(root: Path) -> Iterator[Path]:
    """The root, and the folders above it up to the repository's own (where a workspace keeps its lock file)."""
    yield root
    if (root / ".git").exists():
        return
    above = list(root.parents)
    repository = next((position for position, folder in enumerate(above) if (folder / ".git").exists()), None)
    if repository is not None:
        yield from above[: repository + 1]


def _locked_in(folder: Path) -> Iterator[tuple[VersionRange, Path]]:
    for name, pattern in _LOCK_FILES.items():
        versions = [exact(version) for version in pattern.findall(_text(folder / name))]
        if versions:  # several of them: one for each platform or Python
            since, until = min(version.since for version in versions), max(version.until for version in versions)
            yield VersionRange(since, until), folder / name


def _required_in(folder: Path) -> Iterator[tuple[VersionRange, Path]]:
    for path in sorted((*folder.glob("requirements*.txt"), *folder.glob("requirements/*.txt"))):
        yield from ((specified(found), path) for found in _REQUIREMENT.findall(_text(path)))
    pyproject = folder / "pyproject.toml"
    text = _text(pyproject)
    for pattern in (_REQUIREMENT, _POETRY, _POETRY_TABLE):
        yield from ((specified(found), pyproject) for found in pattern.findall(text))


def specified(specifier: str) -> VersionRange:
    """The range of `>=0.115,<0.117`, `~=0.115.2`, `==0.117.*`, `^0.110` or a plain version; else all versions."""
    since: Version = (0,)
    until: Version = _NEWEST
    for operator, version, wildcard in _CLAUSE.findall(specifier):
        number = parsed(version)
        match operator:
            case ">=" | ">":
                since = max(since, number)
            case "<" | "<=":
                until = min(until, number if operator == "<" else (*number, 1))
            case "!=":
                pass
            case "~=":
                since, until = max(since, number), min(until, _next(number[:-1]))
            case "^" | "~":
                # FastAPI is below 1.0: a caret allows patches alone.
                since, until = max(since, number), min(until, _next(number[:2]))
            case _:
                one = VersionRange(number, _next(number)) if wildcard else exact(version)
                since, until = max(since, one.since), min(until, one.until)
    return VersionRange(since, until)


def _next(version: Version) -> Version:
    """The first version after all that begin like this one."""
    return (*version[:-1], version[-1] + 1) if version else _NEWEST


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def moment_of_exit(rows: Iterable[DependencyExit], versions: VersionRange, scope: str) -> Moment | None:
    """When a dependency's exit code runs; None when the possible versions differ in that."""
    moments = {row.moment for row in rows if row.scope == (scope or "request") and versions.overlaps(_range_of(row))}
    return moments.pop() if len(moments) == 1 else None


def _range_of(row: DependencyExit) -> VersionRange:
    since, until = row.versions.since, row.versions.until
    return VersionRange(parsed(since), parsed(until) if until else _NEWEST)
