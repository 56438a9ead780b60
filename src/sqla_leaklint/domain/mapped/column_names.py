"""What the name of a column says of its values.  Evidence of last resort."""

from __future__ import annotations

import re

from sqla_leaklint.domain.mapped.columns import Column

OF_PARENT = re.compile(r"(?:^|_)(?:id|uuid|guid|pk|slug|oid|token|hash|key|email)$", re.IGNORECASE)
_FLAG_WORDS = (
    "active enabled disabled deleted archived status state kind type level default visible flag role severity priority "
    "mode stage phase draft public hidden locked verified published completed processed"
)
_FLAG = re.compile(rf"^(?:is|has|can|allow|should|was)_|(?:^|_)(?:{'|'.join(_FLAG_WORDS.split())})(?:$|_)")
_OF_ONE = re.compile(r"(?:^|_)(?:default|primary|main|current|latest|master|super|root|owner)(?:$|_)")


def is_flag(name: str, column: Column | None) -> bool:
    """Whether a column has few values, so that many rows share each."""
    kind = column.type.rpartition(".")[2].lower() if column is not None else ""
    return kind in {"boolean", "enum"} or _FLAG.search(name) is not None


def is_of_one(name: str) -> bool:
    """Whether a flag is set on one row of a table or parent: the default one, the main one, the latest."""
    return _OF_ONE.search(name) is not None
