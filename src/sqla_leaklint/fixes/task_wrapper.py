"""The text of a function round a background task, and of the hand-over that names it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
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


def place_among(spans: Sequence[tuple[int, int]], position: int, source: SourceMap) -> tuple[int, int]:
    """The stretch of text of one of several arguments or parameters, with the comma after or, for the last one, before
    it; of the only one with all that is between the parentheses.
    """
    start, end = spans[position]
    if position + 1 < len(spans):
        return start, spans[position + 1][0]
    if position:
        return spans[position - 1][1], end
    return source.text.rindex("(", 0, start) + 1, source.text.index(")", end)


def place_of_argument(call: tree.Call, argument: tree.Argument, source: SourceMap) -> tuple[int, int]:
    """The stretch of text to take out of a call so that the argument is gone."""
    return place_among([source.offsets(each) for each in call.args], call.args.index(argument), source)


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


def text_of(source: SourceMap, node: tree.Node) -> str:
    start, end = source.offsets(node)
    return source.text[start:end]


def _newline(plan: Plan) -> str:
    return plan.domain.module.parsed.cst.default_newline


def start_with_decorators(stmt: tree.Stmt, source: SourceMap) -> int:
    """Where the line starts above which nothing belongs to the definition: its decorators and comments do."""
    decorators = stmt.decorators if isinstance(stmt, tree.Function | tree.Class) else ()
    place = source.line_start(min(source.offsets(node)[0] for node in (stmt, *decorators)))
    while place and source.text[source.line_start(place - 1) : place].startswith("#"):
        place = source.line_start(place - 1)
    return place


def _wrapper(plan: Plan, source: SourceMap) -> str:
    passed = Passed.on(plan.function, plan.handoff.arguments, plan.session)
    with_word = "async with" if plan.is_async_provider else "with"
    define = "async def" if plan.function.is_async else "def"
    call = f"{'await ' if plan.function.is_async else ''}{text_of(source, plan.callee)}({passed.arguments})"
    indent = plan.domain.module.parsed.cst.default_indent
    lines = [
        f"{define} {plan.name}({passed.parameters}):",
        f"{indent}{with_word} {plan.manager}({plan.provider_name})() as {passed.session}:",
        f"{indent * 2}{call}",
        "",
        "",
        "",
    ]
    return _newline(plan).join(lines)


@dataclass(frozen=True, slots=True)
class Passed:
    """How a wrapper takes arguments and passes them on, with a session of its own that it calls `session`."""

    parameters: str
    arguments: str
    session: str

    @staticmethod
    def on(function: FunctionSummary, given: Iterable[tree.Argument], session: tree.Argument) -> Passed:
        """To that function, under the names of its parameters."""
        parameters: list[str] = []
        arguments: list[str] = []
        names = [parameter.name for parameter in function.parameters]
        position, bound = 0, "session"
        for argument in given:
            if argument.keyword is None:
                name = names[position] if position < len(names) else f"argument_{position + 1}"
                position += 1
            else:
                name = argument.keyword
            value = "session" if argument is session and name not in names else name
            if argument is session:
                bound = value
            else:
                parameters.append(name)
            arguments.append(value if argument.keyword is None else f"{name}={value}")
        return Passed(", ".join(parameters), ", ".join(arguments), bound)
