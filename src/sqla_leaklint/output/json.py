"""The `json` format: a list of objects, lines and columns counted from 1, ends exclusive."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from sqla_leaklint.diagnostics import Diagnostic, Fix, Location


def render(diagnostics: Iterable[Diagnostic]) -> str:
    """The whole document, without a line end."""
    return json.dumps([_diagnostic(one) for one in diagnostics], indent=2, ensure_ascii=False)


def _diagnostic(one: Diagnostic) -> dict[str, Any]:
    return {
        "code": one.code,
        "name": one.name,
        "group": one.group.value,
        "message": one.message,
        **_range(one.location),
        "help": one.help,
        "notes": [
            {
                "path": note.location.path,
                "line": note.location.span.line,
                "column": note.location.span.column,
                "message": note.message,
            }
            for note in one.notes
        ],
        "fix": _fix(one.fix) if one.fix is not None else None,
    }


def _fix(fix: Fix) -> dict[str, Any]:
    return {
        "applicability": fix.applicability.value,
        "message": fix.message,
        "edits": [{**_range(edit.location), "content": edit.content} for edit in fix.edits],
    }


def _range(location: Location) -> dict[str, Any]:
    return {"path": location.path, **location.span._asdict()}
