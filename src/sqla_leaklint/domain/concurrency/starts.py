"""Where a function sets work going beside itself, and where it waits for it.

Terms
    *start*: a call after which work runs while the function goes on, until it is *joined*: awaited at once, at the
    mention of the *handle* that the call gave, or where the block of its task group or executor is left.

    task = asyncio.create_task(load(session))      # start; the handle is `task`
    tasks.append(task)                             # … and now `tasks`, too
    running.add(task)                              # a set of the module's: that waits for nothing
    task.add_done_callback(running.discard)        # neither does this
    await asyncio.gather(*tasks)                   # joined

Whoever is given the handle may wait for it, which ends the question.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from sqla_leaklint.domain.concurrency.fan_out import Fate, given_to_run
from sqla_leaklint.domain.concurrency.work import Piece, pieces
from sqla_leaklint.domain.handed_over.handoffs import Handoff
from sqla_leaklint.domain.memo import Memo
from sqla_leaklint.knowledge.facts import Executor
from sqla_leaklint.semantic import terms as t
from sqla_leaklint.semantic.body import Body
from sqla_leaklint.semantic.events import Deed, Event
from sqla_leaklint.syntax import tree
from sqla_leaklint.syntax.walk import children, walk

if TYPE_CHECKING:
    from sqla_leaklint.domain.module import Domain

_KEEPING = frozenset({"append", "add", "appendleft"})
_NOT_WAITING = frozenset({"start", "add_done_callback", "set_name", "setName", "setDaemon", "get_name", "done"})
_WAITING = frozenset({"result", "join", "exception"})
RUNNING = frozenset({Executor.EVENT_LOOP, Executor.GATHERED, Executor.THREAD, Executor.AWAITED_THREAD})


@dataclass(frozen=True, slots=True, eq=False)
class Start:
    """A call that sets work going: `joined` at once, or by those nodes; `left` is the block that waits for it."""

    event: Event
    pieces: tuple[Piece, ...]
    joined: bool
    joins: frozenset[tree.Node]
    left: tree.WithItem | None
    repeated_by: tree.Node | None
    """The comprehension that it is an element of."""

    @property
    def node(self) -> tree.Call:
        return self.event.call_node


def starts(domain: Domain, body: Body) -> Iterator[Start]:
    """The starts of a function, in the order of the text."""
    found = list(_starting(domain, body))
    if not found:
        return
    text = _Text(body)
    inside = {piece.node for event, given, _ in found for piece in given if piece.node is not event.node}
    for event, given, is_lazy in found:
        if event.node in inside:  # gather(create_task(…)): a piece of another start
            continue
        end = text.end_of(event.node)
        if is_lazy and not end.joined:
            continue  # `to_thread` makes a coroutine: nothing runs yet
        yield Start(event, given, end.joined, end.joins, _block(body, event), end.repeated_by)


def _starting(domain: Domain, body: Body) -> Iterator[tuple[Event, tuple[Piece, ...], bool]]:
    """The calls that may start work, what they start, and whether they only do when awaited."""
    handoffs = _BY_EVENT.of(domain)
    for event in body.events:
        if event.deed is not Deed.CALLED or not isinstance(event.node, tree.Call):
            continue
        handoff = handoffs.get(event)
        if handoff is None:
            to_run = list(given_to_run(domain, event.node))
            given = tuple(piece for argument, _ in to_run for piece in _of(domain, body, argument))
            is_lazy = any(fate is Fate.TOGETHER for _, fate in to_run)
        elif handoff.executor not in RUNNING:
            continue
        elif handoff.row.callee >= 0:
            given = _of(domain, body, event.node)
            is_lazy = handoff.executor is Executor.AWAITED_THREAD and not handoff.row.owner
        else:
            given = tuple(piece for argument in event.node.args for piece in _of(domain, body, argument.value))
            is_lazy = False
        if given:
            yield event, given, is_lazy


_BY_EVENT: Memo[Domain, dict[Event, Handoff]] = Memo(
    lambda domain: {handoff.event: handoff for handoff in domain.subjects(Handoff)}
)


def _of(domain: Domain, body: Body, expr: tree.Expr) -> tuple[Piece, ...]:
    return tuple(piece for piece in pieces(domain, body, expr) if piece.riders)


def _block(body: Body, event: Event) -> tree.WithItem | None:
    """The `with` item of the task group or executor whose method starts the work."""
    func = event.call.func
    if not (isinstance(func, t.Attr) and isinstance(func.base, t.Enter)):
        return None
    manager = func.base.value
    return next(
        (
            each.node
            for each in body.events
            if each.deed is Deed.ENTERED and each.value is manager and isinstance(each.node, tree.WithItem)
        ),
        None,
    )


@dataclass(frozen=True, slots=True)
class _End:
    joined: bool
    joins: frozenset[tree.Node] = frozenset()
    repeated_by: tree.Node | None = None


_AT_ONCE = _End(joined=True)


class _Text:
    """The text of one function: what stands round what, and where names are mentioned."""

    def __init__(self, body: Body) -> None:
        self._body = body

    @cached_property
    def _above(self) -> dict[tree.Node, tree.Node]:
        return {child: node for node in walk(self._body.node) for child in children(node)}

    def end_of(self, call: tree.Node) -> _End:
        """Where the work is joined that a call starts, by what becomes of the call's value."""
        node, repeated_by = call, None
        while True:
            above = self._above.get(node)
            match above:
                case tree.Await():
                    return _End(joined=True, repeated_by=repeated_by)
                case tree.Comprehension():
                    node, repeated_by = above, above
                case tree.Display() | tree.Argument() | tree.Starred():
                    node = above
                case tree.Attribute(attr=attr):
                    if attr in _WAITING:
                        return _AT_ONCE
                    node = above
                case tree.Call(func=func) if func is node:
                    node = above  # Thread(…).start()
                case tree.Call(func=tree.Attribute(value=tree.Name(id=name), attr=attr)) if attr in _KEEPING:
                    return self._by_name(name, repeated_by)
                case tree.Call():
                    outer = self._above.get(above)
                    return _End(joined=True, repeated_by=repeated_by) if isinstance(outer, tree.Await) else _AT_ONCE
                case tree.Assign(targets=(tree.Name(id=name),)) | tree.NamedExpr(target=tree.Name(id=name)):
                    return self._by_name(name, repeated_by)
                case tree.AnnAssign(target=tree.Name(id=name)):
                    return self._by_name(name, repeated_by)
                case tree.ExprStmt():
                    return _End(joined=False, repeated_by=repeated_by)
                case _:
                    return _AT_ONCE

    def _by_name(self, name: str, repeated_by: tree.Node | None) -> _End:
        """Joined where a name is mentioned, or another that it is put into; a name of the module's waits for nothing,
        unless the function does something else with it.
        """
        if not self._is_seen_whole(name):
            return _AT_ONCE
        handles, joins = {name}, set[tree.Node]()
        grows = True
        while grows:
            grows = False
            joins.clear()
            for node in walk(self._body.node):
                if isinstance(node, tree.Name) and node.id in handles:
                    further = self._mention(node)
                    if further is None:
                        joins.add(node)
                    elif further and further not in handles:
                        if not self._is_seen_whole(further):
                            return _AT_ONCE
                        handles.add(further)
                        grows = True
        if any(self._is_nested(node) for node in joins):
            return _AT_ONCE
        return _End(joined=False, joins=frozenset(joins), repeated_by=repeated_by)

    def _is_seen_whole(self, name: str) -> bool:
        """Whether a name is the function's own, or the module's, so that nobody else waits for what it is bound to."""
        names, node = self._body.names, self._body.node
        assert isinstance(node, tree.Function)
        if name in names.declared_global or name in names.declared_nonlocal:
            return False
        if name in names.bound:
            return all(parameter.name != name for parameter in node.params)
        outer = self._body.parent
        while outer is not None and outer.parent is not None:
            if outer.is_function and name in outer.names.bound:
                return False
            outer = outer.parent
        return outer is not None and name in outer.names.bound

    def _is_nested(self, node: tree.Node) -> bool:
        above = self._above.get(node)
        while above is not None and above is not self._body.node:
            if isinstance(above, tree.Function | tree.Lambda):
                return True
            above = self._above.get(above)
        return False

    def _mention(self, name: tree.Name) -> str | None:
        """What a mention of a handle is: None where it may be waited for, else the name under which it goes on, or
        "".
        """
        above = self._above.get(name)
        match above:
            case tree.Assign(value=value) if value is not name:
                return ""
            case tree.AnnAssign() | tree.NamedExpr() if above.target is name:
                return ""
            case tree.Attribute(attr=attr) if attr in _NOT_WAITING or attr in _KEEPING:
                return "" if isinstance(self._above.get(above), tree.Call) else None
            case tree.Attribute(attr="discard" | "remove"):
                return ""  # task.add_done_callback(running.discard)
            case tree.Attribute() if isinstance(self._above.get(above), tree.Assign):
                return ""  # thread.daemon = True
            case tree.Argument():
                match self._above.get(above):
                    case tree.Call(func=tree.Attribute(value=tree.Name(id=container), attr=attr)) if attr in _KEEPING:
                        return container
                    case _:
                        return None
            case tree.For(target=tree.Name(id=target), iter=iterated) if iterated is name:
                return target if not self._is_waited_for(above, target) else None
            case tree.For() if above.target is name:
                return ""
            case _:
                return None

    def _is_waited_for(self, loop: tree.For, target: str) -> bool:
        """Whether a loop over handles does more with each than to start it."""
        for node in walk(loop):
            if isinstance(node, tree.Name) and node.id == target and node is not loop.target:
                above = self._above.get(node)
                if not (isinstance(above, tree.Attribute) and above.attr in _NOT_WAITING):
                    return True
        return False
