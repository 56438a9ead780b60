"""Which version of a library a project runs on, as far as its own files say.

A lock file or an exact pin gives one version; a range in `pyproject.toml` gives a range.  What cannot be told is a
wide range, and every question whose answer differs within the range is answered "not known".
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from sqla_leaklint.knowledge.facts import Versions

Version = tuple[int, ...]
_NEWEST: Version = (10**6,)

_LOCKED = r'name\s*=\s*"{name}"\s*\n\s*version\s*=\s*"([\d.]+)"'
_PIPENV_LOCKED = r'"{name}"\s*:\s*\{{[^{{}}]*"version"\s*:\s*"==([\d.]+)"'
_REQUIREMENT = r"""(?:^[ \t]*|["']){name}\s*(?:\[[^\]]*\])?\s*\(?((?:(?:===?|~=|!=|[<>]=?)\s*[\d.*]+\s*,?\s*)+)"""
_POETRY = r"""^{name}\s*=\s*(?:\{{[^}}\n]*version\s*=\s*)?["']([^"'\n]+)["']"""
_POETRY_TABLE = (
    r"""^\[tool\.poetry\.(?:[\w.-]+\.)?dependencies\.{name}\]\s*\n"""
    r"""(?:[^\[\n][^\n]*\n|\s*\n)*?version\s*=\s*["']([^"'\n]+)["']"""
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


def versions_below(root: Path | None, distribution: str) -> VersionRange:
    """The possible versions of a distribution in a project."""
    return found_below(root, distribution)[0] if root is not None else VersionRange()


def written(version: Version) -> str:
    """A version as people write it; "" for the ends of the widest range."""
    return "" if version in {(0,), _NEWEST} else ".".join(map(str, version))


@lru_cache(maxsize=64)
def found_below(root: Path, distribution: str) -> tuple[VersionRange, Path | None]:
    """The versions of a distribution by the nearest lock file, pin or requirement, and the file that says so."""
    folders = list(_folders(root))
    required = next(
        (found for folder in folders for found in _required_in(folder, distribution)), (VersionRange(), None)
    )
    locked = (found for folder in folders for found in _locked_in(folder, distribution))
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


def _locked_in(folder: Path, distribution: str) -> Iterator[tuple[VersionRange, Path]]:
    for name, pattern in _LOCK_FILES.items():
        versions = [exact(version) for version in _pattern(pattern, distribution).findall(_text(folder / name))]
        if versions:  # several of them: one for each platform or Python
            since, until = min(version.since for version in versions), max(version.until for version in versions)
            yield VersionRange(since, until), folder / name


def _required_in(folder: Path, distribution: str) -> Iterator[tuple[VersionRange, Path]]:
    requirement = _pattern(_REQUIREMENT, distribution)
    for path in sorted((*folder.glob("requirements*.txt"), *folder.glob("requirements/*.txt"))):
        yield from ((specified(found), path) for found in requirement.findall(_text(path)))
    pyproject = folder / "pyproject.toml"
    text = _text(pyproject)
    for pattern in (requirement, _pattern(_POETRY, distribution), _pattern(_POETRY_TABLE, distribution)):
        yield from ((specified(found), pyproject) for found in pattern.findall(text))
    for path in (folder / "setup.cfg", folder / "setup.py"):
        yield from ((specified(found), path) for found in requirement.findall(_text(path)))


@lru_cache(maxsize=64)
def _pattern(pattern: str, distribution: str) -> re.Pattern[str]:
    return re.compile(pattern.format(name=re.escape(distribution)), re.IGNORECASE | re.MULTILINE)


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
            case "^":
                since, until = max(since, number), min(until, _next(_leading(number)))
            case "~":
                since, until = max(since, number), min(until, _next(number[:2]))
            case _:
                one = VersionRange(number, _next(number)) if wildcard else exact(version)
                since, until = max(since, one.since), min(until, one.until)
    return VersionRange(since, until)


def _leading(version: Version) -> Version:
    """Up to the first number that is not zero: what a caret keeps."""
    place = next((place for place, number in enumerate(version) if number), len(version) - 1)
    return version[: place + 1]


def _next(version: Version) -> Version:
    """The first version after all that begin like this one."""
    return (*version[:-1], version[-1] + 1) if version else _NEWEST


def _text(path: Path) -> str:
    try:
        data = path.read_bytes()
    except OSError:
        return ""
    # `pip freeze >` in a Windows shell writes UTF-16, and says so by its first two bytes.
    is_wide = data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    return data.decode("utf-16" if is_wide else "utf-8-sig", errors="replace")


def range_of(versions: Versions) -> VersionRange:
    """The range that a row of the tables holds for."""
    return VersionRange(parsed(versions.since), parsed(versions.until) if versions.until else _NEWEST)
