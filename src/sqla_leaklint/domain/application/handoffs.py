"""Work that is handed to somebody else to run, and the sessions that travel with it.

A session travels as an argument, inside a collection, inside an object whose method is handed over or that is an
argument
itself, bound by `partial`, or captured by a lambda or nested function.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from sqla_leaklint.domain.application.endpoints import method_name
from sqla_leaklint.domain.values import (
    BoundMethod,
    Instance,
    Origin,
    Partial,
    ProjectFunction,
    ProjectInstance,
    Value,
    alternatives,
)
from sqla_leaklint.knowledge import Knowledge
from sqla_leaklint.knowledge.facts import Effect, Executor, Kind
from sqla_leaklint.knowledge.facts import Handoff as HandoffRow
from sqla_leaklint.semantic import terms as t
from sqla_leaklint.semantic.body import Body
from sqla_leaklint.semantic.events import Deed, Event
from sqla_leaklint.semantic.summary import FunctionSummary
from sqla_leaklint.semantic.terms import Term
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
        assert isinstance(self.event.node, tree.Call)
        return self.event.node

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
        callee = self.callee
        for argument in self.arguments:
            yield from self._in_argument(argument.value)
        if callee is not None:
            yield from self._in_callee(callee)

    def _in_argument(self, expr: tree.Expr) -> Iterator[Passenger]:
        match expr:
            case tree.Display():
                for element in expr.elements:
                    yield from self._in_argument(element)
            case tree.DictDisplay():
                for _, item in expr.items:
                    yield from self._in_argument(item)
            case tree.Starred():
                yield from self._in_argument(expr.value)
            case _:
                value = self.domain.value(expr)
                yield from self._openly(value, expr)
                yield from self._held(value, expr)
                yield from self._captured(expr)

    def _in_callee(self, expr: tree.Expr) -> Iterator[Passenger]:
        for called in alternatives(self.domain.value(expr)):
            value = called
            if isinstance(called, Partial):
                for bound in (*called.args, *(each for _, each in called.keywords)):
                    yield from self._openly(bound, expr, hidden_in="a partial")
                value = called.function
            if isinstance(value, ProjectFunction) and isinstance(value.receiver, ProjectInstance):
                summary = self.domain.evaluator.classes.function(value)
                if summary is not None:
                    yield from self._used_by_method(value.receiver, summary, expr)
            if isinstance(value, BoundMethod) and not self._gives_back(value):
                yield from self._openly(value.receiver, expr, hidden_in="a bound method")
        yield from self._captured(expr)

    def _gives_back(self, method: BoundMethod) -> bool:
        """Whether all that is handed over is the `close` of a session."""
        evaluator = self.domain.evaluator
        owner = evaluator.classes.library_type(method.receiver)
        row = evaluator.knowledge.method(owner, method.name) if owner is not None else None
        return row is not None and row.effect is Effect.RELEASES

    def _openly(self, value: Value, node: tree.Expr, hidden_in: str = "") -> Iterator[Passenger]:
        for each in alternatives(value):
            if (
                isinstance(each, Instance | ProjectInstance)
                and each.origin in self.origins
                and self.domain.evaluator.classes.is_a(each, Kind.SESSION, Kind.ASYNC_SESSION)
            ):
                yield Passenger(each, node, hidden_in)

    def _held(self, value: Value, node: tree.Expr) -> Iterator[Passenger]:
        """A session inside an object that is passed."""
        for each in alternatives(value):
            if isinstance(each, ProjectInstance):
                for _, held in each.arguments:
                    yield from self._openly(held, node, hidden_in=f"the `{each.cls.name}`")

    def _used_by_method(
        self, receiver: ProjectInstance, method: FunctionSummary, node: tree.Expr
    ) -> Iterator[Passenger]:
        """A session in an attribute of the receiver that the method, or a method that it calls, reads."""
        evaluator = self.domain.evaluator
        for name in sorted(self._attributes_read(receiver, method, set())):
            value = evaluator.attribute(receiver, name)
            yield from self._openly(value, node, hidden_in=f"`self.{name}` of the `{receiver.cls.name}`")

    def _attributes_read(self, receiver: ProjectInstance, method: FunctionSummary, seen: set[str]) -> set[str]:
        if method.qualname in seen or not method.parameters:
            return set()
        seen.add(method.qualname)
        read: set[str] = set()
        for act in method.acts:
            for name in _attributes_of(act.value, t.Param, method.parameters[0].name):
                read.add(name)
                found = self.domain.evaluator.classes.find(receiver.cls, name, on_instance=False)
                if found is not None and isinstance(found[1], t.FunctionRef):
                    callee = self.domain.evaluator.classes.function(ProjectFunction(found[0].path, found[1].qualname))
                    if callee is not None:
                        read |= self._attributes_read(receiver, callee, seen)
        return read

    def _captured(self, expr: tree.Expr) -> Iterator[Passenger]:
        """A session that a lambda or nested function reads from the enclosing function, or has for a default."""
        term = self.domain.term(expr)
        if not isinstance(term, t.FunctionRef):
            return
        hidden_in = "what it captures"
        for event in self.body.events:
            key = event.key if event.deed is Deed.CAPTURED and isinstance(event.key, str) else ""
            if key == term.qualname or key.startswith(f"{term.qualname}.<locals>."):
                yield from self._openly(self.domain.value_of(event.value), expr, hidden_in)
        function = self.domain.module.executor.bodies.get(term.qualname)
        if function is None or function.parent is not self.body:
            return
        assert isinstance(function.node, tree.Function | tree.Lambda)
        for parameter in function.node.params:
            if parameter.default is not None:
                yield from self._openly(self.domain.value(parameter.default), expr, hidden_in)


def _attributes_of(term: Term, kind: type, name: str) -> Iterator[str]:
    """The attributes that a term reads of a parameter: "db" and "log" of `self.log(self.db.query(…))`."""
    for part in t.all_in([term]):
        if isinstance(part, t.Attr) and isinstance(part.base, kind) and getattr(part.base, "name", "") == name:
            yield part.name


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
