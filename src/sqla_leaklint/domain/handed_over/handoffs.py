"""Work that is handed to somebody else to run, and the sessions that travel with it (how: `cargo`)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING

from sqla_leaklint.domain.application.endpoints import method_name
from sqla_leaklint.domain.handed_over.cargo import Cargo, cargo_of
from sqla_leaklint.domain.lifetimes.makers import meant
from sqla_leaklint.domain.values import BoundMethod, Instance, Origin, ProjectInstance, Unknown, alternatives
from sqla_leaklint.knowledge import Knowledge
from sqla_leaklint.knowledge.facts import Executor, Kind
from sqla_leaklint.knowledge.facts import Handoff as HandoffRow
from sqla_leaklint.semantic import terms as t
from sqla_leaklint.semantic.body import Body
from sqla_leaklint.semantic.events import Deed, Event
from sqla_leaklint.syntax import tree

if TYPE_CHECKING:
    from sqla_leaklint.domain.evaluation import Evaluator, Frame
    from sqla_leaklint.domain.module import Domain

BORROWED = frozenset({Origin.PROVIDED, Origin.PARAMETER, Origin.MANAGED})
"""Sessions of these origins end with the function that has them, or with its caller or request."""


@dataclass(frozen=True, slots=True)
class Passenger:
    """A session that travels with handed-over work: what it is, where it is named, and in what it hides ("" for
    openly).
    """

    session: Instance | ProjectInstance
    node: tree.Expr
    hidden_in: str = ""

    @property
    def origin(self) -> Origin:
        return self.session.origin


@dataclass(frozen=True, slots=True, eq=False)
class Handoff:
    """A call that hands over work."""

    domain: Domain
    body: Body
    event: Event
    row: HandoffRow
    origins: frozenset[Origin] = BORROWED
    """Whose sessions count as passengers."""

    @property
    def node(self) -> tree.Call:
        return self.event.call_node

    @property
    def executor(self) -> Executor:
        return self.row.executor

    @property
    def callee(self) -> tree.Expr | None:
        """The argument that will be called, if the work is a callable."""
        if self.row.callee < 0:
            return None
        positional = [argument for argument in self.node.args if argument.keyword is None and not argument.star]
        if len(positional) > self.row.callee:
            return positional[self.row.callee].value
        named = [argument.value for argument in self.node.args if argument.keyword == self.row.callee_keyword]
        return named[0] if named else None

    @property
    def arguments(self) -> tuple[tree.Argument, ...]:
        """What is given along for the callable."""
        return tuple(argument for argument in self.node.args if argument.value is not self.callee)

    @property
    def content(self) -> tree.Expr | None:
        """The argument that will be iterated over or awaited, if the work is no callable."""
        if self.row.callee >= 0:
            return None
        positional = [argument for argument in self.node.args if argument.keyword is None and not argument.star]
        if len(positional) > self.row.first_argument:
            return positional[self.row.first_argument].value
        named = [argument.value for argument in self.node.args if argument.keyword == self.row.callee_keyword]
        return named[0] if named and self.row.callee_keyword else None

    @staticmethod
    def find(domain: Domain) -> Iterator[Handoff]:
        """Every hand-over in a module whose receiver is known."""
        knowledge = domain.evaluator.knowledge
        names = handoff_names(knowledge)
        for body in domain.bodies:
            for event in body.events:
                if event.deed is Deed.CALLED and method_name(event.call.func) in names:
                    row = handoff_row(domain.evaluator, event.call, domain.frame)
                    if row is not None:
                        yield Handoff(domain, body, event, row)

    def passengers(self) -> Iterator[Passenger]:
        """The sessions that travel with the work."""
        for piece in cargo_of(self):
            for each in (*alternatives(piece.value), *self._passed(piece)):
                if (
                    isinstance(each, Instance | ProjectInstance)
                    and each.origin in self.origins
                    and self.domain.evaluator.classes.is_a(each, Kind.SESSION, Kind.ASYNC_SESSION)
                ):
                    yield Passenger(each, piece.node, piece.hidden_in)

    def _passed(self, piece: Cargo) -> Iterator[Instance | ProjectInstance]:
        """The session that a parameter is of which its function says nothing, if that is what every caller passes."""
        if not (isinstance(piece.value, Unknown) and isinstance(piece.term, t.Param)):
            return
        found: dict[Instance | ProjectInstance, None] = {}
        for each in meant(self.domain.evaluator, piece.term, self.domain.frame):
            if not isinstance(each, Instance | ProjectInstance) or each.origin not in BORROWED:
                return
            found[replace(each, origin=Origin.PARAMETER, provider=None, scope="")] = None
        yield from found


def handoff_row(evaluator: Evaluator, call: t.Call, frame: Frame) -> HandoffRow | None:
    """What the tables know of a call that hands over work; None when it is not known to be one."""
    knowledge = evaluator.knowledge
    for value in alternatives(evaluator.of(call.func, frame)):
        match value:
            case BoundMethod():
                owner = evaluator.classes.library_type(value.receiver)
                row = knowledge.handoff_method(owner, value.name) if owner is not None else None
            case _:
                path = getattr(value, "path", None)
                row = knowledge.handoff(path) if isinstance(path, str) else None
        if row is not None:
            return row
    return None


@lru_cache(maxsize=8)
def handoff_names(knowledge: Knowledge) -> frozenset[str]:
    """The last names of everything that hands over work: what is worth a look."""
    return frozenset(row.name.rpartition(".")[2] for table in knowledge.tables for row in table.handoffs)
