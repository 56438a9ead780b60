"""What is installed in this environment, and the objects at dotted paths in it."""

from __future__ import annotations

import importlib
import re
from importlib import metadata
from typing import Any

from sqla_leaklint.knowledge.facts import Versions

MISSING = object()


def resolve(path: str) -> Any:
    """The object at a dotted path, or MISSING."""
    parts = path.split(".")
    for size in range(len(parts), 0, -1):
        try:
            found: Any = importlib.import_module(".".join(parts[:size]))
        except ImportError:
            continue
        for name in parts[size:]:
            found = getattr(found, name, MISSING)
            if found is MISSING:
                return MISSING
        return found
    return MISSING


def installed(distribution: str) -> str | None:
    """The installed version; "" for the standard library; None if it is not there."""
    if not distribution:
        return ""
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return None


def release(version: str) -> tuple[int, ...]:
    found = re.match(r"\d+(?:\.\d+)*", version)
    numbers = [int(number) for number in found.group().split(".")] if found else []
    while numbers and numbers[-1] == 0:
        numbers.pop()
    return tuple(numbers)


def holds(versions: Versions | None) -> bool:
    """Tell whether a row claims to hold for what is installed."""
    if versions is None:
        return True
    version = installed(versions.distribution)
    if version is None:
        return False
    here = release(version)
    return here >= release(versions.since) and (not versions.until or here < release(versions.until))
