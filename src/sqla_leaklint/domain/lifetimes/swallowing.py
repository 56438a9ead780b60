"""The ways of a database error: from the call that fails to the handler that takes it, and on to the next use."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from functools import cached_property
from typing import NamedTuple

from sqla_leaklint.domain.application.endpoints import method_name
from sqla_leaklint.domain.lifetimes.doings import Doing, Use
from sqla_leaklint.domain.lifetimes.faults import is_commit
from sqla_leaklint.domain.lifetimes.handlers import DATABASE_ERROR, may_take, name_of, takes_database_errors
from sqla_leaklint.domain.lifetimes.paths import Course, nodes_of
from sqla_leaklint.domain.lifetimes.refusals import Refusals
from sqla_leaklint.domain.lifetimes.restoring import may_restore, restored_on_leaving
from sqla_leaklint.domain.lifetimes.sessions_in_use import SessionInUse, origins_of
from sqla_leaklint.domain.lifetimes.telling import TellingTests, is_empty_after, is_new_after, wanted_local
from sqla_leaklint.flow import Edge, EdgeKind, Step, StepKind, may_suppress
from sqla_leaklint.flow.exceptions import Catch, statements_within
from sqla_leaklint.semantic import terms as t
from sqla_leaklint.semantic.events import Deed, Event
from sqla_leaklint.syntax import tree
from sqla_leaklint.syntax.walk import holds


class Swallowing(NamedTuple):
    """A handler that takes the error of `fault`, after which `again` uses the session as it is."""

    handler: tree.ExceptHandler
    fault: tree.Node
    again: tree.Node
    is_flush: bool


class _State(NamedTuple):
    """Where control is, which handler took the error last, which error is under way ("" for none), and whether a loop
    has gone round since.
    """

    step: Step
    handler: tree.ExceptHandler | None
    error: str
    is_later_round: bool = False


class Search:
    """Looks for handlers that swallow the errors of one session."""

    def __init__(self, session: SessionInUse) -> None:
        self.session = session
        self._refusals = Refusals(session)
        self.faults = self._refusals.by_node
        self._tests = TellingTests(session)
        self.course = Course(session.function, None, self._refusals.uses, self.faults.__contains__)

    def find(self) -> Iterator[Swallowing]:
        """The handlers, each with the faults in the text that show it."""
        if not self.faults:
            return
        graph = self.course.graph
        for step in graph.steps:
            for node in nodes_of(step):
                if node not in self.faults:
                    continue
                is_flush = self._refusals.is_flush(self.faults[node])
                for edge in graph.successors(step):
                    if edge.kind is EdgeKind.EXCEPTION:
                        state = _State(edge.target, None, DATABASE_ERROR)
                        for handler, again in self._follow(state, node, is_flush):
                            yield Swallowing(handler, node, again, is_flush)

    # --- where it leads ---

    def _follow(
        self, first: _State, fault: tree.Node, is_flush: bool
    ) -> Iterator[tuple[tree.ExceptHandler, tree.Node]]:
        """The handlers that take the error, each with what is done with the session next."""
        exits = frozenset(self.course.graph.exits)
        waiting, seen = deque([first]), {first}
        while waiting:
            state = waiting.popleft()
            if state.step in exits:
                continue
            outcome = self._outcome(state, is_flush)
            if outcome is not None:
                if state.handler is not None and isinstance(outcome, tree.Node):
                    yield state.handler, outcome
                continue
            for edge in self.course.graph.successors(state.step):
                following = None if self._is_barred(edge, fault) else self._next(edge, state)
                if following is not None and following not in seen:
                    seen.add(following)
                    waiting.append(following)

    def _is_barred(self, edge: Edge, fault: tree.Node) -> bool:
        """Whether a way is for those alone who have something that the statement which failed was to bind."""
        function, step = self.session.function, edge.source
        if edge.kind is not EdgeKind.TRUE:
            return False
        if step.kind is StepKind.NEXT and isinstance(step.node, tree.For) and isinstance(step.node.iter, tree.Name):
            return is_empty_after(function, step.node.iter.id, fault)
        name = wanted_local(step.node) if step.kind is StepKind.TEST else None
        return name is not None and is_new_after(function, name, fault)

    def _next(self, edge: Edge, state: _State) -> _State | None:
        step, handler, error = state.step, state.handler, state.error
        if edge.kind in {EdgeKind.INTERRUPT, EdgeKind.GENERATOR_EXIT, EdgeKind.CANCELLATION}:
            return None
        if step.kind is StepKind.HANDLER:
            is_taken = edge.kind is EdgeKind.TRUE
            if not self._may_take(step.node, error, is_taken):
                return None
            if is_taken and isinstance(step.node, tree.ExceptHandler):
                return _State(edge.target, step.node, "")
        elif edge.is_exceptional:
            if isinstance(step.node, tree.Raise):
                if handler is not None and not holds(handler, step.node):
                    return None  # that something else goes wrong is a matter of its own
                exc = step.node.exc
                error = (name_of(exc) or "") if exc is not None and not _is_caught(exc, handler) else DATABASE_ERROR
                return _State(edge.target, handler, error or "Exception")
            if step.kind is StepKind.WITH_EXIT and isinstance(step.node, tree.WithItem):
                completion = step.completion
                goes_on = completion is not None and completion.edge_kind is edge.kind
                if not goes_on or completion is None or may_suppress(step.node, completion):
                    return None
            elif step.kind is not StepKind.RESUME:
                return None  # and so is this
        return _State(edge.target, handler, error, state.is_later_round or edge.is_back)

    def _may_take(self, handler: tree.Node, error: str, is_taken: bool) -> bool:
        if error != DATABASE_ERROR or not isinstance(handler, tree.ExceptHandler):
            return may_take(handler, error, is_taken)
        catch = takes_database_errors(self.session.domain, handler)
        return catch is not Catch.NEVER if is_taken else catch is not Catch.ALWAYS

    # --- what is done on the way ---

    def _outcome(self, state: _State, is_flush: bool) -> tree.Node | bool | None:
        """The node that uses the session as it is; True where it may be restored; None where nothing happens to it."""
        step = state.step
        if step.kind is StepKind.HANDLER:
            return None
        if step.kind is StepKind.WITH_EXIT and isinstance(step.node, tree.WithItem):
            return True if restored_on_leaving(self.session, step.node) else None
        if step.kind is StepKind.TEST and self._tests.has(step.node, state.handler, state.is_later_round):
            return True
        if step.kind is StepKind.NEXT and self._is_made_by(step.node):
            return True
        uses = self.course.uses_at(step)
        by_node = {id(use.act.node): use for use in uses if isinstance(use.act, Event)}
        for node in nodes_of(step):
            if any(self._is_rebound(event) or self._may_restore(event) for event in self._events.get(node, ())):
                return True
            if id(node) in by_node:
                for use in uses:
                    if isinstance(use.act, Event) and use.act.node is node:
                        outcome = self._outcome_of(use, node, is_flush, state.handler)
                        if outcome is not None:
                            return outcome
        return None

    def _outcome_of(
        self, use: Use, node: tree.Node, is_flush: bool, handler: tree.ExceptHandler | None
    ) -> tree.Node | bool | None:
        match use.doing:
            case Doing.RUNS_SQL:
                if handler is not None and self._is_best_effort(node, handler):
                    return None
                return node if self._refusals.is_bare(use) else True
            case Doing.ENDS_TRANSACTION:
                # Without a flush, a commit only ends the transaction: what the database makes of it is a rollback.
                commits = node in self.faults or (use.callee is None and is_commit(use))
                return node if commits and is_flush else True
            case Doing.QUEUES | Doing.LOOKS | Doing.HOLDS:
                return None
            case Doing.PASSES:
                return True if self._is_passed(use) else None
            case _:
                return True

    def _is_best_effort(self, node: tree.Node, handler: tree.ExceptHandler) -> bool:
        """Whether a handler does something in a `try` of its own, whose errors are no matter."""
        return any(
            isinstance(stmt, tree.Try)
            and any(holds(each, node) for each in stmt.body)
            and any(takes_database_errors(self.session.domain, each) is Catch.ALWAYS for each in stmt.handlers)
            for stmt in statements_within(handler.body)
        )

    def _is_passed(self, use: Use) -> bool:
        """Whether somebody who cannot be looked into gets the session, or what holds it; telling of it is no use."""
        call = use.act.value
        if not isinstance(call, t.Call):
            return True
        name = method_name(call.func)
        return not name.startswith(_TALKING)

    @cached_property
    def _events(self) -> dict[tree.Node, list[Event]]:
        found: dict[tree.Node, list[Event]] = {}
        for event in self.session.body.events:
            if event.deed in {Deed.CALLED, Deed.STORED_ATTRIBUTE, Deed.STORED_GLOBAL, Deed.DELETED_NAME}:
                found.setdefault(event.node, []).append(event)
        return found

    def _may_restore(self, event: Event) -> bool:
        return event.deed is Deed.CALLED and may_restore(self.session, event.call)

    def _is_rebound(self, event: Event) -> bool:
        """Whether from here on the session is another one."""
        seed = self.session.seed
        if event.deed is Deed.CALLED:
            return event.value in origins_of(self.session)
        return isinstance(seed, t.Attr) and event.key == seed.name and event.base is seed.base

    def _is_made_by(self, loop: tree.Node) -> bool:
        """Whether a loop gives another session each time round."""
        iterated = self.session.domain.term(loop.iter) if isinstance(loop, tree.For) else None
        return any(isinstance(part, t.Element) and part.value is iterated for part in origins_of(self.session))


_TALKING = ("log", "_log", "print", "debug", "warn", "info", "error", "exception", "critical", "trace", "capture")


def _is_caught(exc: tree.Expr, handler: tree.ExceptHandler | None) -> bool:
    """Whether a `raise` raises what its handler caught."""
    return handler is not None and isinstance(exc, tree.Name) and exc.id == handler.name
