"""What a coroutine does before it first lets other work run, and what after that.

A task begins when its creator first waits for something, and runs on to its own first `await`.  What it asks a plain
session before that, it has asked before the session is closed, if the creator waits in between: FastAPI ends a plain
dependency in a thread, for which it waits.

    async def announce(db, order_id):
        order = db.get(Order, order_id)         # at once
        await socket.emit("order", order.id)    # from here on the session may be closed

Whether an `await` lets others run is not known before it is done: a coroutine that has nothing to wait for lets nobody.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from sqla_leaklint.domain.application.callers import bound_arguments
from sqla_leaklint.domain.values import ProjectFunction, alternatives
from sqla_leaklint.flow import Graph, Step, StepKind
from sqla_leaklint.semantic import terms as t
from sqla_leaklint.semantic.body import Body
from sqla_leaklint.semantic.events import Deed
from sqla_leaklint.syntax import tree
from sqla_leaklint.syntax.walk import is_waiting, own, walk

if TYPE_CHECKING:
    from sqla_leaklint.domain.module import Domain

_ASKING = frozenset({Deed.CALLED, Deed.ITERATED, Deed.ENTERED})


def unawaited(function: tree.Function, graph: Graph, start: Iterable[Step]) -> frozenset[Step]:
    """The steps of a function that can follow others before it has let anybody else run."""
    left = {item for node in walk(function) if isinstance(node, tree.With) and node.is_async for item in node.items}

    def lets_run(step: Step) -> bool:
        if step.kind in {StepKind.AWAIT, StepKind.YIELD} or step.node in left:
            return True
        return step.kind is StepKind.NEXT and is_waiting(step.node)

    return graph.reachable(start, lambda edge: edge.is_exceptional or lets_run(edge.source))


def is_asked_at_once(domain: Domain, call: tree.Expr, session: t.Term) -> bool:
    """Whether a coroutine is done with a plain session by its first `await`.

    `call` makes the coroutine and gives it the session.
    """
    term = domain.term(call)
    if not isinstance(call, tree.Call) or not isinstance(term, t.Call):
        return False
    called = alternatives(domain.value_of(term.func))
    return all(isinstance(each, ProjectFunction) and _is_done(domain, each, term, session) for each in called)


def _is_done(domain: Domain, function: ProjectFunction, call: t.Call, session: t.Term) -> bool:
    summary = domain.evaluator.classes.function(function)
    module = domain.evaluator.project.module_at(function.path)
    body = module.executor.bodies.get(function.qualname) if module is not None else None
    if summary is None or module is None or body is None or not summary.is_async:
        return False
    bound = bound_arguments(summary, function, call.args, call.keywords)
    names = [name for name, argument in bound.items() if argument is session]
    pool = module.executor.pool
    if not names or not isinstance(body.node, tree.Function):
        return False
    arrived = [pool.make(t.Param, summary.qualname, name) for name in names]
    return not any(_asks_later(body, body.node, each) for each in arrived)


def _asks_later(body: Body, function: tree.Function, arrived: t.Term) -> bool:
    """Whether a function asks a parameter, or what that returned, for something after its first `await`."""
    order = {node: place for place, node in enumerate(own(*function.body))}
    first = min(filter(is_waiting, order), key=order.__getitem__, default=None)
    if first is None:
        return False
    before = set(walk(first) if isinstance(first, tree.Await) else ())
    again = {
        node
        for loop in order
        if isinstance(loop, tree.For | tree.While) and first in set(walk(loop))
        for node in walk(loop)
    }
    for event in body.events:
        if event.deed not in _ASKING or not _is_about(event.value, arrived):
            continue
        is_later = order.get(event.node, len(order)) > order[first] and event.node not in before
        if is_later or event.node in again:
            return True
    return False


def _is_about(term: t.Term, arrived: t.Term) -> bool:
    """Whether a call asks the parameter, or what it returned, for something, or hands it on."""
    if isinstance(term, t.Call) and any(
        each is arrived for each in (*term.args, *(value for _, value in term.keywords))
    ):
        return True
    while term is not arrived:
        match term:
            case t.Attr(base=inner) | t.Call(func=inner) | t.Await(value=inner) | t.Enter(value=inner):
                term = inner
            case _:
                return False
    return True
