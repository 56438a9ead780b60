"""Adding an import: into a `from … import …` that is there, or on a line of its own after the other imports."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from sqla_leaklint.fixes.pending import TextEdit
from sqla_leaklint.syntax import tree

if TYPE_CHECKING:
    from sqla_leaklint.syntax.spans import SourceMap


def import_edits(source: SourceMap, module: tree.Module, path: str, name: str) -> Iterator[TextEdit]:
    """The edits after which `name` of module `path` is bound at module level; none when it is already."""
    existing = [stmt for stmt in module.body if isinstance(stmt, tree.ImportFrom) and not stmt.level and stmt.module == path]
    for stmt in existing:
        if any(imported.name == name and imported.alias is None for imported in stmt.names):
            return
    for stmt in existing:
        if stmt.names and stmt.names[-1].name != "*":
            names = sorted([*(imported.name for imported in stmt.names), name], key=str.lower)
            follower = next((each for each in stmt.names if names.index(name) < names.index(each.name)), None)
            if follower is not None:
                start = source.offsets(follower)[0]
                separator = ", "
                before = source.text[source.line_start(start) : start]
                if not before.strip():  # one name a line
                    separator = f",{_newline(source)}{before}"
                yield TextEdit(start, start, f"{name}{separator}")
            else:
                end = source.offsets(stmt.names[-1])[1]
                before = source.text[source.line_start(source.offsets(stmt.names[-1])[0]) : source.offsets(stmt.names[-1])[0]]
                separator = ", " if before.strip() else f",{_newline(source)}{before}"
                yield TextEdit(end, end, f"{separator}{name}")
            return
    place = _place(source, module)
    yield TextEdit(place, place, f"from {path} import {name}{_newline(source)}")


def _place(source: SourceMap, module: tree.Module) -> int:
    """Where a new import line goes: before the first import that sorts after `__future__`, else after the docstring."""
    imports = [
        stmt
        for stmt in module.body
        if isinstance(stmt, tree.Import) or (isinstance(stmt, tree.ImportFrom) and stmt.module != "__future__")
    ]
    if imports:
        return source.line_start(source.offsets(imports[0])[0])
    header = [
        stmt
        for position, stmt in enumerate(module.body)
        if isinstance(stmt, tree.ImportFrom)
        or (position == 0 and isinstance(stmt, tree.ExprStmt) and isinstance(stmt.value, tree.Constant))
    ]
    if header:
        end = source.line_end(source.offsets(header[-1])[1])
        return min(end + len(_newline(source)), len(source.text))
    return source.line_start(source.offsets(module.body[0])[0]) if module.body else 0


def _newline(source: SourceMap) -> str:
    return "\r\n" if "\r\n" in source.text else "\n"
