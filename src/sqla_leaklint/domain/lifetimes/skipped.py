"""Closes that are skipped: the ways on which a session stays open that is closed on others.

A way leaves the function early, or one thing goes wrong on it, and no more: what goes wrong while an error is handled
is nobody's concern.  An exception is followed through the handlers that take it, by the names of the classes.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import Enum
from typing import TYPE_CHECKING, NamedTuple

from sqla_leaklint.domain.lifetimes.acquisition import Acquisition
from sqla_leaklint.domain.lifetimes.by_hand import TakenSession
from sqla_leaklint.domain.lifetimes.doings import RELEASES, Doing, Use
from sqla_leaklint.domain.lifetimes.faults import Faults, is_commit
from sqla_leaklint.domain.lifetimes.handlers import may_take, name_of
from sqla_leaklint.domain.lifetimes.paths import Course, after, is_closed_in, nodes_of, releasing_tests
from sqla_leaklint.flow import Edge, EdgeKind, Step, StepKind, may_suppress
from sqla_leaklint.flow.exceptions import statements_within
from sqla_leaklint.knowledge.facts import Effect
from sqla_leaklint.semantic import terms as t
from sqla_leaklint.semantic.events import Deed, Event
from sqla_leaklint.syntax import tree

if TYPE_CHECKING:
    from sqla_leaklint.domain.module import Domain


class Way(Enum):
    """How a close is passed."""

    EARLY = "the function is left, or the loop goes on, before it"
    EXCEPTION = "an exception skips it"
    CANCELLATION = "the cancellation of the task skips it"


class _State(NamedTuple):
    """Where control is, whether a connection is held, and which exception was raised, by the name of its class.

    `reopens`: it has been closed on this way; what takes a connection now opens it again, which is another fault.
    """

    step: Step
    held: bool
    error: str | None = None
    reopens: bool = False


class _WayOut(NamedTuple):
    """A way on which the session stays open, and the statement with which it is left, if it is one."""

    leaving: tree.Node | None


@dataclass(frozen=True, slots=True, eq=False)
class SkippedClose:
    """A session or other resource that a function closes, but not on every way.

    `cause` is what goes wrong, or None on an early way; `leaving` is the statement with which the way is left, or None
    where it is an exception or the end of the function.  `taken` tells where the session comes from that was taken out
    of a provider by hand.
    """

    acquisition: Acquisition
    way: Way
    cause: tree.Node | None
    leaving: tree.Node | None
    taken: TakenSession | None = None

    @staticmethod
    def find(domain: Domain) -> Iterator[SkippedClose]:
        """Every such session of the module: those that it opens, and those that it takes out of a provider."""
        for acquisition in domain.subjects(Acquisition):
            found = _skipped(acquisition)
            if found is not None:
                yield found
        for taken in domain.subjects(TakenSession):
            found = _skipped(taken.acquisition) if not taken.is_mismatched else None
            if found is not None:
                yield replace(found, taken=taken)

    @staticmethod
    def of(acquisition: Acquisition) -> SkippedClose | None:
        """The way on which a resource stays open that its function closes; None where there is none."""
        return _Search(acquisition).find() if _closes_itself(acquisition) else None

    @property
    def last_close(self) -> tree.Node | None:
        """The close that is furthest down in the text, unless nobody awaits it; the commit where there is none."""
        nodes = _closing_nodes(self.acquisition) or _committing_nodes(self.acquisition)
        return nodes[-1] if self.unawaited_close is None else None

    @property
    def is_closed(self) -> bool:
        """Whether the function closes it at all: a commit, too, gives the connection back, if it is reached."""
        return bool(_closing_nodes(self.acquisition))

    @property
    def unawaited_close(self) -> tree.Node | None:
        """A `close()` of an async session as a statement of its own: a coroutine that nobody runs."""
        return next(iter(self.acquisition.idle_closes), None)

    @property
    def closes(self) -> tuple[tree.Stmt, ...]:
        """The statements that do nothing but close it."""
        nodes: set[tree.Node] = {
            use.act.node
            for use in self.acquisition.uses
            if use.doing is Doing.CLOSES and use.callee is None and isinstance(use.act, Event)
        }
        return tuple(
            stmt
            for stmt in statements_within(self.acquisition.function.body)
            if isinstance(stmt, tree.ExprStmt)
            and (stmt.value in nodes or (isinstance(stmt.value, tree.Await) and stmt.value.value in nodes))
        )


def _skipped(acquisition: Acquisition) -> SkippedClose | None:
    found = SkippedClose.of(acquisition)
    return _Search(acquisition).find() if found is None and _only_commits(acquisition) else found


def _closing_nodes(acquisition: Acquisition) -> list[tree.Node]:
    return [use.act.node for use in acquisition.uses if use.doing in RELEASES and isinstance(use.act, Event)]


def _committing_nodes(acquisition: Acquisition) -> list[tree.Node]:
    return [use.act.node for use in acquisition.uses if is_commit(use) and isinstance(use.act, Event)]


def _only_commits(acquisition: Acquisition) -> bool:
    """Whether the function does not close the session, but gives its connection back by a commit in the end."""
    if acquisition.name is None or acquisition.ends or not _committing_nodes(acquisition):
        return False
    return not acquisition.leaking_exits


def _closes_itself(acquisition: Acquisition) -> bool:
    """Whether the function closes the session on some way, and nobody else may have got hold of it."""
    if acquisition.name is None or not _closing_nodes(acquisition):
        return False
    return not any(use.doing in _ENDING and not is_at_once(acquisition, use) for use in acquisition.uses)


_ENDING = RELEASES | {Doing.DEFERS, Doing.HOLDS, Doing.STORES, Doing.PASSES, Doing.YIELDS, Doing.RETURNS, Doing.FILES}


def is_at_once(acquisition: Acquisition, use: Use) -> bool:
    """Whether a use closes the session there and then, or by the end of its block: not `closing(session)`."""
    if use.doing is Doing.ENTERS:
        return use.act.deed is Deed.ENTERED
    if use.doing is not Doing.CLOSES:
        return False
    if use.callee is not None or use.act.deed is Deed.ENTERED:
        return True
    match use.act.value:
        case t.Call(func=t.Attr(name=name)):
            row = acquisition.domain.evaluator.knowledge.method(acquisition.type, name)
            return name == "aclose" or (row is not None and row.effect is Effect.RELEASES)
        case _:
            return False


class _Search:
    """Looks for a way out of one function on which its session is left open."""

    def __init__(self, acquisition: Acquisition) -> None:
        self.acquisition = acquisition
        self.faults = Faults(acquisition)
        uses = self.faults.uses
        errors = self.faults.errors
        self.course = Course(acquisition.function, acquisition.node, uses, errors.__contains__)
        releases = {use.act.node for use in uses if use.doing in RELEASES and isinstance(use.act, Event)}
        self._tests = releasing_tests(acquisition.function, releases, (acquisition.node,), only_flags=True)

    def find(self) -> SkippedClose | None:
        start = self.course.start
        if start is None or any(use.doing in RELEASES and self.course.is_off_course(use) for use in self.course.uses):
            return None
        before, way_out = self._follow(_State(start, False))
        if way_out is not None:
            return self._found(Way.EARLY, None, way_out)
        for kind, way in ((EdgeKind.EXCEPTION, Way.EXCEPTION), (EdgeKind.CANCELLATION, Way.CANCELLATION)):
            for state in before:
                if state.reopens:
                    continue
                for edge in self.course.graph.successors(state.step):
                    if edge.kind is kind and (failed := self._failing(edge, state)) is not None:
                        cause, arriving = failed
                        _, way_out = self._follow(arriving)
                        if way_out is not None:
                            return self._found(way, cause, way_out)
        return None

    def _found(self, way: Way, cause: tree.Node | None, way_out: _WayOut) -> SkippedClose:
        return SkippedClose(self.acquisition, way, cause, way_out.leaving)

    # --- what goes wrong ---

    def _failing(self, edge: Edge, state: _State) -> tuple[tree.Node, _State] | None:
        """What fails in a step, and what holds then; None if nothing is known to, or no connection is held."""
        step = state.step
        uses = self.course.uses_at(step)
        if edge.kind is EdgeKind.CANCELLATION:
            # SQLAlchemy itself gives the connection back when its own await is cancelled.
            if step.kind is not StepKind.AWAIT or uses or not state.held or _is_shielded(step.node):
                return None
            return step.node, _State(edge.target, True, "CancelledError")
        if isinstance(step.node, tree.Raise | tree.Assert) or not self.faults.held_after(uses, state.held):
            return None
        errors = self.faults.errors
        cause = next((node for node in nodes_of(step) if node in errors), None)
        return (cause, _State(edge.target, True, errors[cause])) if cause is not None else None

    # --- where it leads ---

    def _follow(self, first: _State) -> tuple[list[_State], _WayOut | None]:
        """The states that follow one when nothing more goes wrong, and a way out that leaves it open."""
        graph = self.course.graph
        exits = frozenset(graph.exits)
        if first.step in exits:
            return [], _WayOut(None)
        came_from: dict[_State, _State | None] = {first: None}
        waiting = deque([first])
        while waiting:
            state = waiting.popleft()
            for edge in graph.successors(state.step):
                following = self._next(edge, state)
                if following is None:
                    continue
                is_lost = following.step in exits or following.step is self.course.start
                if is_lost and following.held and not following.reopens:
                    return list(came_from), _WayOut(_leaving(state, came_from))
                if following.step not in exits and following not in came_from:
                    came_from[following] = state
                    waiting.append(following)
        return list(came_from), None

    def _next(self, edge: Edge, state: _State) -> _State | None:
        step, error = state.step, state.error
        if edge.kind in {EdgeKind.INTERRUPT, EdgeKind.GENERATOR_EXIT}:
            return None
        if edge.is_exceptional:
            if not _goes_on(edge):
                return None
            if isinstance(step.node, tree.Raise) and step.node.exc is not None:
                error = name_of(step.node.exc) or error
        if step.kind is StepKind.HANDLER and not may_take(step.node, error, edge.kind is EdgeKind.TRUE):
            return None
        held = False if step is self.course.start else state.held
        reopens = state.reopens and step is not self.course.start
        if step.kind is StepKind.TEST and step.node in self._tests:
            return _State(edge.target, False, error, reopens)
        uses = self.course.uses_at(step)
        reopens = reopens or any(is_closed_in(step, use) for use in uses)
        return _State(edge.target, after(uses, edge, held), error, reopens)


def _leaving(state: _State, came_from: dict[_State, _State | None]) -> tree.Node | None:
    """The statement with which a way is left, before what still runs: `finally`, leaving `with`, a loop's head."""
    current: _State | None = state
    while current is not None:
        if isinstance(current.step.node, _LEAVING):
            return current.step.node
        if current.step.kind not in _PASSED and current.step.completion is None:
            return None
        current = came_from[current]
    return None


_LEAVING = (tree.Return, tree.Raise, tree.Continue, tree.Break)
_PASSED = frozenset({StepKind.RESUME, StepKind.WITH_EXIT, StepKind.NEXT})


def _goes_on(edge: Edge) -> bool:
    """Whether an exceptional edge is that of an exception which is under way, or of a `raise`."""
    step = edge.source
    if step.kind is StepKind.WITH_EXIT and isinstance(step.node, tree.WithItem):
        completion = step.completion
        # A context that may swallow it is trusted to.
        return completion is not None and completion.edge_kind is edge.kind and not may_suppress(step.node, completion)
    return step.kind in {StepKind.HANDLER, StepKind.RESUME} or isinstance(step.node, tree.Raise)


def _is_shielded(node: tree.Node) -> bool:
    """Whether what is awaited goes on when the task is cancelled, which is somebody's care for just that."""
    match node:
        case tree.Await(value=tree.Call(func=tree.Attribute(attr="shield") | tree.Name(id="shield"))):
            return True
        case _:
            return False
