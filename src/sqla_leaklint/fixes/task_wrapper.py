"""The text of a function round a background task, and of the hand-over that names it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqla_leaklint.domain.application.handoffs import Handoff
from sqla_leaklint.fixes.imports import import_edits
from sqla_leaklint.fixes.pending import TextEdit
from sqla_leaklint.syntax import tree

if TYPE_CHECKING:
    from sqla_leaklint.domain.module import Domain
    from sqla_leaklint.semantic.summary import FunctionSummary
    from sqla_leaklint.syntax.spans import SourceMap


@dataclass(frozen=True, slots=True)
class Plan:
    """All that is decided before the text is looked at.

    `provider_import` is the module that the provider has to be imported from ("" where its name is known already);
    `release` is the statement before which the request's session is closed, if it has to be.
    """

    domain: Domain
    handoff: Handoff
    session: tree.Argument
    callee: tree.Name | tree.Attribute
    function: FunctionSummary
    provider_name: str
    provider_import: str
    is_async_provider: bool
    name: str
    before: tree.Stmt
    release: tree.ExprStmt | None

    @property
    def manager(self) -> str:
        return "asynccontextmanager" if self.is_async_provider else "contextmanager"


def edits(plan: Plan, source: SourceMap) -> Iterator[TextEdit]:
    """The edits; none when a comment or a second statement on the line stands in the way, or the new name is taken."""
    domain = plan.domain
    known = domain.module.executor.bodies.get(plan.name)
    wrapper = _wrapper(plan, source)
    start, end = _without_session(plan, source)
    closing = _closing(plan, source)
    if closing is None or any(start <= comment < end for comment, _ in source.comments()):
        return
    if known is not None and _text(source, known.node) != wrapper.strip():
        return
    yield from closing
    yield TextEdit(*source.offsets(plan.callee), plan.name)
    yield TextEdit(start, end, "")
    if known is None:
        place = _start_with_decorators(plan.before, source)
        yield TextEdit(place, place, wrapper)
        yield from import_edits(source, domain.module.parsed.tree, "contextlib", plan.manager)
        if plan.provider_import:
            yield from import_edits(source, domain.module.parsed.tree, plan.provider_import, plan.provider_name)


def _without_session(plan: Plan, source: SourceMap) -> tuple[int, int]:
    """The stretch of text of the session's argument, with the comma after or, for the last one, before it."""
    arguments = plan.handoff.node.args
    position = arguments.index(plan.session)
    start, end = source.offsets(plan.session)
    if position + 1 < len(arguments):
        return start, source.offsets(arguments[position + 1])[0]
    return source.offsets(arguments[position - 1])[1], end


def _closing(plan: Plan, source: SourceMap) -> tuple[TextEdit, ...] | None:
    """The line that closes the request's session, if it is needed; None when there is no place for a line."""
    if plan.release is None:
        return ()
    place = source.offsets(plan.release)[0]
    line = source.line_start(place)
    indentation = source.text[line:place]
    if indentation.strip():
        return None
    call = f"{_text(source, plan.handoff.node.func)}({_text(source, plan.session.value)}.close)"
    return (TextEdit(line, line, f"{indentation}{call}{_newline(plan)}"),)


def _text(source: SourceMap, node: tree.Node) -> str:
    start, end = source.offsets(node)
    return source.text[start:end]


def _newline(plan: Plan) -> str:
    return plan.domain.module.parsed.cst.default_newline


def _start_with_decorators(stmt: tree.Stmt, source: SourceMap) -> int:
    """Where the line starts above which nothing belongs to the definition: its decorators and comments do."""
    decorators = stmt.decorators if isinstance(stmt, tree.Function | tree.Class) else ()
    place = source.line_start(min(source.offsets(node)[0] for node in (stmt, *decorators)))
    while place and source.text[source.line_start(place - 1) : place].startswith("#"):
        place = source.line_start(place - 1)
    return place


def _wrapper(plan: Plan, source: SourceMap) -> str:
    parameters: list[str] = []
    arguments: list[str] = []
    names = [parameter.name for parameter in plan.function.parameters]
    position = 0
    for argument in plan.handoff.arguments:
        if argument.keyword is None:
            name = names[position] if position < len(names) else f"argument_{position + 1}"
            position += 1
        else:
            name = argument.keyword
        session = plan.session is argument
        value = "session" if session and name not in names else name
        if not session:
            parameters.append(name)
        arguments.append(value if argument.keyword is None else f"{name}={value}")
        if session:
            bound = value
    with_word = "async with" if plan.is_async_provider else "with"
    define = "async def" if plan.function.is_async else "def"
    call = f"{'await ' if plan.function.is_async else ''}{_text(source, plan.callee)}({', '.join(arguments)})"
    indent = plan.domain.module.parsed.cst.default_indent
    lines = [
        f"{define} {plan.name}({', '.join(parameters)}):",
        f"{indent}{with_word} {plan.manager}({plan.provider_name})() as {bound}:",
        f"{indent * 2}{call}",
        "",
        "",
        "",
    ]
    return _newline(plan).join(lines)
