"""Reads a DataFrame in parts, where a part will do.

With `chunksize` pandas gives an iterator of DataFrames and not one: what follows has to work on parts.  That is so
where all that is done with the DataFrame is a loop over its rows; the loop then goes through the parts.

    frame = pd.read_sql(query, engine)                       parts = …
    for row in frame.itertuples():                     →     for part in pd.read_sql(query, engine, chunksize=10000):
        handle(row)                                              for row in part.itertuples():
                                                                     handle(row)
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from sqla_leaklint.diagnostics import Applicability
from sqla_leaklint.domain.rows.queries import function_text
from sqla_leaklint.fixes.lines import end_of, lines_between, unit_of
from sqla_leaklint.fixes.pending import PendingFix, TextEdit
from sqla_leaklint.syntax import tree
from sqla_leaklint.syntax.walk import walk

if TYPE_CHECKING:
    from sqla_leaklint.domain.rows.dataframes import DataframeRead
    from sqla_leaklint.syntax.spans import SourceMap

CHUNK = 10_000
"""Rows of a part."""

_ROWS = frozenset({"itertuples", "iterrows"})


def read_in_chunks(read: DataframeRead) -> PendingFix | None:
    """Put the loop over the rows in one over the parts; None where the DataFrame is used for anything else."""
    function = read.body.node
    if not isinstance(function, tree.Function):
        return None
    parents = function_text(read.domain, read.body).parents
    stmt = parents.get(read.node)
    block = next((block for block in _blocks(parents, stmt) if stmt in block), ())
    match stmt:
        case tree.Assign(targets=(tree.Name(id=name),)):
            pass
        case _:
            return None
    place = block.index(stmt)
    loop = block[place + 1] if place + 1 < len(block) else None
    uses = [node for node in walk(function) if isinstance(node, tree.Name) and node.id == name]
    if not isinstance(loop, tree.For) or loop.is_async or loop.orelse or len(uses) != 2:
        return None
    match loop.iter:
        case tree.Call(func=tree.Attribute(value=tree.Name() as frame, attr=method)) if method in _ROWS:
            if frame.id != name or _leaves(loop) or (method == "iterrows" and _uses_index(loop)):
                return None
        case _:
            return None

    def render(source: SourceMap) -> Sequence[TextEdit]:
        return _edits(read, stmt, loop, frame, source)

    return PendingFix(Applicability.UNSAFE, f"read {CHUNK} rows at a time", render)


def _blocks(parents: dict[tree.Node, tree.Node], stmt: tree.Node | None) -> list[tree.Block]:
    above = parents.get(stmt) if stmt is not None else None
    if isinstance(above, tree.Function):
        return [above.body]
    return list(tree.blocks_of(above)) if isinstance(above, tree.Stmt) else []


def _leaves(loop: tree.For) -> bool:
    """Whether a loop is left before its end: then only the part is, and not the table."""
    return any(isinstance(node, tree.Break) for stmt in loop.body for node in walk(stmt))


def _uses_index(loop: tree.For) -> bool:
    """Whether the number of a row is read: each part begins at 0."""
    target = loop.target
    names = [target.elements[0]] if isinstance(target, tree.Display) and target.elements else [target]
    ids = {name.id for name in names if isinstance(name, tree.Name)}
    return any(isinstance(node, tree.Name) and node.id in ids for stmt in loop.body for node in walk(stmt))


def _edits(
    read: DataframeRead, stmt: tree.Stmt, loop: tree.For, frame: tree.Expr, source: SourceMap
) -> Sequence[TextEdit]:
    source.prepare([read.node, stmt, loop, frame, *read.node.args])
    text, indentation = source.text, source.indentation(loop)
    start, end = source.offsets(read.node)
    last = source.offsets(read.node.args[-1])[1]
    if text[last:end].strip() not in {")", ",)"} or "\n" in text[start:end] or text[end : source.line_end(end)].strip():
        return ()
    begin = source.offsets(stmt)[0]
    header = f"for chunk in {text[start:last]}, chunksize={CHUNK}):"
    if any(isinstance(node, tree.Name) and node.id == "chunk" for node in walk(read.body.node)):
        return ()
    edits = [TextEdit(begin, end, header), TextEdit(*source.offsets(frame), "chunk")]
    unit, strings = unit_of(text, indentation), source.multiline_strings()
    for line in lines_between(text, source.line_start(source.offsets(loop)[0]), end_of(loop, source)):
        is_in_string = any(first < line.start < until for first, until in strings)
        if text[line.start : line.end].strip() and not is_in_string:
            edits.append(TextEdit(line.start, line.start, unit))
    return edits
