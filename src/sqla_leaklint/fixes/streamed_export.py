"""Turns an export that fills a buffer and sends it into a generator that sends each row as it comes.

    output = io.StringIO()                                  def stream():
    writer = csv.writer(output)                                 output = io.StringIO()
    for event in db.scalars(query).all():                       writer = csv.writer(output)
        writer.writerow([event.id])                     →       for event in db.scalars(query…yield_per=1000…):
    return StreamingResponse(iter([output.getvalue()]))             writer.writerow([event.id])
                                                                    yield output.getvalue()
                                                                    output.seek(0)
                                                                    output.truncate()
                                                                yield output.getvalue()

                                                            return StreamingResponse(stream())

It is only shown: the session has to stay open for as long as the response is sent, and that depends on who opened it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqla_leaklint.diagnostics import Applicability
from sqla_leaklint.domain.rows.exports import BufferedExport, Leaving
from sqla_leaklint.domain.rows.queries import function_text
from sqla_leaklint.fixes.lines import Line, end_of, lines_between, unit_of
from sqla_leaklint.fixes.paging import BATCH, may_stream
from sqla_leaklint.fixes.pending import PendingFix, TextEdit
from sqla_leaklint.knowledge.facts import Kind
from sqla_leaklint.syntax import tree
from sqla_leaklint.syntax.walk import walk

if TYPE_CHECKING:
    from sqla_leaklint.syntax.spans import SourceMap

_NAME = "stream"
_NEWLINE = "\n"


@dataclass(frozen=True, slots=True, eq=False)
class _Plan:
    """What goes into the generator: `inside` from the buffer to the end of the loop, without what is `dropped`."""

    export: BufferedExport
    buffer: str
    inside: tuple[tree.Stmt, ...]
    dropped: tuple[tree.Stmt, ...]
    loop: tree.For
    content: tree.Expr
    answer: tree.Return


def stream_export(export: BufferedExport) -> PendingFix | None:
    """Let a generator send the rows; None where the function is not of that plain shape."""
    plan = _plan(export)
    if plan is None:
        return None

    def render(source: SourceMap) -> Sequence[TextEdit]:
        return tuple(_edits(plan, source))

    return PendingFix(Applicability.DISPLAY, "send each row as it comes", render)


def _plan(export: BufferedExport) -> _Plan | None:
    load, gathering = export.load, export.gathering
    call, function = export.node, load.body.node
    if export.leaving is not Leaving.RESPONSE or len(export.places) != 1 or not may_stream(load):
        return None
    if not isinstance(call, tree.Call) or not call.args or not gathering.is_a(call, Kind.STREAMING_RESPONSE):
        return None
    ((buffer, gathered),) = export.places.items()
    parents = function_text(load.domain, load.body).parents
    answer = parents.get(call)
    if not isinstance(function, tree.Function) or not isinstance(answer, tree.Return) or answer not in function.body:
        return None
    block = function.body[: function.body.index(answer)]
    loop = next((stmt for stmt in block if isinstance(stmt, tree.For) and gathered in set(walk(stmt))), None)
    opening = next((stmt for stmt in block if isinstance(stmt, tree.Assign) and _binds(stmt, buffer)), None)
    loading = _statement_of(parents, load.node)
    if loop is None or opening is None or loop.is_async or loading not in block or _is_taken(function):
        return None
    after = block[block.index(loop) + 1 :]
    if any(not _is_rewind(stmt, buffer) for stmt in after) or block.index(opening) > block.index(loop):
        return None
    dropped = [*after, *([loading] if loading is not loop else []), *_execution(load.node, block)]
    inside = block[block.index(opening) : block.index(loop) + 1]
    return _Plan(export, buffer, inside, tuple(dropped), loop, call.args[0].value, answer)


def _binds(stmt: tree.Assign, name: str) -> bool:
    return any(isinstance(target, tree.Name) and target.id == name for target in stmt.targets)


def _is_taken(function: tree.Function) -> bool:
    return any(isinstance(node, tree.Name) and node.id == _NAME for node in walk(function))


def _statement_of(parents: dict[tree.Node, tree.Node], node: tree.Node) -> tree.Stmt | None:
    found: tree.Node | None = node
    while found is not None and not isinstance(found, tree.Stmt):
        found = parents.get(found)
    return found


def _is_rewind(stmt: tree.Stmt, buffer: str) -> bool:
    """Whether a statement is `buffer.seek(0)`."""
    match stmt:
        case tree.ExprStmt(value=tree.Call(func=tree.Attribute(value=tree.Name(id=name), attr="seek"))):
            return name == buffer
        case _:
            return False


def _execution(node: tree.Expr, block: tree.Block) -> Iterator[tree.Stmt]:
    """`result = session.execute(query)`, when the rows are taken out of `result` in another statement."""
    name = next((each.id for each in walk(node) if isinstance(each, tree.Name)), None)
    for stmt in block:
        if isinstance(stmt, tree.Assign) and name is not None and _binds(stmt, name) and _executes(stmt.value):
            others = [each for other in block if other is not stmt for each in walk(other)]
            if sum(isinstance(each, tree.Name) and each.id == name for each in others) == 1:
                yield stmt


def _executes(value: tree.Expr) -> bool:
    call = value.value if isinstance(value, tree.Await) else value
    if not isinstance(call, tree.Call) or not isinstance(call.func, tree.Attribute):
        return False
    return call.func.attr in {"execute", "scalars", "exec"}


def _streamed(plan: _Plan, source: SourceMap) -> str | None:
    """The expression over whose rows the generator loops."""

    def written(node: tree.Node) -> str:
        return source.text[slice(*source.offsets(node))]

    load = plan.export.load
    if load.is_legacy:
        node = load.node
        is_all = load.rows.consumer.name == "all"
        if is_all and isinstance(node, tree.Call) and isinstance(node.func, tree.Attribute):
            node = node.func.value
        return f"{written(node)}.yield_per({BATCH})"
    statement = load.executed
    call = next((each for each in load.calls if each.args and each.args[0].value is statement), None)
    if statement is None or call is None or not isinstance(call.func, tree.Attribute):
        return None
    is_scalar = any(isinstance(each.func, tree.Attribute) and each.func.attr == "scalars" for each in load.calls)
    method = ("scalars" if is_scalar else call.func.attr) if not load.is_async else "stream"
    if load.is_async and (is_scalar or call.func.attr == "exec"):
        method = "stream_scalars"
    streamed = f"{written(call.func.value)}.{method}({written(statement)}.execution_options(yield_per={BATCH}))"
    return f"await {streamed}" if load.is_async else streamed


def _edits(plan: _Plan, source: SourceMap) -> Iterator[TextEdit]:
    source.prepare([*plan.inside, *plan.dropped, *plan.loop.body, plan.loop.iter, plan.content, plan.answer])
    streamed = _streamed(plan, source)
    if streamed is None:
        return
    text, first, keyword = source.text, plan.inside[0], "async " if plan.export.load.is_async else ""
    start, end = source.line_start(source.offsets(first)[0]), end_of(plan.loop, source)
    indentation, body = source.indentation(plan.loop), source.indentation(plan.loop.body[0])
    at, until = source.offsets(plan.loop.iter)
    if source.indentation(first) != indentation or not body or _NEWLINE in streamed + text[at:until]:
        return
    unit = unit_of(text, indentation)
    gone = {line.start: line for stmt in plan.dropped for line in _lines(stmt, source)}
    strings = source.multiline_strings()
    lines = [f"{indentation}{keyword}def {_NAME}():"]
    for line in lines_between(text, start, end):
        content = text[line.start : line.end]
        if line.start in gone:
            continue
        if line.start <= at < line.end:
            head = text[source.offsets(plan.loop)[0] : at]
            content = f"{indentation}{keyword}{head}{streamed}{text[until : line.end]}"
        is_kept = not content.strip() or any(begin < line.start < stop for begin, stop in strings)
        lines.append(content if is_kept else unit + content)
    inner, buffer = unit + body, plan.buffer
    lines += [f"{inner}yield {buffer}.getvalue()", f"{inner}{buffer}.seek(0)", f"{inner}{buffer}.truncate()"]
    lines += [f"{unit}{indentation}yield {buffer}.getvalue()", "", ""]
    for line in gone.values():
        if line.start < start:
            yield TextEdit(line.start, line.next, "")
    newline = "\r\n" if "\r\n" in text else _NEWLINE
    yield TextEdit(start, source.line_start(source.offsets(plan.answer)[0]), newline.join(lines))
    yield TextEdit(*source.offsets(plan.content), f"{_NAME}()")


def _lines(stmt: tree.Stmt, source: SourceMap) -> list[Line]:
    start, end = source.offsets(stmt)
    return list(lines_between(source.text, source.line_start(start), end))
