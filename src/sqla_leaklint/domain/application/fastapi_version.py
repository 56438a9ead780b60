"""Which FastAPI a project runs on: the order in which things end hangs on it."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from sqla_leaklint.domain.application.versions import (
    VersionRange,
    exact,
    found_below,
    parsed,
    range_of,
    specified,
    versions_below,
    written,
)
from sqla_leaklint.domain.values import Instance, Origin, ProjectInstance
from sqla_leaklint.knowledge.facts import DependencyExit, Moment

if TYPE_CHECKING:
    from sqla_leaklint.domain.module import Domain

__all__ = [
    "VersionRange",
    "exact",
    "exit_of",
    "fastapi_versions",
    "moment_of_exit",
    "parsed",
    "source_of_version",
    "specified",
    "written",
]

_DISTRIBUTION = "fastapi"


def fastapi_versions(root: Path | None, setting: str | None) -> VersionRange:
    """The possible versions: by the setting `fastapi-version`, else by the project's files."""
    return specified(setting) if setting else versions_below(root, _DISTRIBUTION)


def source_of_version(root: Path | None, setting: str | None) -> str:
    """What `fastapi_versions` goes by: a file, "the setting `fastapi-version`", or "" when nothing tells."""
    if setting:
        return "the setting `fastapi-version`"
    source = found_below(root, _DISTRIBUTION)[1] if root is not None else None
    return str(source) if source is not None else ""


def moment_of_exit(rows: Iterable[DependencyExit], versions: VersionRange, scope: str) -> Moment | None:
    """When a dependency's exit code runs; None when the possible versions differ in that."""
    moments = {
        row.moment for row in rows if row.scope == (scope or "request") and versions.overlaps(range_of(row.versions))
    }
    return moments.pop() if len(moments) == 1 else None


def exit_of(domain: Domain, session: Instance | ProjectInstance) -> Moment | None:
    """When a request's session is closed, as far as the FastAPI version tells; None for a session of somebody else."""
    if session.origin is not Origin.PROVIDED:
        return None
    versions = fastapi_versions(domain.evaluator.project.root, domain.settings.fastapi_version)
    return moment_of_exit(domain.evaluator.knowledge.dependency_exits, versions, session.scope)
