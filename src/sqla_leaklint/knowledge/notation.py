"""The notation in which rows say what a call returns, and its check."""

from __future__ import annotations

import re

_RESERVED = (
    "self|none|made|rows|row|value|decorator|column|schema item|dependency|partial|file|select|result|heap|unknown"
    r"|(?:class |call )?arg \w+"
)
_PATTERN = re.compile(rf"(?:(?:await|enter|entered|element) )*(?:{_RESERVED}|(?:class )?[A-Za-z_]\w*(?:\.\w+)+)")
_PATH = re.compile(r"(?<![\w.])[A-Za-z_]\w*(?:\.\w+)+")


def is_notation(text: str) -> bool:
    """Tell whether a row may say this in `returns`."""
    return _PATTERN.fullmatch(text) is not None


def class_named(text: str) -> str | None:
    """The class that a `returns` names, if it names one."""
    found = _PATH.search(text)
    return found.group() if found else None
