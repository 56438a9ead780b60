"""Everything that travels with work that is handed over.

A thing travels as an argument, inside a collection, inside an object whose method is handed over or that is an argument
itself, bound by `partial`, or captured by a lambda or nested function.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from sqla_leaklint.domain.handed_over.reached import reached
from sqla_leaklint.domain.values import (
    BoundMethod,
    Partial,
    ProjectFunction,
    ProjectInstance,
    Value,
    alternatives,
)
from sqla_leaklint.knowledge.facts import Effect
from sqla_leaklint.semantic import terms as t
from sqla_leaklint.semantic.body import Body
from sqla_leaklint.semantic.events import Deed
from sqla_leaklint.semantic.questions import taken
from sqla_leaklint.semantic.summary import FunctionSummary
from sqla_leaklint.semantic.terms import Term
from sqla_leaklint.syntax import tree

if TYPE_CHECKING:
    from sqla_leaklint.domain.module import Domain

_COLLECTIONS = {"list": "a list", "tuple": "a tuple", "set": "a set", "dict": "a dict"}


class Work(Protocol):
    """What is handed over: a callable (if it is one), and what is given along for it."""

    @property
    def domain(self) -> Domain: ...

    @property
    def body(self) -> Body: ...

    @property
    def callee(self) -> tree.Expr | None: ...

    @property
    def arguments(self) -> tuple[tree.Argument, ...]: ...


@dataclass(frozen=True, slots=True)
class Cargo:
    """One thing that travels: what it is, where it is named, and in what it hides ("" for openly).

    `term` is None where only the value is known.  `argument` is the argument that brings it; `name` is the name by
    which a lambda or nested function reads it.
    """

    value: Value
    term: Term | None
    node: tree.Expr
    hidden_in: str = ""
    argument: tree.Argument | None = None
    read: tree.Node | None = None


def cargo_of(work: Work) -> Iterator[Cargo]:
    """Everything that travels with some work: first the arguments, then what the callable itself holds."""
    loader = _Loader(work)
    for argument in work.arguments:
        yield from loader.in_argument(argument.value, argument)
    if work.callee is not None:
        yield from loader.in_callee(work.callee)


class _Loader:
    def __init__(self, work: Work) -> None:
        self.domain = work.domain
        self.body = work.body

    def in_argument(self, expr: tree.Expr, argument: tree.Argument) -> Iterator[Cargo]:
        match expr:
            case tree.Display():
                for element in expr.elements:
                    yield from self.in_argument(element, argument)
            case tree.DictDisplay():
                for _, item in expr.items:
                    yield from self.in_argument(item, argument)
            case tree.Starred():
                yield from self.in_argument(expr.value, argument)
            case _:
                value, term = self.domain.value(expr), self.domain.term(expr)
                yield Cargo(value, term, expr, argument=argument)
                yield from self._collected(term, expr)
                yield from self._held(value, term, expr)
                yield from self._captured(expr)

    def in_callee(self, expr: tree.Expr) -> Iterator[Cargo]:
        term = self.domain.term(expr)
        for called in alternatives(self.domain.value(expr)):
            value = called
            if isinstance(called, Partial):
                given = list(_given(term))
                for bound in (*called.args, *(each for _, each in called.keywords)):
                    yield Cargo(bound, self._term_of(bound, given), expr, "a partial")
                value = called.function
            if isinstance(value, ProjectFunction) and isinstance(value.receiver, ProjectInstance):
                summary = self.domain.evaluator.classes.function(value)
                if summary is not None:
                    yield from self._used_by_method(value.receiver, summary, expr)
                    for name, used in reached(self.domain.evaluator, value):
                        yield Cargo(used, None, expr, f"`self.{name}` of the `{value.receiver.cls.name}`")
            if isinstance(value, BoundMethod) and not self._gives_back(value):
                base = term.base if isinstance(term, t.Attr) else None
                yield Cargo(value.receiver, base, expr, "a bound method")
        yield from self._captured(expr)

    def _gives_back(self, method: BoundMethod) -> bool:
        """Whether all that is handed over is the `close` of a session."""
        evaluator = self.domain.evaluator
        owner = evaluator.classes.library_type(method.receiver)
        row = evaluator.knowledge.method(owner, method.name) if owner is not None else None
        return row is not None and row.effect is Effect.RELEASES

    def _term_of(self, value: Value, terms: Iterable[Term]) -> Term | None:
        """The one of some terms that has a value."""
        return next((term for term in terms if self.domain.value_of(term) == value), None)

    def _collected(self, term: Term | None, node: tree.Expr) -> Iterator[Cargo]:
        """What is in a collection that is passed by its name."""
        term = taken(term) if term is not None else None
        if isinstance(term, t.Collection) and term.kind in _COLLECTIONS:
            for element in term.elements:
                yield Cargo(self.domain.value_of(element), element, node, _COLLECTIONS[term.kind])
                yield from self._collected(element, node)

    def _held(self, value: Value, term: Term | None, node: tree.Expr) -> Iterator[Cargo]:
        """What the constructor of an object that is passed was given."""
        for each in alternatives(value):
            if isinstance(each, ProjectInstance) and each.arguments:
                given = list(_given(term))
                for _, held in each.arguments:
                    yield Cargo(held, self._term_of(held, given), node, f"the `{each.cls.name}`")

    def _used_by_method(self, receiver: ProjectInstance, method: FunctionSummary, node: tree.Expr) -> Iterator[Cargo]:
        """What is in an attribute of the receiver that the method, or a method that it calls, reads."""
        evaluator = self.domain.evaluator
        term = self.domain.term(node)
        given = list(_given(term.base)) if isinstance(term, t.Attr) else []
        for name in sorted(self._attributes_read(receiver, method, set())):
            value = evaluator.attribute(receiver, name)
            hidden_in = f"`self.{name}` of the `{receiver.cls.name}`"
            yield Cargo(value, self._term_of(value, given), node, hidden_in)

    def _attributes_read(self, receiver: ProjectInstance, method: FunctionSummary, seen: set[str]) -> set[str]:
        if method.qualname in seen or not method.parameters:
            return set()
        seen.add(method.qualname)
        read: set[str] = set()
        for act in method.acts:
            for name in _attributes_of(act.value, method.parameters[0].name):
                read.add(name)
                found = self.domain.evaluator.classes.find(receiver.cls, name, on_instance=False)
                if found is not None and isinstance(found[1], t.FunctionRef):
                    callee = self.domain.evaluator.classes.function(ProjectFunction(found[0].path, found[1].qualname))
                    if callee is not None:
                        read |= self._attributes_read(receiver, callee, seen)
        return read

    def _captured(self, expr: tree.Expr) -> Iterator[Cargo]:
        """What a lambda or nested function reads from the enclosing function, or has for a default."""
        term = self.domain.term(expr)
        if not isinstance(term, t.FunctionRef):
            return
        hidden_in = "what it captures"
        for event in self.body.events:
            key = event.key if event.deed is Deed.CAPTURED and isinstance(event.key, str) else ""
            if key == term.qualname or key.startswith(f"{term.qualname}.<locals>."):
                yield Cargo(self.domain.value_of(event.value), event.value, expr, hidden_in, read=event.node)
        function = self.domain.module.executor.bodies.get(term.qualname)
        if function is None or function.parent is not self.body:
            return
        assert isinstance(function.node, tree.Function | tree.Lambda)
        for parameter in function.node.params:
            if parameter.default is not None:
                value = self.domain.value(parameter.default)
                yield Cargo(value, self.domain.term(parameter.default), expr, hidden_in)


def _given(term: Term | None) -> Iterator[Term]:
    """The arguments of the call that a name stands for."""
    while isinstance(term, t.Declared | t.Await) and term.value is not None:
        term = term.value
    if isinstance(term, t.Call):
        yield from term.args
        yield from (value for _, value in term.keywords)


def _attributes_of(term: Term, name: str) -> Iterator[str]:
    """The attributes that a term reads of a parameter: "db" and "log" of `self.log(self.db.query(…))`."""
    for part in t.all_in([term]):
        if isinstance(part, t.Attr) and isinstance(part.base, t.Param) and part.base.name == name:
            yield part.name
