"""The text of a function round a background task, and of the hand-over that names it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqla_leaklint.domain.values import Symbol
from sqla_leaklint.fixes.imports import import_edits
from sqla_leaklint.fixes.own_session.wrapped_task import WrappedTask
from sqla_leaklint.fixes.own_session.wrapping import place_of_argument, start_with_decorators, text_of
from sqla_leaklint.fixes.pending import TextEdit
from sqla_leaklint.syntax import tree

if TYPE_CHECKING:
    from sqla_leaklint.domain.module import Domain
    from sqla_leaklint.syntax.spans import SourceMap

LOADER = "selectinload"
"""The option by which relationships are loaded with an entity."""


@dataclass(frozen=True, slots=True)
class ByKey:
    """An entity that a function loads: of `model`, by `key` in `column`; the task calls it `name`.

    `related` are relationships that are loaded with it.  `is_enough`: the task reads nothing that is not loaded then,
    so that the session is closed before the task begins.  `is_awaited`: the session is an async one.
    """

    model: str
    column: str
    key: str
    name: str
    related: tuple[str, ...]
    is_enough: bool = True
    is_awaited: bool = False

    @property
    def parameter(self) -> str:
        """What the function takes: `order_id` for the `id` of an `order`."""
        return self.column if self.column.startswith(f"{self.name}_") else f"{self.name}_{self.column}"

    @property
    def loading(self) -> str:
        options = ", ".join(f"{LOADER}({self.model}.{name})" for name in self.related)
        call = f"session.get({self.model}, {self.parameter}{f', options=[{options}]' if options else ''})"
        return f"await {call}" if self.is_awaited else call


@dataclass(frozen=True, slots=True)
class Plan:
    """All that is decided before the text is looked at.

    `replaced` is the argument that is not handed over any more, a session or (with `by_key`) an entity; `session` is
    what the function that hands over calls the session; `release` is the statement before which that is closed, if it
    has to be.
    """

    task: WrappedTask
    replaced: tree.Argument
    session: tree.Expr | str
    release: tree.ExprStmt | None
    by_key: ByKey | None = None


def is_loader_free(domain: Domain) -> bool:
    """Whether the name of the loader option means nothing else in the module."""
    bound = domain.module.summary.bindings.get(LOADER)
    return bound is None or domain.value_of(bound) == Symbol(f"sqlalchemy.orm.{LOADER}")


def edits(plan: Plan, source: SourceMap) -> Iterator[TextEdit]:
    """The edits; none when a comment or a second statement on the line stands in the way, or the new name is taken."""
    task, module = plan.task, plan.task.domain.module
    known = module.executor.bodies.get(task.name)
    wrapper = _wrapper(plan, source)
    argument = _argument(plan, source)
    closing = _closing(plan, source)
    if closing is None or any(argument.start <= comment < argument.end for comment, _ in source.comments()):
        return
    if known is not None and text_of(source, known.node) != wrapper.strip():
        return
    yield from closing
    yield TextEdit(*source.offsets(task.callee), task.name)
    yield argument
    if known is None:
        place = start_with_decorators(task.before, source)
        yield TextEdit(place, place, wrapper)
        yield from task.context.imports(source)
        if plan.by_key is not None and plan.by_key.related:
            yield from import_edits(source, module.parsed.tree, "sqlalchemy.orm", LOADER)


def _argument(plan: Plan, source: SourceMap) -> TextEdit:
    """A key takes the place of the argument; a session goes, with the comma after or, for the last one, before it."""
    start, end = source.offsets(plan.replaced)
    if plan.by_key is not None:
        keyword = "" if plan.replaced.keyword is None else f"{plan.by_key.parameter}="
        return TextEdit(start, end, f"{keyword}{plan.by_key.key}")
    return TextEdit(*place_of_argument(plan.task.handoff.node, plan.replaced, source), "")


def _closing(plan: Plan, source: SourceMap) -> tuple[TextEdit, ...] | None:
    """The line that closes the request's session, if it is needed; None when there is no place for a line."""
    if plan.release is None:
        return ()
    place = source.offsets(plan.release)[0]
    line = source.line_start(place)
    indentation = source.text[line:place]
    if indentation.strip():
        return None
    session = plan.session if isinstance(plan.session, str) else text_of(source, plan.session)
    call = f"{text_of(source, plan.task.handoff.node.func)}({session}.close)"
    return (TextEdit(line, line, f"{indentation}{call}{_newline(plan)}"),)


def _newline(plan: Plan) -> str:
    return plan.task.domain.module.parsed.cst.default_newline


def _wrapper(plan: Plan, source: SourceMap) -> str:
    task, by_key = plan.task, plan.by_key
    own = task.parameter_of(plan.replaced)
    session = own if by_key is None else "session"
    parameters: list[str] = []
    arguments: list[str] = []
    for argument in task.handoff.arguments:
        value = task.parameter_of(argument)
        if argument is not plan.replaced:
            parameters.append(value)
        elif by_key is not None:
            parameters.append(by_key.parameter)
            value = own if by_key.is_enough else by_key.loading
        arguments.append(value if argument.keyword is None else f"{argument.keyword}={value}")
    define = "async def" if task.function.is_async else "def"
    call = f"{'await ' if task.function.is_async else ''}{text_of(source, task.callee)}({', '.join(arguments)})"
    indent = task.domain.module.parsed.cst.default_indent
    is_closed_first = by_key is not None and by_key.is_enough
    lines = [
        f"{define} {task.name}({', '.join(parameters)}):",
        f"{indent}{task.context.opening(session)}",
        *([f"{indent * 2}{own} = {by_key.loading}"] if by_key is not None and is_closed_first else []),
        f"{indent if is_closed_first else indent * 2}{call}",
        "",
        "",
        "",
    ]
    return _newline(plan).join(lines)
