"""The text of a function round a background task, and of the hand-over that names it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqla_leaklint.domain.application.handoffs import Handoff
from sqla_leaklint.fixes.imports import import_edits
from sqla_leaklint.fixes.pending import TextEdit
from sqla_leaklint.fixes.wrapping import parameter_of, place_of_argument, start_with_decorators, text_of
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
    start, end = place_of_argument(plan.handoff.node, plan.session, source)
    closing = _closing(plan, source)
    if closing is None or any(start <= comment < end for comment, _ in source.comments()):
        return
    if known is not None and text_of(source, known.node) != wrapper.strip():
        return
    yield from closing
    yield TextEdit(*source.offsets(plan.callee), plan.name)
    yield TextEdit(start, end, "")
    if known is None:
        place = start_with_decorators(plan.before, source)
        yield TextEdit(place, place, wrapper)
        yield from import_edits(source, domain.module.parsed.tree, "contextlib", plan.manager)
        if plan.provider_import:
            yield from import_edits(source, domain.module.parsed.tree, plan.provider_import, plan.provider_name)


def _closing(plan: Plan, source: SourceMap) -> tuple[TextEdit, ...] | None:
    """The line that closes the request's session, if it is needed; None when there is no place for a line."""
    if plan.release is None:
        return ()
    place = source.offsets(plan.release)[0]
    line = source.line_start(place)
    indentation = source.text[line:place]
    if indentation.strip():
        return None
    call = f"{text_of(source, plan.handoff.node.func)}({text_of(source, plan.session.value)}.close)"
    return (TextEdit(line, line, f"{indentation}{call}{_newline(plan)}"),)


def _newline(plan: Plan) -> str:
    return plan.domain.module.parsed.cst.default_newline


def _wrapper(plan: Plan, source: SourceMap) -> str:
    given = plan.handoff.arguments
    names = {argument: parameter_of(plan.function, given, argument) for argument in given}
    parameters = [name for argument, name in names.items() if argument is not plan.session]
    arguments = [name if argument.keyword is None else f"{name}={name}" for argument, name in names.items()]
    with_word = "async with" if plan.is_async_provider else "with"
    define = "async def" if plan.function.is_async else "def"
    call = f"{'await ' if plan.function.is_async else ''}{text_of(source, plan.callee)}({', '.join(arguments)})"
    indent = plan.domain.module.parsed.cst.default_indent
    lines = [
        f"{define} {plan.name}({', '.join(parameters)}):",
        f"{indent}{with_word} {plan.manager}({plan.provider_name})() as {names[plan.session]}:",
        f"{indent * 2}{call}",
        "",
        "",
        "",
    ]
    return _newline(plan).join(lines)
