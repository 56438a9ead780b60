"""Waits inside of a transaction: SQL has run on a session, and then the function sleeps or asks another server.

From the first SQL to `commit()`, `rollback()` or `close()` a session keeps its connection and its transaction.  Along
the ways on which nothing goes wrong, each step is told which use has opened the transaction that is open there:

    rows = session.scalars(query).all()      # opens it
    if not rows:
        session.commit()                     # ends it, on this way
    time.sleep(60)                           # open, on the other one: reported
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from sqla_leaklint.domain.application.endpoints import method_name
from sqla_leaklint.domain.lifetimes.doings import Doing, Use
from sqla_leaklint.domain.lifetimes.faults import Faults
from sqla_leaklint.domain.lifetimes.isolation import may_autocommit
from sqla_leaklint.domain.lifetimes.paths import UNASKED, Course, nodes_of
from sqla_leaklint.domain.lifetimes.resources import SESSION, telling_methods
from sqla_leaklint.domain.lifetimes.restoring import may_end_transaction, may_restore, restored_on_leaving
from sqla_leaklint.domain.lifetimes.sessions_in_use import SessionInUse, origins_of, sessions_in_use
from sqla_leaklint.domain.values import BoundMethod, Literal, ProjectFunction, Symbol, Value, alternatives
from sqla_leaklint.flow import Edge, Step, StepKind, solve_forward
from sqla_leaklint.flow.evaluation import subexpressions
from sqla_leaklint.knowledge import Knowledge
from sqla_leaklint.knowledge.waits import Awaited, Wait
from sqla_leaklint.semantic import terms as t
from sqla_leaklint.semantic.body import Body
from sqla_leaklint.semantic.events import Deed, Event
from sqla_leaklint.syntax import tree
from sqla_leaklint.syntax.walk import walk

if TYPE_CHECKING:
    from sqla_leaklint.domain.evaluation import Evaluator
    from sqla_leaklint.domain.module import Domain

_SHORT = 1.0
"""Seconds that nobody minds."""
_NONE = -1
"""No transaction is open."""


@dataclass(frozen=True, slots=True, eq=False)
class WaitInTransaction:
    """A call that waits while a session has a transaction open; `opened_by` is the call that opened it.

    `helper` is the function of the project that does the waiting, if one does.
    """

    session: SessionInUse
    call: tree.Call
    awaited: Awaited
    opened_by: tree.Node
    helper: ProjectFunction | None

    @staticmethod
    def find(domain: Domain) -> Iterator[WaitInTransaction]:
        """The first such call of each session in each function of the module."""
        for body in domain.bodies:
            if not isinstance(body.node, tree.Function) or not _works(domain, body):
                continue
            waits = list(_waits(domain, body))
            if waits and not may_autocommit(domain):
                yield from _in_transaction(domain, body, waits)


def _works(domain: Domain, body: Body) -> bool:
    """Whether a function may run SQL on a session: it calls something named like that, or passes something on."""
    methods = telling_methods(domain.evaluator.knowledge, SESSION)
    return any(
        method_name(event.call.func) in methods or any(isinstance(each, _PASSED) for each in event.call.args)
        for event in body.events
        if event.deed is Deed.CALLED
    )


_PASSED = (t.Param, t.Enter, t.Attr, t.Call)


def _in_transaction(
    domain: Domain, body: Body, waits: list[tuple[tree.Call, Wait, ProjectFunction | None]]
) -> Iterator[WaitInTransaction]:
    told: set[tree.Node] = set()
    for session in sessions_in_use(domain, body):
        opened = Transactions(session)
        for call, wait, helper in waits:
            opening = opened.at(call)
            if opening is not None and call not in told:
                told.add(call)
                yield WaitInTransaction(session, call, wait.awaited, opening, helper)
                break


# --- calls that wait ---


def _waits(domain: Domain, body: Body) -> Iterator[tuple[tree.Call, Wait, ProjectFunction | None]]:
    """The calls of a function that wait, by themselves or by a function of the project that does so itself."""
    evaluator = domain.evaluator
    names = _names(evaluator.knowledge)
    awaited: frozenset[tree.Node] | None = None
    for event in body.events:
        if event.deed is not Deed.CALLED or not isinstance(event.node, tree.Call):
            continue
        name = method_name(event.call.func)
        is_named = name in names
        if not is_named and not _may_be_of_project(event.call.func):
            continue
        for callee in alternatives(domain.value_of(event.call.func)):
            helper = callee if isinstance(callee, ProjectFunction) else None
            wait = (
                _waiting_in(evaluator, helper)
                if helper is not None
                else wait_of(evaluator, callee)
                if is_named
                else None
            )
            if wait is None or (helper is None and _is_short(domain, wait, event.call)):
                continue
            if awaited is None:
                awaited = frozenset(_awaited(body))
            if event.node in awaited or not _is_coroutine(evaluator, wait, helper):
                yield event.node, wait, helper


def wait_of(evaluator: Evaluator, callee: Value) -> Wait | None:
    """What a function or method of a library waits for."""
    match callee:
        case Symbol(path=path):
            return evaluator.knowledge.wait(path)
        case BoundMethod(receiver=receiver, name=name):
            owner = evaluator.classes.library_type(receiver)
            return evaluator.knowledge.wait_method(owner, name) if owner is not None else None
        case _:
            return None


def _waiting_in(evaluator: Evaluator, function: ProjectFunction) -> Wait | None:
    """What a function of the project waits for itself, as far as its calls tell."""
    summary = evaluator.classes.function(function)
    module = evaluator.project.summary_at(function.path)
    if summary is None or module is None or summary.is_generator:
        return None
    names, frame = _names(evaluator.knowledge), evaluator.frame(module)
    for act in summary.acts:
        if act.deed is not Deed.CALLED or not isinstance(act.value, t.Call) or method_name(act.value.func) not in names:
            continue
        for callee in alternatives(evaluator.of(act.value.func, frame)):
            wait = wait_of(evaluator, callee)
            if wait is not None and wait.awaited is Awaited.ANSWER:
                return wait
    return None


def _may_be_of_project(function: t.Term) -> bool:
    match function:
        case t.Ref(path=path):
            return not path.startswith(("builtins.", "sqlalchemy.", "logging."))
        case t.FunctionRef() | t.Attr(base=t.Param() | t.Ref()):
            return True
        case _:
            return False


def _is_short(domain: Domain, wait: Wait, call: t.Call) -> bool:
    if wait.awaited is not Awaited.TIME or not call.args:
        return False
    value = domain.value_of(call.args[0])
    return isinstance(value, Literal) and isinstance(value.value, int | float) and value.value < _SHORT


def _is_coroutine(evaluator: Evaluator, wait: Wait, helper: ProjectFunction | None) -> bool:
    if helper is None:
        return wait.is_async
    summary = evaluator.classes.function(helper)
    return summary is None or summary.is_async


def _awaited(body: Body) -> Iterator[tree.Node]:
    assert isinstance(body.node, tree.Function)
    for node in walk(body.node):
        if isinstance(node, tree.Await):
            yield node.value
        elif isinstance(node, tree.WithItem):
            yield node.context


@lru_cache(maxsize=8)
def _names(knowledge: Knowledge) -> frozenset[str]:
    return frozenset(row.name.rpartition(".")[2] for table in knowledge.tables for row in table.waits)


# --- transactions ---


class Transactions:
    """Which transaction of a session is open where."""

    def __init__(self, session: SessionInUse) -> None:
        self.session = session
        self._faults = Faults(session)
        self.uses = self._faults.uses
        self._places = {id(use): place for place, use in enumerate(self.uses)}
        self._course = Course(session.function, None, self.uses)
        self._events: dict[tree.Node, list[Event]] = {}
        for event in session.body.events:
            if event.deed is Deed.CALLED:
                self._events.setdefault(event.node, []).append(event)
        self._open: dict[Step, int] | None = None

    def at(self, call: tree.Call) -> tree.Node | None:
        """What opened the transaction that is open where a call is made; None if none is known to be."""
        for step, place in self._steps().items():
            if place != _NONE and any(node is call for node in nodes_of(step)):
                return self._opener(place)
        inner = set(subexpressions(call))
        argument = (use.act.node for use in self.uses if isinstance(use.act, Event) and self._opens(use))
        return next((node for node in argument if node in inner and node is not call), None)

    def left_open(self) -> Iterator[tuple[tree.Return, tree.Node]]:
        """The statements that return while a transaction is open, with what opened it."""
        for step, before in self._steps().items():
            if isinstance(step.node, tree.Return):
                place = before
                for use in self._course.uses_at(step):
                    place = self._after(use, place)
                opener = self._opener(place) if place != _NONE else None
                if opener is not None:
                    yield step.node, opener

    def _steps(self) -> dict[Step, int]:
        """Which transaction is open where a step begins."""
        if self._open is None:
            is_any = any(use.doing is Doing.RUNS_SQL for use in self.uses)
            flow = solve_forward(self._course.graph, initial=_NONE, flow=self._flow, join=self._first) if is_any else {}
            self._open = flow
        return self._open

    def _opener(self, place: int) -> tree.Node | None:
        act = self.uses[place].act
        return act.node if isinstance(act, Event) else None

    def _flow(self, edge: Edge, place: int) -> int | None:
        step = edge.source
        if edge.kind in UNASKED or edge.is_exceptional:
            return None
        if step.kind is StepKind.WITH_EXIT and isinstance(step.node, tree.WithItem):
            return _NONE if restored_on_leaving(self.session, step.node) else place
        if step.kind is StepKind.NEXT:
            return place
        for use in self._course.uses_at(step):
            place = self._after(use, place)
        if any(self._ends(event) for node in nodes_of(step) for event in self._events.get(node, ())):
            return _NONE
        return place

    def _after(self, use: Use, place: int) -> int:
        if self._opens(use):
            return self._first(place, self._places[id(use)])
        keeps = use.doing in {Doing.QUEUES, Doing.LOOKS, Doing.HOLDS, Doing.RETURNS, Doing.TRANSACTS, Doing.ENTERS}
        return place if keeps else _NONE

    def _opens(self, use: Use) -> bool:
        """Whether a use is certain to leave a transaction open."""
        if use.doing is not Doing.RUNS_SQL:
            return False
        if use.callee is None:
            return True
        # What a callee does about errors may be just what the wait is for: `while not connects(session): sleep(1)`.
        evaluator = self.session.domain.evaluator
        return not self._faults.handles_errors(use.callee) and not may_end_transaction(evaluator, use.callee)

    def _ends(self, event: Event) -> bool:
        """Whether a call ends the transaction in a way that no use tells, or makes another session."""
        return event.value in origins_of(self.session) or may_restore(self.session, event.call)

    def _first(self, one: int, other: int) -> int:
        """Of two transactions that may be open, the one that is opened first in the text, and for certain if one is;
        none only if neither is.
        """
        if _NONE in (one, other):
            return max(one, other)
        return min((one, other), key=lambda place: (self._may_return_before(self.uses[place]), place))

    def _may_return_before(self, use: Use) -> bool:
        """Whether the function that makes a use has several ways out, of which some may come before the SQL."""
        summary = self.session.domain.evaluator.classes.function(use.callee) if use.callee is not None else None
        return summary is not None and len(summary.returns) > 1
