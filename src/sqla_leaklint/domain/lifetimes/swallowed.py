"""Swallowed errors: a handler takes what the database raised, and the session goes on being used as it is.

Once a flush has failed, a session answers everything with `PendingRollbackError`; once a statement has failed,
PostgreSQL answers with `InFailedSqlTransaction`.  Only `rollback()`, or the end of the session, changes that.

From each use of the session that can fail, the ways of the error are followed to the handler that takes it, and on from
there as long as nothing may have restored the session:

    for row in rows:                         # 4. … round again …
        try:
            session.add(row)                 # (nothing is sent yet)
            session.commit()                 # 1. this fails          5. used again: reported
        except IntegrityError as error:      # 2. taken here
            log.warning("%s", error)         # 3. nothing restores it
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

from sqla_leaklint.domain.application.endpoints import method_name
from sqla_leaklint.domain.lifetimes.doings import Doing, Use
from sqla_leaklint.domain.lifetimes.faults import is_commit
from sqla_leaklint.domain.lifetimes.handlers import DATABASE_ERROR, may_take, name_of, takes_database_errors
from sqla_leaklint.domain.lifetimes.isolation import may_autocommit
from sqla_leaklint.domain.lifetimes.paths import Course, nodes_of
from sqla_leaklint.domain.lifetimes.refusals import Refusals
from sqla_leaklint.domain.lifetimes.restoring import may_end_transaction, may_restore, restored_on_leaving
from sqla_leaklint.domain.lifetimes.sessions_in_use import SessionInUse, origins_of, sessions_in_use
from sqla_leaklint.domain.lifetimes.telling import TellingTests, is_new_after, statement_of, wanted_local
from sqla_leaklint.domain.values import Origin
from sqla_leaklint.flow import Edge, EdgeKind, Step, StepKind, may_suppress
from sqla_leaklint.flow.exceptions import Catch, statements_within
from sqla_leaklint.semantic import terms as t
from sqla_leaklint.semantic.body import Body
from sqla_leaklint.semantic.events import Deed, Event
from sqla_leaklint.syntax import tree
from sqla_leaklint.syntax.walk import walk

if TYPE_CHECKING:
    from sqla_leaklint.domain.module import Domain


class _State(NamedTuple):
    """Where control is, which handler took the error last, which error is under way ("" for none), and whether a loop
    has gone round since.
    """

    step: Step
    handler: tree.ExceptHandler | None
    error: str
    is_later_round: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class SwallowedError:
    """A handler that takes a database error, after which the session is used without having been restored.

    `fault` is the call that fails, `again` the one that is made next; `is_flush` tells an error that SQLAlchemy itself
    remembers from one that only some databases do.
    """

    session: SessionInUse
    handler: tree.ExceptHandler
    fault: tree.Node
    again: tree.Node
    is_flush: bool

    @property
    def anchor(self) -> tree.Node:
        """What the handler takes, or the handler itself where it takes everything."""
        return self.handler.type or self.handler

    @property
    def spelling(self) -> tree.Name | tree.Attribute | None:
        """What the session is called where the handler begins; None where it may be opened in the `try` itself."""
        opened = {event.node for event in self.session.body.events if event.value in origins_of(self.session)}
        if any(node in opened for stmt in self._statement.body for node in walk(stmt)):
            return None
        return self.session.spelling

    @property
    def loses_work(self) -> bool:
        """Whether a rollback would undo more than the `try` did: it does not commit, and something was written before,
        here or by whoever passes the session.
        """
        body = {node for stmt in self._statement.body for node in walk(stmt)}
        uses = self.session.uses
        if any(self._may_commit(use) for use in uses if _node_of(use) in body):
            return False
        is_borrowed = self.session.value.origin is Origin.PARAMETER
        return self.is_flush or is_borrowed or any(use.doing is Doing.QUEUES or is_commit(use) for use in uses)

    def _may_commit(self, use: Use) -> bool:
        evaluator = self.session.domain.evaluator
        return is_commit(use) or (use.callee is not None and may_end_transaction(evaluator, use.callee))

    @property
    def _statement(self) -> tree.Try:
        return statement_of(self.session.function, self.handler)

    @staticmethod
    def find(domain: Domain) -> Iterator[SwallowedError]:
        """Every such handler of the module, in the order of the text; each once."""
        for body in domain.bodies:
            if not isinstance(body.node, tree.Function) or not _may_swallow(domain, body):
                continue
            seen: set[tree.Node] = set()
            for session in sessions_in_use(domain, body):
                for found in _Search(session).find():
                    if found.handler not in seen and (found.is_flush or not may_autocommit(domain)):
                        seen.add(found.handler)
                        yield found


def _node_of(use: Use) -> tree.Node | None:
    return use.act.node if isinstance(use.act, Event) else None


def _may_swallow(domain: Domain, body: Body) -> bool:
    """Whether a function has a handler that takes database errors, and one that does not just raise."""
    assert isinstance(body.node, tree.Function)
    handlers = [
        handler
        for stmt in statements_within(body.node.body)
        if isinstance(stmt, tree.Try) and not stmt.is_star
        for handler in stmt.handlers
    ]
    if all(isinstance(handler.body[0], tree.Raise) for handler in handlers):
        return False
    return any(takes_database_errors(domain, handler) is not Catch.NEVER for handler in handlers)


class _Search:
    """Looks for handlers that swallow the errors of one session."""

    def __init__(self, session: SessionInUse) -> None:
        self.session = session
        self._refusals = Refusals(session)
        self.faults = self._refusals.by_node
        self._tests = TellingTests(session)
        self.course = Course(session.function, None, self._refusals.uses, self.faults.__contains__)

    def find(self) -> Iterator[SwallowedError]:
        """The handlers, each with the first fault in the text that shows it."""
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
                            yield SwallowedError(self.session, handler, node, again, is_flush)

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
        """Whether a way is for those alone who have a name that the statement which failed was to bind."""
        name = wanted_local(edge.source.node) if edge.source.kind is StepKind.TEST else None
        return name is not None and edge.kind is EdgeKind.TRUE and is_new_after(self.session.function, name, fault)

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
                exc = step.node.exc
                error = (name_of(exc) or "") if exc is not None and not _is_caught(exc, handler) else DATABASE_ERROR
                return _State(edge.target, handler, error or "Exception")
            if step.kind is StepKind.WITH_EXIT and isinstance(step.node, tree.WithItem):
                completion = step.completion
                goes_on = completion is not None and completion.edge_kind is edge.kind
                if not goes_on or completion is None or may_suppress(step.node, completion):
                    return None
            elif step.kind is not StepKind.RESUME:
                return None  # that something else goes wrong is a matter of its own
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
                        outcome = self._outcome_of(use, node, is_flush)
                        if outcome is not None:
                            return outcome
        return None

    def _outcome_of(self, use: Use, node: tree.Node, is_flush: bool) -> tree.Node | bool | None:
        match use.doing:
            case Doing.RUNS_SQL:
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
