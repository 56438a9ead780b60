"""Rows that a project adds about its own code, read from its settings.

    [[tool.leaklint.knowledge.type]]
    name = "acme.db.Maker"
    kind = "session factory"
    makes = "sqlalchemy.orm.Session"

    [[tool.leaklint.knowledge.function]]
    name = "acme.db.open_session"
    returns = "sqlalchemy.orm.Session"

    [[tool.leaklint.knowledge.method]]
    owner = "acme.db.Maker"
    name = "shut"
    returns = "none"
    effect = "releases"

The kinds of rows and their keys are those of `facts`; a hyphen in a key counts as an underscore.  `docs` may be
left out.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import MISSING, fields
from difflib import get_close_matches
from enum import Enum
from typing import Any, get_type_hints

from sqla_leaklint.knowledge import facts
from sqla_leaklint.knowledge.notation import is_notation

ROW_KINDS: dict[str, tuple[type, str]] = {
    "type": (facts.Type, "types"),
    "function": (facts.Function, "functions"),
    "method": (facts.Method, "methods"),
    "step": (facts.Step, "steps"),
    "consumer": (facts.Consumer, "consumers"),
    "column-type": (facts.ColumnType, "column_types"),
    "aggregate": (facts.Aggregate, "aggregates"),
    "decorator": (facts.Decorator, "decorators"),
    "memoizer": (facts.Memoizer, "memoizers"),
    "handoff": (facts.Handoff, "handoffs"),
    "reexport": (facts.Reexport, "reexports"),
}


class KnowledgeError(ValueError):
    """A row in the settings that cannot be understood; the message names the row and the key."""


def table_from_settings(settings: Mapping[str, object]) -> facts.Table:
    """Read the value of `[tool.leaklint.knowledge]`; raises KnowledgeError."""
    rows: dict[str, tuple[Any, ...]] = {}
    for kind, entries in settings.items():
        if kind not in ROW_KINDS:
            raise KnowledgeError(f"knowledge.{kind}: no such kind of row{_suggestion(kind, ROW_KINDS)}")
        if not isinstance(entries, list) or not all(isinstance(entry, Mapping) for entry in entries):
            raise KnowledgeError(f"knowledge.{kind}: must be an array of tables, `[[tool.leaklint.knowledge.{kind}]]`")
        row_class, collection = ROW_KINDS[kind]
        rows[collection] = tuple(
            _row(row_class, entry, f"knowledge.{kind}[{position}]") for position, entry in enumerate(entries)
        )
    return facts.Table("", is_user=True, **rows)


def _row(row_class: type, entry: Mapping[str, object], where: str) -> Any:
    hints = get_type_hints(row_class)
    declared = {field.name: field for field in fields(row_class)}
    values: dict[str, Any] = {}
    for key, value in entry.items():
        name = key.replace("-", "_")
        if name not in declared:
            raise KnowledgeError(f"{where}: no such key `{key}`{_suggestion(name, declared)}")
        values[name] = _value(hints[name], value, f"{where}.{key}")
    for name, field in declared.items():
        if name == "docs":
            values.setdefault("docs", "")
        if name not in values and field.default is MISSING:
            raise KnowledgeError(f"{where}: `{name}` is missing")
    if "returns" in values and not is_notation(values["returns"]):
        raise KnowledgeError(f"{where}.returns: cannot read {values['returns']!r}")
    return row_class(**values)


def _value(hint: Any, value: object, where: str) -> Any:
    options = getattr(hint, "__args__", None)
    if options and type(None) in options:
        hint = options[0]
    if isinstance(hint, type) and issubclass(hint, Enum):
        known = [member.value for member in hint]
        if value not in known:
            raise KnowledgeError(f"{where}: {value!r} is none of {', '.join(known)}{_suggestion(str(value), known)}")
        return hint(value)
    if hint is facts.Versions:
        if not isinstance(value, Mapping):
            raise KnowledgeError(f"{where}: must be a table with `distribution`, `since`, `until`")
        return _row(facts.Versions, value, where)
    if getattr(hint, "__origin__", None) is tuple:
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            raise KnowledgeError(f"{where}: must be an array of strings")
        return tuple(value)
    if not isinstance(value, hint) or (hint is int and isinstance(value, bool)):
        raise KnowledgeError(f"{where}: must be {_NAMES[hint]}, not {value!r}")
    return value


_NAMES = {str: "a string", bool: "true or false", int: "a whole number"}


def _suggestion(word: str, known: Iterable[str]) -> str:
    close = get_close_matches(word, list(known), n=1)
    return f"; did you mean `{close[0]}`?" if close else ""
