"""Adding an import: into a `from … import …` that is there, or on a line of its own after the other imports."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING

from sqla_leaklint.fixes.pending import TextEdit
from sqla_leaklint.syntax import tree

if TYPE_CHECKING:
    from sqla_leaklint.syntax.spans import SourceMap


def import_edits(source: SourceMap, module: tree.Module, path: str, *names: str) -> Iterator[TextEdit]:
    """The edits after which `names` of module `path` are bound at module level; none for those that are already."""
    existing = [
        stmt for stmt in module.body if isinstance(stmt, tree.ImportFrom) and not stmt.level and stmt.module == path
    ]
    present = {imported.name for stmt in existing for imported in stmt.names if imported.alias is None}
    missing = sorted({*names} - present, key=_by_type)
    extended = next((stmt for stmt in existing if stmt.names and stmt.names[-1].name != "*"), None)
    if extended is not None:
        yield from _added(source, extended, missing)
    elif missing:
        yield _new_line(source, module, path, f"from {path} import {', '.join(missing)}")


def _added(source: SourceMap, stmt: tree.ImportFrom, names: list[str]) -> Iterator[TextEdit]:
    """The edits that add names to an import, each in its place."""
    inserted: dict[int, list[tuple[str, str, str]]] = {}
    for name in names:
        follower = _follower(stmt, name)
        start, end = source.offsets(follower or stmt.names[-1])
        before = source.text[source.line_start(start) : start]
        separator = ", " if before.strip() else f",{newline_of(source)}{before}"  # one name a line
        text = ("", name, separator) if follower is not None else (separator, name, "")
        inserted.setdefault(start if follower is not None else end, []).append(text)
    for place, texts in inserted.items():
        yield TextEdit(place, place, "".join("".join(text) for text in texts))


def _follower(stmt: tree.ImportFrom, name: str) -> tree.ImportedName | None:
    """The name before which a new one goes, in the order that the statement keeps; None: after the last."""
    present = [imported.name for imported in stmt.names]
    key = (
        str.lower
        if present != sorted(present, key=_by_type) and present == sorted(present, key=str.lower)
        else _by_type
    )
    if present != sorted(present, key=key):
        return None
    return next((each for each in stmt.names if key(name) < key(each.name)), None)


def _by_type(name: str) -> str:
    """Constants, then classes, then the rest, as isort and ruff sort names."""
    kind = "0" if name.isupper() and len(name) > 1 else "1" if name[:1].isupper() else "2"
    return f"{kind}{name.lower()}"


def _new_line(source: SourceMap, module: tree.Module, path: str, line: str) -> TextEdit:
    """A new import line: in its place among the imports of its kind, or above or below those of the other kind."""
    newline = newline_of(source)
    imports = [
        stmt for stmt in module.body if isinstance(stmt, tree.Import | tree.ImportFrom) and _path(stmt) != "__future__"
    ]
    kin = [
        stmt for stmt in imports if _is_standard(_path(stmt)) == _is_standard(path) and not _path(stmt).startswith(".")
    ]
    follower = next((stmt for stmt in kin if isinstance(stmt, tree.ImportFrom) and _path(stmt) > path), None)
    if follower is not None:
        place = source.line_start(source.offsets(follower)[0])
        return TextEdit(place, place, f"{line}{newline}")
    if kin:
        return _below(source, kin[-1], f"{line}{newline}")
    if imports and _is_standard(path):
        place = source.line_start(source.offsets(imports[0])[0])
        return TextEdit(place, place, f"{line}{newline}{newline}")
    if imports:
        return _below(source, imports[-1], f"{newline}{line}{newline}")
    header = [
        stmt
        for position, stmt in enumerate(module.body)
        if isinstance(stmt, tree.ImportFrom)
        or (position == 0 and isinstance(stmt, tree.ExprStmt) and isinstance(stmt.value, tree.Constant))
    ]
    if header:
        return _below(source, header[-1], f"{newline}{line}{newline}")
    place = source.line_start(source.offsets(module.body[0])[0]) if module.body else 0
    return TextEdit(place, place, f"{line}{newline}{newline}")


def _below(source: SourceMap, stmt: tree.Stmt, text: str) -> TextEdit:
    """Insert lines below a statement of module level."""
    end = source.line_end(source.offsets(stmt)[1])
    after = source.text[end : end + 2]
    end += 2 if after == "\r\n" else 1 if after[:1] in {"\n", "\r"} else 0
    missing = "" if source.text[:end].endswith(("\n", "\r")) else newline_of(source)
    return TextEdit(end, end, f"{missing}{text}")


def _path(stmt: tree.Stmt) -> str:
    match stmt:
        case tree.ImportFrom():
            return "." * stmt.level + stmt.module
        case tree.Import():
            return stmt.names[0].name
        case _:
            return ""


def _is_standard(path: str) -> bool:
    return path.partition(".")[0] in sys.stdlib_module_names


def newline_of(source: SourceMap) -> str:
    """The line ending that a file uses."""
    return "\r\n" if "\r\n" in source.text else "\n"
