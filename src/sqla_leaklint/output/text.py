"""The `text` format: flake8's own, one diagnostic a line."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Iterator

from sqla_leaklint.diagnostics import Applicability, Diagnostic

UNPARSABLE = "LKS900"
MOST_SINGLE = 3
"""More unparsable files than that in one folder are templates, and are told of in one line."""


def render(diagnostics: Iterable[Diagnostic]) -> Iterator[str]:
    """The lines `path:line:col: CODE message`, without line ends."""
    found = list(diagnostics)
    unparsable = Counter(_folder(one) for one in found if one.code == UNPARSABLE)
    told: set[str] = set()
    for one in found:
        message = one.message
        if one.code == UNPARSABLE and unparsable[_folder(one)] > MOST_SINGLE:
            if _folder(one) in told:
                continue
            told.add(_folder(one))
            message += f" (and {unparsable[_folder(one)] - 1} more files in this folder cannot be parsed)"
        span = one.location.span
        yield f"{one.location.path}:{span.line}:{span.column}: {one.code} {message}"


def summary(diagnostics: Iterable[Diagnostic], *, unsafe_fixes: bool = False) -> str:
    """How many there are and how many of them can be fixed; `unsafe_fixes` tells that unsafe fixes are allowed."""
    found = list(diagnostics)
    if not found:
        return "No diagnostics."
    counts = Counter(one.fix.applicability for one in found if one.fix is not None)
    safe, unsafe = counts[Applicability.SAFE], counts[Applicability.UNSAFE]
    fixable = safe + unsafe if unsafe_fixes else safe
    flags = "--fix --unsafe-fixes" if unsafe_fixes else "--fix"
    parts: list[str] = []
    if fixable:
        parts.append(f"{fixable} fixable with `{flags}`")
    if unsafe and not unsafe_fixes:
        parts.append(f"{unsafe} {'more' if safe else 'fixable'} with `--fix --unsafe-fixes`")
    noun = "diagnostic" if len(found) == 1 else "diagnostics"
    return f"Found {len(found)} {noun}" + (f" ({', '.join(parts)})." if parts else ".")


def _folder(diagnostic: Diagnostic) -> str:
    return os.path.dirname(diagnostic.location.path)
