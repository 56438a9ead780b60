"""A worker's task takes the key of an entity, and loads the entity by it before it begins.

    def send_receipt(order):           →    def send_receipt(order_id):
        print(order.number)                     with SessionLocal() as session:
                                                    order = session.get(Order, order_id)
                                                print(order.number)

That is so where one call of the project sends the task, in the same module, all that the task reads is known, and the
session of the sender is opened by what the module knows by name.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqla_leaklint.domain.handed_over.task_reads import loads_for, reads_of
from sqla_leaklint.domain.values import Instance, Origin, ProjectFunction
from sqla_leaklint.fixes.imports import import_edits, newline_of
from sqla_leaklint.fixes.own_session.task_wrapper import LOADER, ByKey, is_loader_free
from sqla_leaklint.fixes.own_session.wrapped_task import model_name
from sqla_leaklint.fixes.pending import TextEdit
from sqla_leaklint.knowledge.facts import Kind
from sqla_leaklint.semantic import terms as t
from sqla_leaklint.syntax import tree
from sqla_leaklint.syntax.tree import ParameterKind
from sqla_leaklint.syntax.walk import walk

if TYPE_CHECKING:
    from sqla_leaklint.domain.handed_over.belonging import Belonging
    from sqla_leaklint.domain.handed_over.cargo import Cargo
    from sqla_leaklint.domain.handed_over.sendings import Sending
    from sqla_leaklint.domain.module import Domain
    from sqla_leaklint.syntax.spans import SourceMap


@dataclass(frozen=True, slots=True)
class ReceivedKey:
    """A task that loads an entity itself, in the session that `opening` opens, where `parameter` was the entity."""

    domain: Domain
    function: tree.Function
    parameter: tree.Parameter
    opening: tree.Expr
    by_key: ByKey


def received_key(
    sending: Sending, piece: Cargo, found: Belonging, task: tree.Expr | None, key: str, column: str
) -> ReceivedKey | None:
    """The task that is sent an entity, if all of it can be changed at once."""
    domain, argument = sending.domain, piece.argument
    body = domain.module.executor.bodies.get(task.id) if isinstance(task, tree.Name) else None
    if (
        body is None
        or body.parent is not domain.module.executor.module_body
        or not isinstance(body.node, tree.Function)
    ):
        return None
    function, model = body.node, model_name(domain, found.kind.model)
    parameter = _parameter(sending, function, argument) if argument is not None else None
    opening = _opening(sending, found)
    if parameter is None or opening is None or model is None or argument is None or argument.value is not piece.node:
        return None
    if function.is_async or body.yields or not _is_sent_only_here(domain, function):
        return None
    task_itself = ProjectFunction(domain.module.path, body.qualname)
    reads = reads_of(domain, task_itself, parameter.name, found.kind.model, is_many=False)
    related = loads_for(domain.evaluator, reads, found.kind.model)
    if related is None or reads.is_stub or (related and not is_loader_free(domain)):
        return None
    by_key = ByKey(model, column, key, parameter.name, related)
    named = {node.id for node in walk(function) if isinstance(node, tree.Name)}
    used = {model.partition(".")[0], LOADER, *(node.id for node in walk(opening) if isinstance(node, tree.Name))}
    new = {"session", by_key.parameter}
    if not new.isdisjoint(named | used | body.names.bound) or not used.isdisjoint(body.names.bound):
        return None
    return ReceivedKey(domain, function, parameter, opening, by_key)


def receiving_edits(received: ReceivedKey, source: SourceMap) -> Iterator[TextEdit]:
    """The parameter's new name, and the lines that load the entity; none where there is no place for lines."""
    match received.function.body:
        case (tree.ExprStmt(value=tree.Constant(value=str())), first, *_):  # below the docstring
            pass
        case (first, *_):
            pass
    start = source.offsets(first)[0]
    indentation = source.text[source.line_start(start) : start]
    if indentation.strip() or not indentation:
        return
    unit = received.domain.module.parsed.cst.default_indent
    opening = source.text[slice(*source.offsets(received.opening))]
    lines = (
        f"with {opening} as session:",
        f"{unit}{received.parameter.name} = {received.by_key.loading}",
        "",
    )
    place, end = source.offsets(received.parameter)
    if received.parameter.annotation is not None:
        end = source.offsets(received.parameter.annotation)[1]
    yield TextEdit(place, end, received.by_key.parameter)
    yield TextEdit(start, start, f"{newline_of(source)}{indentation}".join(lines))
    if received.by_key.related:
        yield from import_edits(source, received.domain.module.parsed.tree, "sqlalchemy.orm", LOADER)


def _parameter(sending: Sending, function: tree.Function, argument: tree.Argument) -> tree.Parameter | None:
    """The parameter in which a task gets an argument; None where the call or the decorators leave a doubt."""
    positional = [each for each in sending.arguments if each.keyword is None]
    if argument not in positional or any(each.star for each in sending.arguments) or len(function.decorators) > 1:
        return None
    for decorator in function.decorators:
        if isinstance(decorator, tree.Call) and any(each.keyword in {"bind", None} for each in decorator.args):
            return None
    place = positional.index(argument)
    taken = function.params[place] if place < len(function.params) else None
    return taken if taken is not None and taken.kind is ParameterKind.POSITIONAL and taken.default is None else None


def _opening(sending: Sending, found: Belonging) -> tree.Expr | None:
    """The call that opens the sender's session in a `with`, if it says the same in another function."""
    domain, session = sending.domain, found.session
    if session.origin is not Origin.MANAGED or not isinstance(found.seed, t.Enter):
        return None
    for stmt in walk(sending.body.node):
        for item in stmt.items if isinstance(stmt, tree.With) and not stmt.is_async else ():
            value = domain.value(item.context)
            if domain.term(item.context) is not found.seed.value or not isinstance(value, Instance):
                continue
            names = {node.id for node in walk(item.context) if isinstance(node, tree.Name)}
            is_known = names <= domain.module.summary.bindings.keys() and names.isdisjoint(sending.body.names.bound)
            is_session = domain.evaluator.classes.is_a(value, Kind.SESSION)
            return item.context if is_known and is_session and sending.body.parent is not None else None
    return None


def _is_sent_only_here(domain: Domain, function: tree.Function) -> bool:
    """Whether no other line of the project names the task."""
    project, own = domain.evaluator.project, domain.module.path
    if project.root is None or any(module.path != own for module in project.mentioning(function.name)):
        return False
    mentions = 0
    for node in walk(domain.module.parsed.tree):
        match node:
            case tree.Name(id=name) | tree.Attribute(attr=name) if name == function.name:
                mentions += 1
            case tree.Constant(value=str() as text) if function.name in text:
                mentions += 1
            case _:
                pass
    return mentions == 1
