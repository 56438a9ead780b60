"""Generators that open a session and yield it: is it closed whatever happens at the `yield`?"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import Enum
from functools import cached_property
from typing import TYPE_CHECKING

from sqla_leaklint.domain.application.endpoints import decorations, is_provider
from sqla_leaklint.domain.lifetimes.acquisition import Acquisition, closing_statements
from sqla_leaklint.domain.lifetimes.doings import RELEASES, Doing, Use
from sqla_leaklint.domain.lifetimes.paths import UNASKED, Course, after, releasing_tests
from sqla_leaklint.flow import Edge, EdgeKind, Step, StepKind, solve_forward
from sqla_leaklint.flow.exceptions import statements_within
from sqla_leaklint.knowledge.facts import Decoration, Effect
from sqla_leaklint.semantic.events import Event
from sqla_leaklint.syntax import tree

if TYPE_CHECKING:
    from sqla_leaklint.domain.module import Domain


class Gap(Enum):
    """On which ways a yielded session stays open."""

    ALWAYS = "always"
    ON_ERROR = "when something raises at the yield"
    ON_SUCCESS = "when nothing raises at the yield"
    BEFORE = "when something raises before the yield is guarded"


@dataclass(frozen=True, eq=False)
class YieldedSession:
    """A session that a generator opens and yields."""

    acquisition: Acquisition
    yielding: tree.Yield

    @staticmethod
    def find(domain: Domain) -> Iterator[YieldedSession]:
        """Every such session of the module, in the order of the text."""
        for acquisition in domain.subjects(Acquisition):
            found = YieldedSession.of(acquisition)
            if found is not None:
                yield found

    @staticmethod
    def of(acquisition: Acquisition) -> YieldedSession | None:
        """An acquisition as a session that is yielded; None when it is not."""
        for use in acquisition.uses:
            if use.doing is Doing.YIELDS and isinstance(use.act, Event) and isinstance(use.act.node, tree.Yield):
                return YieldedSession(acquisition, use.act.node)
        return None

    @property
    def is_fixture(self) -> bool:
        """Whether pytest runs it: its code after the `yield` runs even when the test fails."""
        module = self.acquisition.domain.module.summary
        found = decorations(self.acquisition.domain.evaluator, module, self.acquisition.summary)
        return Decoration.FIXTURE in found

    @property
    def is_dependency(self) -> bool:
        """Whether FastAPI runs it: nothing of the request is left when its code after the `yield` runs."""
        module = self.acquisition.domain.module.summary
        return is_provider(self.acquisition.domain.evaluator, module, self.acquisition.summary)

    @cached_property
    def gap(self) -> Gap | None:
        """Where its guard has a gap; None where it has none, or where somebody else has got hold of the session."""
        if self._course.start is None or any(self._is_elsewhere(use) for use in self._course.uses):
            return None
        graph = self._course.graph
        yields = graph.steps_of(self.yielding)
        if not yields:
            return None
        held = solve_forward(graph, start=yields[0], initial=True, flow=self._flow, join=_either)
        on_success = self._arrives(held, graph.exit, self._flow)
        on_error = on_success if self.is_fixture else self._arrives(held, graph.raise_exit, self._flow)
        if on_success or on_error:
            if on_success and on_error:
                return Gap.ALWAYS
            return Gap.ON_SUCCESS if on_success else Gap.ON_ERROR
        before = solve_forward(graph, start=self._course.start, initial=False, flow=self._flow_before, join=_either)
        return Gap.BEFORE if self._arrives(before, graph.raise_exit, self._flow_before) else None

    def _is_elsewhere(self, use: Use) -> bool:
        """Whether somebody else has got hold of it, or closes it when the paths of the function do not show."""
        if use.doing in {Doing.STORES, Doing.PASSES, Doing.DEFERS, Doing.FILES}:
            return True
        return use.doing in _ENDING and self._course.is_off_course(use)

    @cached_property
    def _course(self) -> Course:
        idle = self.acquisition.idle_closes
        uses = tuple(use for use in self.acquisition.uses if not (isinstance(use.act, Event) and use.act.node in idle))
        return Course(self.acquisition.function, self.acquisition.node, uses)

    # --- closes that close nothing ---

    @cached_property
    def unawaited_close(self) -> tree.Call | None:
        """A `close()` of an async session as a statement of its own: a coroutine that nobody runs."""
        return next(iter(self.acquisition.idle_closes.values()), None)

    @cached_property
    def uncalled_close(self) -> tree.Attribute | None:
        """`session.close` without the parentheses, as a statement."""
        knowledge = self.acquisition.domain.evaluator.knowledge
        for stmt in statements_within(self.acquisition.function.body):
            match stmt:
                case tree.ExprStmt(value=tree.Attribute(value=tree.Name(id=name), attr=attr) as named):
                    row = knowledge.method(self.acquisition.type, attr)
                    if name == self.acquisition.name and row is not None and row.effect is Effect.RELEASES:
                        return named
                case _:
                    pass
        return None

    @property
    def release(self) -> tree.Node | None:
        """The first close, whatever path it is on."""
        return next((event.node for event in self._releases), None)

    @property
    def closes(self) -> tuple[tree.Stmt, ...]:
        """The statements that do nothing but close it, or mean to."""
        meant: set[tree.Node | None] = {event.node for event in self._releases}
        meant.update((*self.acquisition.idle_closes, self.uncalled_close))
        return tuple(closing_statements(self.acquisition.function.body, meant))

    @property
    def _releases(self) -> Iterator[Event]:
        for use in self._course.uses:
            if use.doing is Doing.CLOSES and use.callee is None and isinstance(use.act, Event):
                yield use.act

    # --- flow ---

    def _flow(self, edge: Edge, held: bool) -> bool | None:
        if edge.kind in UNASKED:
            return None
        uses = self._course.uses_at(edge.source)
        if edge.kind is EdgeKind.EXCEPTION and any(use.doing in _ENDING for use in uses):
            return None  # that a commit or close can fail itself is a matter of its own
        if self._is_conditional_release(edge.source):
            return False
        return after(uses, edge, held)

    def _flow_before(self, edge: Edge, held: bool) -> bool | None:
        return None if edge.source.node is self.yielding else self._flow(edge, held)

    def _arrives(self, held: dict[Step, bool], goal: Step, flow: Callable[[Edge, bool], bool | None]) -> bool:
        return any(
            edge.source in held and bool(flow(edge, held[edge.source]))
            for edge in self._course.graph.predecessors(goal)
        )

    def _is_conditional_release(self, step: Step) -> bool:
        return step.kind is StepKind.TEST and step.node in self._releasing_tests

    @cached_property
    def _releasing_tests(self) -> frozenset[tree.Node]:
        """The conditions of an `if` that closes it on one side: `if owned: session.close()` is as right as `owned`."""
        releasing = {
            use.act.node
            for use in self._course.uses
            if isinstance(use.act, Event) and (use.doing in RELEASES or use.doing is Doing.ENDS_TRANSACTION)
        }
        return releasing_tests(self.acquisition.function, releasing, (self.yielding, self.acquisition.node))


_ENDING = frozenset({Doing.ENDS_TRANSACTION, Doing.CLOSES})


def _either(one: bool, other: bool) -> bool:
    return one or other
