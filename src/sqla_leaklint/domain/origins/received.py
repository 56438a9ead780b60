"""What comes in with each round of a loop that ends with the process: an item of a queue, messages of a consumer.

    async def consume(queue):
        while True:                     # or a condition that others set: `while not stop.is_set()`
            item = await queue.get()
            seen.add(item.id)

What a queue of the process holds, the process has put there: what is received from it comes from outside if all does
that is put in.  Where nothing in the project is put in any queue, it is others, a library's callbacks, that fill it.
Queues are told from each other by their names; of one that is filled under another name nothing is said.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqla_leaklint.domain.application.callers import calls_naming
from sqla_leaklint.domain.application.endpoints import method_name
from sqla_leaklint.domain.rows.loops import Loops
from sqla_leaklint.domain.values import BoundMethod, Instance, Value, alternatives
from sqla_leaklint.knowledge.facts import Effect, Kind
from sqla_leaklint.semantic import terms as t
from sqla_leaklint.semantic.questions import receiver_of
from sqla_leaklint.syntax import tree

if TYPE_CHECKING:
    from sqla_leaklint.domain.evaluation import Evaluator
    from sqla_leaklint.semantic.body import Body
    from sqla_leaklint.semantic.summary import FunctionSummary, ModuleSummary

QUEUES = frozenset({"asyncio.Queue", "queue.Queue"})
_PUTS = ("put", "put_nowait")
_FLAGS = frozenset({"is_set"})

ADDRESSES = frozenset({"topic", "partition", "channel", "stream", "pattern"})
"""What a message says of where it was sent to: of those there are few."""


@dataclass(frozen=True, slots=True)
class Received:
    """A source: what a call receives, or what a loop over a consumer binds; `place` is the item of it that is used."""

    term: t.Call | t.Element
    place: int | None = None
    is_queued: bool = False


def received(evaluator: Evaluator, module: ModuleSummary, term: t.Term, place: int | None = None) -> Received | None:
    """What a term stands for, if it receives something; the first of two things that a client reads is an address."""
    frame = evaluator.frame(module)
    match term:
        case t.Call() if method_name(term.func):
            for value in alternatives(evaluator.of(term.func, frame)):
                if not isinstance(value, BoundMethod):
                    continue
                owner = evaluator.classes.library_type(value.receiver)
                row = evaluator.knowledge.method(owner, value.name) if owner is not None else None
                if owner in QUEUES and value.name in {"get", "get_nowait"}:
                    return Received(term, place, is_queued=True)
                if row is not None and row.effect is Effect.RECEIVES:
                    return Received(term, place)
        case t.Element():
            name = "__aiter__" if term.is_async else "__iter__"
            for value in alternatives(evaluator.of(term.value, frame)):
                if isinstance(value, Instance) and evaluator.classes.is_a(value, Kind.MESSAGES):
                    row = evaluator.knowledge.method(value.type, name)
                    if row is not None and row.effect is Effect.RECEIVES:
                        return Received(term, place)
        case _:
            pass
    return None


def is_endless(evaluator: Evaluator, module: ModuleSummary, function: FunctionSummary, source: Received) -> bool:
    """Whether a function receives something in each round of a loop that only the end of the process ends."""
    found = evaluator.project.module_at(module.path)
    body = found.executor.bodies.get(function.qualname) if found is not None else None
    if body is None or not isinstance(body.node, tree.Function):
        return False
    if isinstance(source.term, t.Element):
        return True
    event = body.event_of(source.term)
    if event is None:
        return False
    if event.stmt is not None and _is_iterated(event.stmt, event.node) and method_name(source.term.func) == "listen":
        return True
    return any(_ends_with_process(module, body, loop) for loop in Loops(body).around(event.stmt))


def _is_iterated(stmt: tree.Stmt, node: tree.Node) -> bool:
    return isinstance(stmt, tree.For) and stmt.iter is node


def _ends_with_process(module: ModuleSummary, body: Body, loop: tree.Stmt) -> bool:
    if not isinstance(loop, tree.While):
        return False
    test = loop.test
    while isinstance(test, tree.Not):
        test = test.value
    match test:
        case tree.Constant(value=value):
            return bool(value) and test is loop.test
        case tree.Call(func=tree.Attribute(attr=attr), args=()):
            return attr in _FLAGS
        case tree.Attribute(value=tree.Name(), attr=name):
            return _is_flag(module, body, name)
        case _:
            return False


def _is_flag(module: ModuleSummary, body: Body, name: str) -> bool:
    """Whether an attribute of the object whose method it is is but true or false: `while self.running`."""
    owner = module.classes.get(body.parent.qualname) if body.parent is not None else None
    term = owner.instance_attributes.get(name, owner.attributes.get(name)) if owner is not None else None
    return term is not None and all(isinstance(way, t.Const) and isinstance(way.value, bool) for way in t.ways(term))


def put_in_queue(
    evaluator: Evaluator, module: ModuleSummary, source: Received
) -> list[tuple[ModuleSummary, FunctionSummary | None, t.Term]] | None:
    """What is put in the queue that something is received from, constants (`None`, for its end) left out; None where
    the project puts nothing in any queue.
    """
    assert isinstance(source.term, t.Call)
    name = _known_as(receiver_of(source.term.func))
    found = list(_puts(evaluator, module))
    if not found:
        return None
    parts = (
        (user, function, _item(data, source.place)) for known_as, user, function, data in found if known_as == name
    )
    return [each for each in parts if not isinstance(each[2], t.Const)]


def _item(data: t.Term, place: int | None) -> t.Term:
    if place is None or not isinstance(data, t.Collection) or data.kind != "tuple" or place >= len(data.elements):
        return data
    return data.elements[place]


def _puts(
    evaluator: Evaluator, own: ModuleSummary
) -> Iterator[tuple[str, ModuleSummary, FunctionSummary | None, t.Term]]:
    project = evaluator.project
    users = project.mentioning("put", and_calls=_PUTS, and_tests=False) if project.root is not None else (own,)
    for user in users:
        for method in _PUTS:
            for function, call in calls_naming(user).get(method, ()):
                values = alternatives(evaluator.of(call.func, evaluator.frame(user)))
                if call.args and any(_is_put(evaluator, value) for value in values):
                    yield _known_as(receiver_of(call.func)), user, function, call.args[0]


def _is_put(evaluator: Evaluator, value: Value) -> bool:
    return isinstance(value, BoundMethod) and evaluator.classes.library_type(value.receiver) in QUEUES


def _known_as(receiver: t.Term | None) -> str:
    match receiver:
        case t.Param(name=name):
            return name.strip("_")
        case None:
            return ""
        case _:
            return method_name(receiver).strip("_")
