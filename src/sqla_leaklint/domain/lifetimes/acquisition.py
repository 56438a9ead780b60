"""Acquisitions: the calls of a module that open a resource, and what becomes of it."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqla_leaklint.domain.lifetimes.doings import ENDS, Doing, Use
from sqla_leaklint.domain.lifetimes.opening import Opening, opening, roots_of
from sqla_leaklint.domain.lifetimes.paths import Course
from sqla_leaklint.domain.lifetimes.process import ends_with_process
from sqla_leaklint.domain.lifetimes.remains import Remains, remains
from sqla_leaklint.domain.lifetimes.resources import SESSION, Resource, telling_methods
from sqla_leaklint.domain.lifetimes.uses import events_within, uses_in
from sqla_leaklint.domain.subjects import InFunction
from sqla_leaklint.flow.exceptions import statements_within
from sqla_leaklint.knowledge import Knowledge
from sqla_leaklint.semantic import terms as t
from sqla_leaklint.semantic.body import Body
from sqla_leaklint.semantic.events import Deed, Event
from sqla_leaklint.syntax import tree

if TYPE_CHECKING:
    from sqla_leaklint.domain.module import Domain


@dataclass(frozen=True, slots=True, eq=False)
class Acquisition(InFunction):
    """A call in a function that opens a resource, with all that the function does with it.

    A resource that a `with` statement opens itself is none: there is nothing to ask about it.  As a subject it is a
    session; those of other kinds have subjects of their own, which ask `opened`.
    """

    event: Event
    opening: Opening
    uses: tuple[Use, ...]

    @staticmethod
    def find(domain: Domain) -> Iterator[Acquisition]:
        """Every session that the module opens and that something is done with, in the order of the text."""
        return opened(domain, SESSION)

    @property
    def node(self) -> tree.Call:
        return self.event.call_node

    @property
    def type(self) -> str:
        """The class of a library that the resource is an instance of."""
        found = self.domain.evaluator.classes.library_type(self.opening.instance)
        assert found is not None
        return found

    @property
    def name(self) -> str | None:
        """The variable that the resource is opened into, if its statement does just that."""
        match self.event.stmt:
            case tree.Assign(targets=(tree.Name(id=name),), value=value) if self._is_whole(value):
                return name
            case tree.AnnAssign(target=tree.Name(id=name), value=value) if value is not None and self._is_whole(value):
                return name
            case _:
                return None

    def _is_whole(self, value: tree.Expr) -> bool:
        return value is self.node or (isinstance(value, tree.Await) and value.value is self.node)

    @property
    def ends(self) -> tuple[Use, ...]:
        """What closes the resource or makes it somebody else's, on whatever path."""
        return tuple(use for use in self.uses if use.doing in ENDS)

    @property
    def idle_closes(self) -> dict[tree.Node, tree.Call]:
        """The `close()` of an async resource as a statement of its own: a coroutine that nobody runs."""
        if not self.opening.is_async:
            return {}
        statements = {
            stmt.value: stmt.value
            for stmt in statements_within(self.function.body)
            if isinstance(stmt, tree.ExprStmt) and isinstance(stmt.value, tree.Call)
        }
        closes = (use.act.node for use in self.uses if use.doing is Doing.CLOSES and isinstance(use.act, Event))
        return {node: statements[node] for node in closes if isinstance(node, tree.Call) and node in statements}

    @property
    def leaking_exits(self) -> tuple[tree.Node, ...]:
        """What is last run on the ways on which the function returns with what it holds in hand."""
        course = Course(self.function, self.node, self.uses)
        return tuple(step.node for step in course.leaves_holding())

    @property
    def ends_with_process(self) -> bool:
        """Whether only commands and scripts come here: the process ends soon, and gives everything back."""
        return ends_with_process(self.domain.evaluator, self.domain.module.summary, self.summary)

    @property
    def remains(self) -> Remains:
        """What outlives the function of what the resource gave it."""
        has_entities = self.opening.resource.has_entities
        return remains(self.domain, self.body.events, self.event.value, has_entities=has_entities)

    @property
    def first_sql(self) -> Use | None:
        """The first thing in the text that takes a connection."""
        return next((use for use in self.uses if use.doing is Doing.RUNS_SQL), None)


def opened(domain: Domain, resource: Resource) -> Iterator[Acquisition]:
    """Every resource of a kind that the module opens and that something is done with, in the order of the text."""
    for body in domain.bodies:
        if isinstance(body.node, tree.Function):
            for event in candidates(body, domain.evaluator.knowledge, resource):
                found = opening(domain.evaluator, event.call, domain.frame, resource)
                if found is not None:
                    yield acquire(domain, body, event, found)


def closing_statements(block: tree.Block, closes: Collection[tree.Node | None]) -> Iterator[tree.Stmt]:
    """The statements of a block that do nothing but one of some closes, awaited or not."""
    for stmt in statements_within(block):
        if isinstance(stmt, tree.ExprStmt) and (
            stmt.value in closes or (isinstance(stmt.value, tree.Await) and stmt.value.value in closes)
        ):
            yield stmt


def acquire(domain: Domain, body: Body, event: Event, found: Opening) -> Acquisition:
    """The acquisition that an event of a body is."""
    summary = domain.module.summary.functions[body.qualname]
    type_name = domain.evaluator.classes.library_type(found.instance)
    assert type_name is not None
    uses = uses_in(
        domain.evaluator,
        domain.module.summary,
        summary,
        event.value,
        session_type=type_name,
        acts=events_within(body, domain.module.executor.bodies),
    )
    return Acquisition(domain, body, event, found, uses)


def candidates(body: Body, knowledge: Knowledge, resource: Resource = SESSION) -> Iterator[Event]:
    """The calls of a body whose value may be a resource that the body has to close, by what is done with their value.

    Only these are evaluated: those with a telling method of the resource called on them, handed to another call,
    yielded or captured.
    """
    methods = telling_methods(knowledge, resource)
    wanted: set[t.Call] = set()
    for event in body.events:
        match event.deed:
            case Deed.CALLED:
                call = event.call
                if isinstance(call.func, t.Attr) and call.func.name in methods:
                    wanted.update(roots_of(call.func.base))
                for argument in call.args:
                    wanted.update(roots_of(argument))
                for _, argument in call.keywords:
                    wanted.update(roots_of(argument))
            case Deed.YIELDED | Deed.CAPTURED:
                wanted.update(roots_of(event.value))
            case _:
                pass
    if wanted:
        entered = {event.value for event in body.events if event.deed is Deed.ENTERED}
        wanted = {call for call in wanted if call not in entered and not _is_plainly_another(call.func)}
        yield from (event for event in body.events if event.deed is Deed.CALLED and event.value in wanted)


def _is_plainly_another(function: t.Term) -> bool:
    return isinstance(function, t.Ref) and function.path.startswith("builtins.")
