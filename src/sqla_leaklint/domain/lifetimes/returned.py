"""Providers that return a session which they open: FastAPI closes nothing that a dependency returns.

Terms
    *returned*: the session leaves its function by `return`, open, or closed already (`with S() as s: return s`, or a
    `finally` that closes it).  A closed session opens again as soon as it is used, so that both are never closed.
    *Left open*: a dependent runs SQL on it and neither closes it nor ends with its transaction.

What stores the session, hands it to somebody or arranges for it to be closed (`request.state.db = session`, an exit
stack) ends the question, as does a decorator that is not known.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from sqla_leaklint.domain.application.dependents import Dependent, dependents, may_be_provider
from sqla_leaklint.domain.lifetimes.acquisition import acquire, closing_statements
from sqla_leaklint.domain.lifetimes.arriving import uses_of_parameter, uses_of_receiver
from sqla_leaklint.domain.lifetimes.conduct import summed_up
from sqla_leaklint.domain.lifetimes.doings import Doing, Use
from sqla_leaklint.domain.lifetimes.factories import inline_providers
from sqla_leaklint.domain.lifetimes.opening import Opening, opening, roots_of
from sqla_leaklint.domain.lifetimes.paths import UNASKED, Course
from sqla_leaklint.domain.lifetimes.resources import SESSION
from sqla_leaklint.domain.linking.decorators import is_class_method, is_static
from sqla_leaklint.domain.values import (
    Instance,
    Manager,
    Origin,
    ProjectFunction,
    ProjectInstance,
    with_origin,
)
from sqla_leaklint.flow import Edge, EdgeKind, StepKind, solve_forward
from sqla_leaklint.flow.exceptions import statements_within
from sqla_leaklint.knowledge.facts import Kind
from sqla_leaklint.semantic import terms as t
from sqla_leaklint.semantic.body import Body
from sqla_leaklint.semantic.events import Deed, Event
from sqla_leaklint.semantic.summary import FunctionSummary
from sqla_leaklint.syntax import tree

if TYPE_CHECKING:
    from sqla_leaklint.domain.module import Domain

_CLOSING = frozenset({Doing.CLOSES, Doing.ENTERS, Doing.DEFERS, Doing.STORES, Doing.FILES})
_TAKING = frozenset({Doing.RUNS_SQL, Doing.PASSES, Doing.RETURNS, Doing.YIELDS, Doing.HOLDS})
_SOMEBODY_ELSES = frozenset({Doing.DEFERS, Doing.STORES, Doing.PASSES, Doing.FILES})


@dataclass(frozen=True, eq=False)
class ReturnedSession:
    """A session that a provider opens and returns; `uses` is what the provider does with it."""

    domain: Domain
    body: Body
    node: tree.Call
    stmt: tree.Stmt | None
    opening: Opening
    uses: tuple[Use, ...]
    entered: Event | None
    """The event of the `with` statement that the function has it from."""

    @staticmethod
    def find(domain: Domain) -> Iterator[ReturnedSession]:
        """Every such session of the module, in the order of the text."""
        evaluator, module = domain.evaluator, domain.module.summary
        inline = inline_providers(domain)
        for body in domain.bodies:
            if not body.is_function or body.yields:
                continue
            roots = _returned_calls(body)
            if not roots:
                continue
            summary = module.functions[body.qualname]
            if body.qualname not in inline and not may_be_provider(evaluator, module, summary):
                continue
            for call, entered in roots.items():
                found = _returned(domain, body, call, entered)
                if found is not None and is_undecorated(domain, summary) and found.dependent is not None:
                    yield found

    @property
    def summary(self) -> FunctionSummary:
        return self.domain.module.summary.functions[self.body.qualname]

    @property
    def function(self) -> tree.Function | None:
        """The provider; None for a lambda."""
        return self.body.node if isinstance(self.body.node, tree.Function) else None

    @cached_property
    def dependent(self) -> Dependent | None:
        """Somebody who depends on it and leaves the session open."""
        session_type = self.domain.evaluator.classes.library_type(self.opening.instance)
        assert session_type is not None
        runs_sql = any(use.doing is Doing.RUNS_SQL for use in self.uses)
        for each in dependents(self.domain.evaluator, self.domain.module.summary, self.summary):
            if each.parameter is None:
                if runs_sql:
                    return each
            elif self._is_left_open(each, session_type):
                return each
        return None

    def _is_left_open(self, dependent: Dependent, session_type: str) -> bool:
        evaluator, function = self.domain.evaluator, dependent.function
        assert function is not None
        assert dependent.parameter is not None
        receiver = ProjectFunction(dependent.module.path, function.qualname)
        uses = uses_of_parameter(evaluator, receiver, dependent.parameter, frozenset(), session_type)
        doings = {use.doing for use in uses}
        if doings & _CLOSING or not doings & _TAKING or summed_up(uses, receiver).commits_last:
            return False
        attributes = frozenset[str]().union(*(use.attributes for use in uses if use.doing is Doing.HOLDS))
        return not (attributes and self._closes_itself(dependent, attributes, session_type))

    def _closes_itself(self, dependent: Dependent, attributes: frozenset[str], session_type: str) -> bool:
        """Whether the object that keeps it has a method which closes it."""
        assert dependent.function is not None
        methods = (each for each in dependent.module.functions.values() if each.owner == dependent.function.owner)
        return any(
            use.doing in _CLOSING
            for method in methods
            if method is not dependent.function
            for use in uses_of_receiver(
                self.domain.evaluator,
                ProjectFunction(dependent.module.path, method.qualname),
                attributes,
                session_type,
            )
        )

    # --- how it is returned ---

    @property
    def with_block(self) -> tree.With | None:
        """The `with` statement that enters it, whether at once or later."""
        items = [use.act.node for use in self.uses if use.doing is Doing.ENTERS and isinstance(use.act, Event)]
        items += [self.entered.node] if self.entered is not None else []
        blocks = (stmt for stmt in statements_within(self._block) if isinstance(stmt, tree.With))
        return next((stmt for stmt in blocks if any(item in items for item in stmt.items)), None)

    @property
    def closing(self) -> tree.Node | None:
        """What closes it before it arrives where it is used."""
        if self.with_block is not None:
            return next(iter(self.with_block.items))
        return next(
            (use.act.node for use in self.uses if use.doing is Doing.CLOSES and isinstance(use.act, Event)), None
        )

    @property
    def closes(self) -> tuple[tree.Stmt, ...]:
        """The statements that do nothing but close it."""
        nodes = {
            use.act.node
            for use in self.uses
            if use.doing is Doing.CLOSES and use.callee is None and isinstance(use.act, Event)
        }
        return tuple(closing_statements(self._block, nodes))

    @property
    def _block(self) -> tree.Block:
        return self.function.body if self.function is not None else ()

    @cached_property
    def is_closed(self) -> bool:
        """Whether it is closed on every way on which it is returned: it opens again when it is used."""
        if self.entered is not None:
            return True
        if self.function is None or not any(use.doing in {Doing.CLOSES, Doing.ENTERS} for use in self.uses):
            return False
        course = Course(self.function, self.node, self.uses)
        if course.start is None:
            return False

        def flow(edge: Edge, closed: bool) -> bool | None:
            if edge.kind in UNASKED:
                return None
            for use in course.uses_at(edge.source):
                if use.doing is Doing.ENTERS:
                    closed = edge.source.kind is StepKind.WITH_EXIT
                elif use.doing in {Doing.CLOSES, Doing.RUNS_SQL}:
                    closed = use.doing is Doing.CLOSES and edge.kind is not EdgeKind.EXCEPTION
            return closed

        before = solve_forward(
            course.graph, start=course.start, initial=False, flow=flow, join=lambda one, other: one and other
        )
        arriving = [
            flow(edge, before[edge.source])
            for edge in course.graph.predecessors(course.graph.exit)
            if edge.source in before
        ]
        return bool(arriving) and all(arriving)


# --- what is returned ---


def _returned_calls(body: Body) -> dict[t.Call, t.Enter | None]:
    """The calls whose value a function returns, with the `with` statement by which it has the value, if by one."""
    found: dict[t.Call, t.Enter | None] = {}
    for event in body.events:
        if event.deed is not Deed.RETURNED:
            continue
        for root in _roots(event.value):
            call, entered = (root.value, root) if isinstance(root, t.Enter) else (root, None)
            if isinstance(call, t.Call) and not (isinstance(call.func, t.Ref) and _is_builtin(call.func)):
                found[call] = entered
    return found


def _is_builtin(function: t.Ref) -> bool:
    return function.path.startswith("builtins.")


def _roots(term: t.Term) -> Iterator[t.Call | t.Enter]:
    if isinstance(term, t.Enter):
        yield term
    elif isinstance(term, t.Join):
        for each in term.terms:
            yield from _roots(each)
    else:
        yield from roots_of(term)


def _returned(domain: Domain, body: Body, call: t.Call, entered: t.Enter | None) -> ReturnedSession | None:
    found = opening(domain.evaluator, call, domain.frame)
    if found is None and entered is not None:
        found = _opening_of_manager(domain, entered)
    if found is None:
        return None
    if isinstance(body.node, tree.Lambda):
        node = body.node.body
        return ReturnedSession(domain, body, node, None, found, (), None) if isinstance(node, tree.Call) else None
    event = next((each for each in body.events if each.deed is Deed.CALLED and each.value is call), None)
    if event is None or not isinstance(event.node, tree.Call):
        return None
    uses = acquire(domain, body, event, found).uses
    if any(use.doing in _SOMEBODY_ELSES for use in uses):
        return None
    entering = (each for each in body.events if each.deed is Deed.ENTERED and each.value is call)
    return ReturnedSession(
        domain, body, event.node, event.stmt, found, uses, next(entering, None) if entered is not None else None
    )


def _opening_of_manager(domain: Domain, entered: t.Enter) -> Opening | None:
    """`with factory.begin() as s`, `with scope() as s`: a session that is the context manager's own."""
    manager = domain.value_of(entered.value)
    session = manager.value if isinstance(manager, Manager) else None
    if not isinstance(session, Instance | ProjectInstance) or session.origin not in {Origin.FRESH, Origin.MANAGED}:
        return None
    if not domain.evaluator.classes.is_a(session, *SESSION.kinds):
        return None
    fresh = with_origin(session, Origin.FRESH)
    assert isinstance(fresh, Instance | ProjectInstance)
    return Opening(fresh, None, domain.evaluator.classes.is_a(session, Kind.ASYNC_SESSION))


def is_undecorated(domain: Domain, summary: FunctionSummary) -> bool:
    """Whether nothing stands above a function that could make something else of what it returns."""
    if not summary.decorators:
        return True
    is_plain = is_static(domain.evaluator, summary, domain.frame) or is_class_method(
        domain.evaluator, summary, domain.frame
    )
    return len(summary.decorators) == 1 and is_plain
