"""A background task that was handed a session gets a function round it that opens one of its own.

    tasks.add_task(send_receipt, db, order_id)

becomes

    def send_receipt_in_own_session(order_id):
        with contextmanager(get_db)() as db:
            send_receipt(db, order_id)
    …
    tasks.add_task(send_receipt_in_own_session, order_id)
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqla_leaklint.diagnostics import Applicability
from sqla_leaklint.domain.handoffs import Handoff
from sqla_leaklint.domain.values import Origin, ProjectFunction
from sqla_leaklint.fixes.imports import import_edits
from sqla_leaklint.fixes.pending import PendingFix, TextEdit
from sqla_leaklint.syntax import tree
from sqla_leaklint.syntax.tree import ParameterKind

if TYPE_CHECKING:
    from sqla_leaklint.domain.handoffs import Passenger
    from sqla_leaklint.domain.module import Domain
    from sqla_leaklint.semantic.summary import FunctionSummary
    from sqla_leaklint.syntax.spans import SourceMap


@dataclass(frozen=True, slots=True)
class _Plan:
    """All that is decided before the text is looked at."""

    domain: Domain
    handoff: Handoff
    session: tree.Argument
    callee: tree.Name | tree.Attribute
    function: FunctionSummary
    provider_name: str
    is_async_provider: bool
    name: str
    before: tree.Stmt


def open_in_task(handoff: Handoff, passenger: Passenger) -> PendingFix | None:
    """The fix, if the task is a plain function of the project and the provider can be called without arguments."""
    plan = _plan(handoff, passenger)
    if plan is None:
        return None
    message = f"open a session of its own round `{plan.function.name}`"
    return PendingFix(Applicability.UNSAFE, message, lambda source: tuple(_edits(plan, source)))


def _plan(handoff: Handoff, passenger: Passenger) -> _Plan | None:
    domain, callee, provider = handoff.domain, handoff.callee, passenger.session.provider
    if passenger.hidden_in or passenger.origin is not Origin.PROVIDED or provider is None:
        return None
    if not isinstance(callee, tree.Name | tree.Attribute):
        return None
    task = domain.value(callee)
    if not isinstance(task, ProjectFunction) or task.receiver is not None or "<locals>" in task.qualname:
        return None
    classes = domain.evaluator.classes
    function, source = classes.function(task), classes.function(provider)
    if function is None or source is None or function.is_generator or not source.is_generator:
        return None
    if any(parameter.default is None for parameter in source.parameters) or _takes_dependencies(domain, provider, source):
        return None
    if source.is_async and not function.is_async:
        return None
    if any(argument.star for argument in handoff.node.args) or not _is_plain(function):
        return None
    sessions = [argument for argument in handoff.arguments if argument.value is passenger.node]
    provider_name = _name_of(domain, provider)
    others = _same_task(domain, task)
    before = _first_user(domain, others)
    name = f"{function.name}_in_own_session"
    if len(sessions) != 1 or provider_name is None or before is None or _layout(others[0]) != _layout(handoff):
        return None
    return _Plan(domain, handoff, sessions[0], callee, function, provider_name, source.is_async, name, before)


def _takes_dependencies(domain: Domain, provider: ProjectFunction, source: FunctionSummary) -> bool:
    module = domain.evaluator.project.summary_at(provider.path)
    if module is None:
        return True
    frame = domain.evaluator.frame(module)
    return any(domain.evaluator.dependency(source, parameter.name, frame) for parameter in source.parameters)


def _is_plain(function: FunctionSummary) -> bool:
    return all(p.kind in {ParameterKind.POSITIONAL, ParameterKind.KEYWORD_ONLY} for p in function.parameters)


def _name_of(domain: Domain, provider: ProjectFunction) -> str | None:
    """The name under which the module itself has the provider."""
    for name, term in domain.module.summary.bindings.items():
        if domain.value_of(term) == provider:
            return name
    return None


def _same_task(domain: Domain, task: ProjectFunction) -> list[Handoff]:
    """Every hand-over of a task in the module, in the order of the text."""
    return [each for each in domain.subjects(Handoff) if each.callee is not None and domain.value(each.callee) == task]


def _layout(handoff: Handoff) -> tuple[str | None, ...]:
    return tuple(argument.keyword for argument in handoff.arguments)


def _first_user(domain: Domain, handoffs: list[Handoff]) -> tree.Stmt | None:
    """The first function or class of module level that hands over the task: what goes before it, all of them can use."""
    tops: list[tree.Node] = []
    for handoff in handoffs:
        body = handoff.body
        while body.parent is not None and body.parent.parent is not None:
            body = body.parent
        tops.append(body.node)
    return next((stmt for stmt in domain.module.parsed.tree.body if stmt in tops), None)


def _edits(plan: _Plan, source: SourceMap) -> Iterator[TextEdit]:
    domain, call = plan.domain, plan.handoff.node
    start, end = source.offsets(call.args[0])[0], source.offsets(call.args[-1])[1]
    known = domain.module.executor.bodies.get(plan.name)
    wrapper = _wrapper(plan, source)
    if "#" in source.text[start:end] or (known is not None and _text(source, known.node) != wrapper.strip()):
        return
    kept = [argument for argument in call.args if argument is not plan.session]
    given = f"{plan.handoff.row.callee_keyword}={plan.name}" if kept[0].value is not plan.callee else plan.name
    texts = [given if argument.value is plan.callee else _text(source, argument) for argument in kept]
    yield TextEdit(start, end, _joined(source.text[start:end], texts))
    if known is None:
        place = source.line_start(_start_with_decorators(plan.before, source))
        yield TextEdit(place, place, wrapper)
        yield from import_edits(source, domain.module.parsed.tree, "contextlib", _manager(plan))


def _manager(plan: _Plan) -> str:
    return "asynccontextmanager" if plan.is_async_provider else "contextmanager"


def _joined(old: str, texts: Sequence[str]) -> str:
    """The arguments, on one line or on lines of their own, as they were."""
    if "\n" not in old:
        return ", ".join(texts)
    newline = "\r\n" if "\r\n" in old else "\n"
    second = old[old.index("\n") + 1 :]
    indentation = second[: len(second) - len(second.lstrip())]
    return f",{newline}{indentation}".join(texts)


def _text(source: SourceMap, node: tree.Node) -> str:
    start, end = source.offsets(node)
    return source.text[start:end]


def _start_with_decorators(stmt: tree.Stmt, source: SourceMap) -> int:
    decorators = stmt.decorators if isinstance(stmt, tree.Function | tree.Class) else ()
    return min(source.offsets(node)[0] for node in (stmt, *decorators))


def _wrapper(plan: _Plan, source: SourceMap) -> str:
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
        f"{indent}{with_word} {_manager(plan)}({plan.provider_name})() as {bound}:",
        f"{indent * 2}{call}",
        "",
        "",
        "",
    ]
    newline = plan.domain.module.parsed.cst.default_newline
    return newline.join(lines)
