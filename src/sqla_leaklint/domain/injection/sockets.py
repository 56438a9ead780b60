"""Sessions that keep a connection while a websocket waits for its client.

FastAPI leaves the dependencies of a websocket when its endpoint returns, whatever their scope and in every version: the
session is there for as long as the socket is open.  Its connection is out of the pool from the first SQL to the end of
the transaction, so the question is whether a transaction is open where the endpoint waits:

    async def chat(socket: WebSocket, session=Depends(get_session), user=Depends(get_user)):
        await socket.accept()                              # open already, if `get_user` has asked the same session
        while True:
            text = await socket.receive_text()             # waits: reported if it is open here, on some way
            session.add(Message(text=text))
            await session.commit()                         # ended: nothing is held while the next one is waited for

A session that is handed to somebody who cannot be looked into may be closed there: silent.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqla_leaklint.domain.injection.needs import Need, needs_of
from sqla_leaklint.domain.injection.provided import Opened, sessions_opened
from sqla_leaklint.domain.injection.routes import routes_of
from sqla_leaklint.domain.lifetimes.arriving import uses_of_parameter
from sqla_leaklint.domain.lifetimes.conduct import summed_up
from sqla_leaklint.domain.lifetimes.doings import Doing, Use
from sqla_leaklint.domain.lifetimes.paths import UNASKED, Course, after, nodes_of
from sqla_leaklint.domain.lifetimes.uses import Tracker, events_within, uses_in
from sqla_leaklint.domain.lifetimes.waiting import wait_of
from sqla_leaklint.domain.subjects import InFunction
from sqla_leaklint.domain.values import BoundMethod, ProjectFunction, alternatives
from sqla_leaklint.flow import Edge, Step, StepKind, solve_forward
from sqla_leaklint.knowledge.facts import Decoration, Kind
from sqla_leaklint.knowledge.waits import Awaited
from sqla_leaklint.semantic import terms as t
from sqla_leaklint.semantic.body import Body
from sqla_leaklint.semantic.events import Deed
from sqla_leaklint.semantic.summary import FunctionSummary
from sqla_leaklint.syntax import tree

if TYPE_CHECKING:
    from sqla_leaklint.domain.module import Domain

_WAITING = frozenset(
    {"receive", "receive_text", "receive_bytes", "receive_json", "iter_text", "iter_bytes", "iter_json"}
)
_UNCERTAIN = frozenset({Doing.PASSES, Doing.STORES, Doing.FILES, Doing.DEFERS})


@dataclass(frozen=True, slots=True, eq=False)
class HeldBySocket(InFunction):
    """A session whose transaction is open while a websocket endpoint waits.

    `need` opens it; `asked_by` is the dependency that ran SQL on it before the endpoint began (None: the endpoint did);
    `wait` is a call that waits; `parameter` the endpoint's that the session itself arrives in, if one does.
    """

    need: Need
    opened: Opened
    asked_by: Need | None
    wait: tree.Call
    parameter: tree.Parameter | None

    @property
    def node(self) -> tree.Node:
        """The endpoint's parameter through which the session comes, else the endpoint."""
        name = (self.asked_by or self.need).way[0].parameter
        return self.parameter or next((each for each in self.function.params if each.name == name), self.function)

    @property
    def is_async(self) -> bool:
        """Whether closing it is awaited."""
        return self.domain.evaluator.classes.is_a(self.opened.instance, Kind.ASYNC_SESSION)

    @staticmethod
    def find(domain: Domain) -> Iterator[HeldBySocket]:
        """One for each websocket endpoint and session, in the order of the text."""
        for body in domain.bodies:
            if is_socket(domain, body):
                yield from _in(domain, body)


def is_socket(domain: Domain, body: Body) -> bool:
    """Whether a function is a websocket endpoint."""
    if not isinstance(body.node, tree.Function) or not body.node.is_async:
        return False
    module = domain.module.summary
    routes = routes_of(domain.evaluator, module, module.functions[body.qualname])
    return any(decoration is Decoration.WEBSOCKET_ENDPOINT for decoration, _, _ in routes)


def _in(domain: Domain, body: Body) -> Iterator[HeldBySocket]:
    summary = domain.module.summary.functions[body.qualname]
    needs = list(needs_of(domain.evaluator, domain.module.summary, summary))
    waits = list(waits_in(domain, body))
    told: set[FunctionSummary] = set()
    for need in needs if waits else ():
        if not need.function.is_generator or need.function in told:
            continue
        for opened in sessions_opened(domain.evaluator, need.module, need.function):
            found = _held(domain, body, _Session(need, opened, needs), waits)
            if found is not None:
                told.add(need.function)
                yield found


class _Session:
    """A session of an endpoint, and who in the tree of its dependencies gets it."""

    def __init__(self, need: Need, opened: Opened, needs: list[Need]) -> None:
        self.need = need
        self.opened = opened
        same = [each for each in needs if each.function is need.function and each.scope == need.scope]
        self.direct = frozenset(each.parameter for each in same if each.above is None and each.parameter is not None)
        self.dependents = [(each.above, each.parameter) for each in same if each.above is not None]

    def asked_by(self, domain: Domain) -> Need | None:
        """A dependency that runs SQL on it and leaves its transaction open."""
        evaluator = domain.evaluator
        session_type = evaluator.classes.library_type(self.opened.instance)
        if session_type is None:
            return None
        for dependent, parameter in self.dependents:
            if parameter is None:
                continue
            uses = uses_of_parameter(evaluator, dependent.runs, parameter, frozenset(), session_type)
            if _leaves_open(uses, dependent.runs):
                return dependent
        own = uses_in(evaluator, self.need.module, self.need.function, self.opened.term, session_type=session_type)
        before = [use for use in own if use.doing in {Doing.RUNS_SQL, Doing.ENDS_TRANSACTION, Doing.YIELDS}]
        names = [use.doing for use in before]
        asked = names[: names.index(Doing.YIELDS)] if Doing.YIELDS in names else []
        return self.need if asked and asked[-1] is Doing.RUNS_SQL else None

    def holders(self, domain: Domain) -> dict[str, frozenset[str]]:
        """The endpoint's parameters that lead to it: none of its attributes where the parameter is the session."""
        evaluator = domain.evaluator
        session_type = evaluator.classes.library_type(self.opened.instance)
        found: dict[str, frozenset[str]] = dict.fromkeys(self.direct, frozenset())
        for dependent, parameter in self.dependents:
            if dependent.above is not None or dependent.parameter is None or parameter is None or not session_type:
                continue
            uses = uses_of_parameter(evaluator, dependent.runs, parameter, frozenset(), session_type)
            leading = frozenset[str]().union(
                *(use.attributes for use in uses if use.doing in {Doing.HOLDS, Doing.RETURNS, Doing.YIELDS})
            )
            if leading:
                found[dependent.parameter] = leading
        return found


def _leaves_open(uses: tuple[Use, ...], function: ProjectFunction) -> bool:
    doings = {use.doing for use in uses}
    if Doing.RUNS_SQL not in doings or doings & (_UNCERTAIN | {Doing.CLOSES, Doing.ENTERS}):
        return False
    return not summed_up(uses, function).commits_last


def _held(domain: Domain, body: Body, session: _Session, waits: list[tuple[tree.Call, bool]]) -> HeldBySocket | None:
    asked_by = session.asked_by(domain)
    holders = session.holders(domain)
    if asked_by is not None and not holders:
        wait: tree.Call | None = waits[0][0]  # nobody in the endpoint has it in hand
    else:
        wait = _open_at(domain, body, session, holders, [call for call, nested in waits if not nested], asked_by)
    if wait is None:
        return None
    assert isinstance(body.node, tree.Function)
    parameter = next((each for each in body.node.params if each.name in session.direct), None)
    return HeldBySocket(domain, body, session.need, session.opened, asked_by, wait, parameter)


def _open_at(
    domain: Domain,
    body: Body,
    session: _Session,
    holders: dict[str, frozenset[str]],
    waits: list[tree.Call],
    asked_by: Need | None,
) -> tree.Call | None:
    """The first wait of the endpoint where its transaction is open, on some way."""
    assert isinstance(body.node, tree.Function)
    uses: list[Use] = []
    for name, attributes in holders.items():
        uses.extend(_uses(domain, body, session, name, attributes))
    course = Course(body.node, None, tuple(uses))
    if any(use.doing in _UNCERTAIN for use in uses if course.is_off_course(use)):
        return None

    def flow(edge: Edge, is_open: bool) -> bool | None:
        if edge.kind in UNASKED or edge.is_exceptional:
            return None
        here = course.uses_at(edge.source)
        return after(here, edge, is_open) and not any(use.doing in _UNCERTAIN for use in here)

    before = solve_forward(course.graph, initial=asked_by is not None, flow=flow, join=lambda one, other: one or other)
    return next(
        (
            call
            for call in waits
            if any(before.get(step, False) for step in course.graph.steps if _waits_in(step, call))
        ),
        None,
    )


def _waits_in(step: Step, call: tree.Call) -> bool:
    """Whether a step waits by a call: a loop over messages does with each next one."""
    if isinstance(step.node, tree.For) and step.node.iter is call:
        return step.kind is StepKind.NEXT
    return any(node is call for node in nodes_of(step))


def _uses(domain: Domain, body: Body, session: _Session, parameter: str, attributes: frozenset[str]) -> tuple[Use, ...]:
    module = domain.module
    session_type = domain.evaluator.classes.library_type(session.opened.instance)
    assert session_type is not None
    term = module.executor.pool.make(t.Param, body.qualname, parameter)
    tracker = Tracker(
        domain.evaluator,
        module.summary,
        module.summary.functions[body.qualname],
        session_type,
        seed=term if not attributes else None,
        holder=term if attributes else None,
        attributes=attributes,
    )
    return tuple(tracker.uses(events_within(body, module.executor.bodies)))


# --- waits ---


def waits_in(domain: Domain, body: Body) -> Iterator[tuple[tree.Call, bool]]:
    """The calls of an endpoint that wait for the client, or for time; whether a nested function makes them."""
    prefix = f"{body.qualname}.<locals>."
    for other in domain.bodies:
        is_nested = other.qualname.startswith(prefix)
        if other is not body and not is_nested:
            continue
        for event in other.events:
            if event.deed is Deed.CALLED and isinstance(event.node, tree.Call) and _is_wait(domain, event.call):
                yield event.node, is_nested


def _is_wait(domain: Domain, call: t.Call) -> bool:
    for callee in alternatives(domain.value_of(call.func)):
        match callee:
            case BoundMethod(receiver=receiver, name=name):
                if name in _WAITING and domain.evaluator.classes.is_a(receiver, Kind.WEBSOCKET):
                    return True
            case ProjectFunction():
                if _receives(domain, callee, call):
                    return True
            case _:
                wait = wait_of(domain.evaluator, callee)
                if wait is not None and wait.awaited is Awaited.TIME:
                    return True
    return False


def _receives(domain: Domain, function: ProjectFunction, call: t.Call) -> bool:
    """Whether a function of the project waits for messages of the socket that it is given."""
    evaluator = domain.evaluator
    if not any(evaluator.classes.is_a(domain.value_of(each), Kind.WEBSOCKET) for each in call.args):
        return False
    summary = evaluator.classes.function(function)
    return summary is not None and any(
        isinstance(act.value, t.Call)
        and isinstance(act.value.func, t.Attr)
        and isinstance(act.value.func.base, t.Param)
        and act.value.func.name in _WAITING
        for act in summary.acts
        if act.deed is Deed.CALLED
    )
