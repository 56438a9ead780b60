"""What part of a program a file belongs to: the application, its tests, its migrations."""

from __future__ import annotations

import re
from enum import Enum
from pathlib import Path

from sqla_leaklint.semantic.places import is_test_file

_REVISION = re.compile(rb"^down_revision\b", re.MULTILINE)


class FileRole(str, Enum):
    """What part of a program a file belongs to; some rules speak of the application only."""

    APP = "app"
    TEST = "test"
    MIGRATION = "migration"


def role_of(path: Path, root: Path | None, data: bytes) -> FileRole:
    """What part of a program a file is, by where it lies below the project's root; migrations say it themselves."""
    if is_test_file(path, root):
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
