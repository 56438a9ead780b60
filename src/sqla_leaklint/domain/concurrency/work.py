"""Pieces of work that run beside their creator, and which session each of them takes along.

Terms
    *piece*: a coroutine, or a callable for a thread, that is run for itself: each argument of `gather`, the argument of
    `create_task`, the elements of a list that is unpacked.  *Key*: the term that stands for a session all over the
    function, so that two pieces with one key have one session.

    async with SessionLocal() as session:          # key: what the block binds
        await asyncio.gather(
            count(session),                        # a piece, and openly its argument
            Orders(session).total(),               # a piece whose session hides in an object
            *(load(session, key) for key in keys), # many pieces
        )
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from sqla_leaklint.domain.application.endpoints import method_name
from sqla_leaklint.domain.concurrency.keys import session_key
from sqla_leaklint.domain.handed_over.handoffs import BORROWED, Handoff, Passenger, handoff_row
from sqla_leaklint.domain.lifetimes.callees import Callees
from sqla_leaklint.domain.lifetimes.doings import Doing
from sqla_leaklint.domain.subjects import Excuse
from sqla_leaklint.domain.values import (
    Awaitable,
    Instance,
    Origin,
    Partial,
    ProjectFunction,
    ProjectInstance,
    alternatives,
)
from sqla_leaklint.knowledge.facts import Executor, Kind
from sqla_leaklint.knowledge.facts import Handoff as HandoffRow
from sqla_leaklint.semantic import terms as t
from sqla_leaklint.semantic.body import Body
from sqla_leaklint.semantic.events import Deed
from sqla_leaklint.semantic.questions import is_name
from sqla_leaklint.syntax import tree
from sqla_leaklint.syntax.walk import children, walk

if TYPE_CHECKING:
    from sqla_leaklint.domain.module import Domain

SHARED = BORROWED | {Origin.FRESH, Origin.ATTRIBUTE}
"""Sessions of which two pieces of work may have the same: a registry hands each its own, the process's is kept."""
_THREADS = frozenset({Executor.THREAD, Executor.AWAITED_THREAD})
_COROUTINE = HandoffRow("", Executor.GATHERED, "", callee=0)
_DEEPEST = 3
"""Wrappers inside of wrappers (`wait_for(shield(…))`) that are looked into."""


@dataclass(frozen=True, slots=True, eq=False)
class Rider:
    """A session that a piece of work takes along: `ends` tells whether the work closes it itself."""

    passenger: Passenger
    key: t.Term
    is_async: bool
    ends: bool


class RiderExcuse(Excuse):
    """Why a session that goes along with a piece of work is not followed."""

    LOCKED = "the work enters a lock, and so takes its turn"
    UNUSED = "the work asks it for nothing"
    NOT_FOLLOWED = "which session it is could not be followed"


@dataclass(frozen=True, slots=True, eq=False)
class Idle:
    """A session that goes along with a piece of work, but is no rider."""

    passenger: Passenger
    excuse: RiderExcuse


@dataclass(frozen=True, slots=True, eq=False)
class Piece:
    """A piece of work: the expression that it is, its sessions, and what makes many of it, if anything does.

    `idle` are sessions that go along as well, but in which nobody can be disturbed, as far as is known.
    """

    node: tree.Expr
    riders: tuple[Rider, ...]
    in_thread: bool
    idle: tuple[Idle, ...] = ()
    repeated_by: tree.Node | None = None
    is_mapped: bool = False
    """Whether a callable is run once for each of many arguments (`executor.map`)."""


@dataclass(frozen=True, slots=True, eq=False)
class _Coroutine(Handoff):
    """A call that makes a coroutine, as the hand-over of what it calls."""

    @property
    def callee(self) -> tree.Expr | None:
        return self.node.func

    @property
    def arguments(self) -> tuple[tree.Argument, ...]:
        return self.node.args


def pieces(domain: Domain, body: Body, expr: tree.Expr, *, depth: int = 0) -> Iterator[Piece]:
    """The pieces of work that an expression is: one coroutine, or all in a collection."""
    match expr:
        case tree.Call():
            yield from _of_call(domain, body, expr, depth)
        case tree.Starred(value=value):
            yield from pieces(domain, body, value, depth=depth + 1)
        case tree.Display():
            for element in expr.elements:
                yield from pieces(domain, body, element, depth=depth + 1)
        case tree.Comprehension(elements=(element,)):
            for piece in pieces(domain, body, element, depth=depth + 1):
                yield replace(piece, repeated_by=expr)
        case tree.Name(id=name) if depth <= _DEEPEST:
            for bound in _assigned(body, name):
                if isinstance(bound, tree.Call | tree.Display | tree.Comprehension):
                    yield from pieces(domain, body, bound, depth=depth + 1)
            yield from _appended(domain, body, name, depth)
        case _:
            pass


def _assigned(body: Body, name: str) -> list[tree.Expr]:
    """What a local name is bound to by plain assignments."""
    return [
        node.value
        for node in walk(body.node)
        if isinstance(node, tree.Assign) and len(node.targets) == 1 and is_name(node.targets[0], name)
    ]


def _appended(domain: Domain, body: Body, name: str, depth: int) -> Iterator[Piece]:
    """What is appended to a list of that name; in a loop, it is many."""
    for loop, node in _with_loops(body.node):
        match node:
            case tree.Call(func=tree.Attribute(value=value, attr="append"), args=(argument,)) if is_name(value, name):
                for piece in pieces(domain, body, argument.value, depth=depth + 1):
                    yield replace(piece, repeated_by=loop) if loop is not None else piece
            case _:
                pass


def _with_loops(root: tree.Node) -> Iterator[tuple[tree.Node | None, tree.Node]]:
    """The nodes below one, each with the innermost loop round it."""
    pending: list[tuple[tree.Node | None, tree.Node]] = [(None, root)]
    while pending:
        loop, node = pending.pop()
        yield loop, node
        inner = node if isinstance(node, tree.For | tree.While) else loop
        pending.extend((inner, child) for child in children(node))


def _of_call(domain: Domain, body: Body, call: tree.Call, depth: int) -> Iterator[Piece]:
    term = domain.term(call)
    event = body.event_of(term) if term is not None else None
    if event is None or depth > _DEEPEST:
        return
    row = handoff_row(domain.evaluator, event.call, domain.frame)
    if row is not None and row.executor in _THREADS:
        handoff = Handoff(domain, body, event, row, SHARED)
        yield _piece(handoff, in_thread=True, is_mapped=method_name(event.call.func) == "map")
        return
    if row is not None and row.callee >= 0:
        yield _piece(Handoff(domain, body, event, row, SHARED), in_thread=False)
        return
    piece = _piece(_Coroutine(domain, body, event, _COROUTINE, SHARED), in_thread=False)
    if piece.riders or piece.idle:
        yield piece
    if piece.riders:
        return
    for argument in call.args:  # wait_for(count(session), 5), limited(count(session))
        if isinstance(argument.value, tree.Call) and isinstance(domain.value(argument.value), Awaitable):
            yield from _of_call(domain, body, argument.value, depth + 1)


def _piece(handoff: Handoff, *, in_thread: bool, is_mapped: bool = False) -> Piece:
    found = list(_weighed(handoff))
    riders = tuple(each for each in found if isinstance(each, Rider))
    idle = tuple(each for each in found if isinstance(each, Idle))
    return Piece(handoff.node, riders, in_thread, idle, is_mapped=is_mapped)


def _weighed(handoff: Handoff) -> Iterator[Rider | Idle]:
    seen: set[t.Term] = set()
    for passenger in handoff.passengers():
        doings = _doings(handoff, passenger)
        if doings is not None and not doings - {Doing.LOOKS, Doing.RETURNS}:
            yield Idle(passenger, RiderExcuse.UNUSED)
            continue
        key = session_key(handoff, passenger)
        if key is None:
            yield Idle(passenger, RiderExcuse.NOT_FOLLOWED)
        elif key in seen:
            continue
        elif _is_locked(handoff):
            yield Idle(passenger, RiderExcuse.LOCKED)
        else:
            seen.add(key)
            is_async = handoff.domain.evaluator.classes.is_a(passenger.session, Kind.ASYNC_SESSION)
            ends = bool(doings and doings & {Doing.CLOSES, Doing.ENTERS, Doing.DEFERS})
            yield Rider(passenger, key, is_async, ends)


def _doings(handoff: Handoff, passenger: Passenger) -> set[Doing] | None:
    """What a coroutine does with a session that is openly its argument; None where that is not known."""
    if passenger.hidden_in or not isinstance(handoff, _Coroutine):
        return None
    evaluator = handoff.domain.evaluator
    session_type = evaluator.classes.library_type(passenger.session)
    which = _place(handoff, passenger)
    if session_type is None or which is None:
        return None
    callees = Callees(evaluator, handoff.domain.frame, session_type)
    conduct = callees.conduct(handoff.event.call, which)
    found = set(conduct.doings)
    return found | {Doing.ENDS_TRANSACTION} if conduct.commits_last else found


def _place(handoff: Handoff, passenger: Passenger) -> int | str | None:
    positional = [argument for argument in handoff.node.args if argument.keyword is None]
    for place, argument in enumerate(positional):
        if argument.value is passenger.node:
            return place
    return next((each.keyword for each in handoff.node.args if each.value is passenger.node), None)


def _is_locked(handoff: Handoff) -> bool:
    """Whether the work enters a lock: it then takes turns."""
    evaluator = handoff.domain.evaluator
    callee = handoff.callee
    for called in alternatives(handoff.domain.value(callee)) if callee is not None else ():
        function = called.function if isinstance(called, Partial) else called
        if not isinstance(function, ProjectFunction):
            continue
        summary = evaluator.classes.function(function)
        module = evaluator.project.summary_at(function.path)
        if summary is None or module is None:
            continue
        for act in summary.acts:
            entered = evaluator.of(act.value, evaluator.frame(module)) if act.deed is Deed.ENTERED else None
            if isinstance(entered, Instance | ProjectInstance) and evaluator.classes.is_a(entered, Kind.LOCK):
                return True
    return False
