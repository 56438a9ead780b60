"""Sessions that are used after they are closed: the first SQL opens a new transaction, which nobody ends.

A way through the function is looked for on which the session is closed, used again, and still open where the function
is left.  After the close nothing goes wrong on it: only what happens when all goes well is told.  A way on which the
close and the use stand under conditions of their own is not believed, since one may exclude the other.

    with SessionLocal() as session:
        user = session.get(User, 1)      # open
                                         # the block is left: closed
    orders = session.scalars(…).all()    # open again
    return orders                        # left open
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, NamedTuple

from sqla_leaklint.domain.lifetimes.acquisition import Acquisition
from sqla_leaklint.domain.lifetimes.blocks import BlockSession
from sqla_leaklint.domain.lifetimes.conditions import can_follow, conditions_round
from sqla_leaklint.domain.lifetimes.doings import RELEASES, Doing, Use
from sqla_leaklint.domain.lifetimes.library_openings import factory_call
from sqla_leaklint.domain.lifetimes.paths import UNASKED, Course, is_closed_in
from sqla_leaklint.domain.lifetimes.skipped import is_at_once
from sqla_leaklint.domain.values import ProjectFunction
from sqla_leaklint.flow import Edge, Step, StepKind
from sqla_leaklint.semantic import terms as t
from sqla_leaklint.semantic.events import Deed, Event
from sqla_leaklint.syntax import tree

if TYPE_CHECKING:
    from sqla_leaklint.domain.module import Domain


@dataclass(frozen=True, slots=True, eq=False)
class ReopenedSession:
    """A session that is used after it was closed, and left open.

    `closing` is the call that closes it, or the item of the `with` statement that does; `closed_by` the function of the
    project that the call leaves it to.  `leaving` is what is last run.
    """

    acquisition: Acquisition
    closing: tree.Node
    closed_by: ProjectFunction | None
    use: tree.Node
    leaving: tree.Node

    @staticmethod
    def find(domain: Domain) -> Iterator[ReopenedSession]:
        """Every such session of the module, in the order of the text."""
        found = [_Search(each).find() for each in _candidates(domain)]
        yield from (each for each in found if each is not None)

    @property
    def name(self) -> str | None:
        """The variable that it is opened into."""
        target = self.closing.target if isinstance(self.closing, tree.WithItem) else None
        return target.id if isinstance(target, tree.Name) else self.acquisition.name

    @property
    def is_block(self) -> bool:
        """Whether it was closed by leaving a `with` block."""
        return isinstance(self.closing, tree.WithItem)


def _candidates(domain: Domain) -> Iterator[Acquisition]:
    """The sessions that a function opens, closes and runs SQL on."""
    for found in (domain.subjects(Acquisition), domain.subjects(BlockSession)):
        for each in found:
            acquisition = each if isinstance(each, Acquisition) else each.acquisition
            closes = [use for use in acquisition.uses if use.doing in RELEASES]
            if closes and acquisition.first_sql is not None and not _is_gone_when_closed(acquisition):
                yield acquisition


def _is_gone_when_closed(acquisition: Acquisition) -> bool:
    """Whether it raises when it is used again: `close_resets_only=False`."""
    call, frame = acquisition.event.call, acquisition.domain.frame
    for each in (call, factory_call(acquisition.domain.evaluator, call.func, frame)):
        given = each.keyword("close_resets_only") if each is not None else None
        if given is not None and not (isinstance(given, t.Const) and given.value is True):
            return True
    return False


class _Phase(Enum):
    OPEN = "not closed yet"
    CLOSED = "closed, and not used since"
    REOPENED = "used since, and not ended since"
    GONE = "somebody else has it"


class _State(NamedTuple):
    step: Step
    phase: _Phase
    closing: Use | None = None
    use: Use | None = None


_HANDED_ON = frozenset({Doing.DEFERS, Doing.STORES, Doing.PASSES, Doing.YIELDS, Doing.RETURNS, Doing.FILES})


class _Search:
    """Looks for such a way through one function."""

    def __init__(self, acquisition: Acquisition) -> None:
        self.acquisition = acquisition
        idle = acquisition.idle_closes
        uses = tuple(use for use in acquisition.uses if not (isinstance(use.act, Event) and use.act.node in idle))
        self.course = Course(acquisition.function, acquisition.node, uses)

    def find(self) -> ReopenedSession | None:
        start = self.course.start
        if start is None or not self._is_certain():
            return None
        first = _State(start, _Phase.OPEN)
        came_from: dict[_State, _State | None] = {first: None}
        waiting = deque([first])
        while waiting:
            state = waiting.popleft()
            for edge in self.course.graph.successors(state.step):
                following = self._next(edge, state)
                if following is None or following in came_from:
                    continue
                if following.step is self.course.graph.exit:
                    found = self._found(following, state)
                    if found is not None:
                        return found
                came_from[following] = state
                waiting.append(following)
        return None

    def _is_certain(self) -> bool:
        """Whether all that closes it is seen: nothing in a nested function, or by something that is not followed."""
        for use in self.course.uses:
            if use.doing in RELEASES and (self.course.is_off_course(use) or not is_at_once(self.acquisition, use)):
                return False
        return not any(use.doing in _HANDED_ON and self.course.is_off_course(use) for use in self.course.uses)

    def _found(self, last: _State, leaving: _State) -> ReopenedSession | None:
        if last.phase is not _Phase.REOPENED or last.closing is None or last.use is None:
            return None
        closing, use = last.closing, last.use
        if not isinstance(closing.act, Event) or not isinstance(use.act, Event):
            return None
        if not can_follow(self.acquisition.function, closing.act.node, use.act.node):
            return None
        if closing.callee is not None and not _closes_surely(self.acquisition.domain, closing.callee):
            return None
        return ReopenedSession(self.acquisition, closing.act.node, closing.callee, use.act.node, leaving.step.node)

    # --- along the way ---

    def _next(self, edge: Edge, state: _State) -> _State | None:
        if edge.kind in UNASKED or (edge.is_exceptional and state.phase is not _Phase.OPEN):
            return None
        step = state.step
        if step is self.course.start:
            state = _State(step, _Phase.OPEN)
        if edge.is_exceptional:
            return state._replace(step=edge.target)
        for use in self.course.uses_at(step):
            state = _after(state, use, step)
        return state._replace(step=edge.target) if state.phase is not _Phase.GONE else None


def _after(state: _State, use: Use, step: Step) -> _State:
    """What holds after a use."""
    if is_closed_in(step, use):
        return _State(step, _Phase.CLOSED, use)
    if use.doing is Doing.ENTERS:
        return _State(step, _Phase.OPEN)  # the block that begins here closes it
    if use.doing in _HANDED_ON:
        return _State(step, _Phase.GONE)
    if use.doing is Doing.RUNS_SQL and state.phase is _Phase.CLOSED:
        return _State(step, _Phase.REOPENED, state.closing, use)
    is_ended = use.doing is Doing.ENDS_TRANSACTION or (use.doing is Doing.TRANSACTS and step.kind is StepKind.WITH_EXIT)
    if is_ended and state.phase is _Phase.REOPENED:
        return _State(step, _Phase.CLOSED, state.closing)
    return state


def _closes_surely(domain: Domain, callee: ProjectFunction) -> bool:
    """Whether a function of the project closes it whatever it asks on the way."""
    module = domain.module
    own = module if callee.path == module.path else domain.evaluator.project.module_at(callee.path)
    body = own.executor.bodies.get(callee.qualname) if own is not None else None
    if body is None or not isinstance(body.node, tree.Function):
        return False
    closes = {
        event.node
        for event in body.events
        if event.deed is Deed.CALLED and isinstance(event.call.func, t.Attr) and event.call.func.name in _CLOSING
    }
    return any(not path for path in conditions_round(body.node.body, closes).values())


_CLOSING = frozenset({"close", "aclose", "reset", "invalidate"})
