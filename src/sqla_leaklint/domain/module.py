"""The domain of one module: everything that a rule may ask, from the value of an expression to its subjects."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar

from sqla_leaklint.diagnostics import Location
from sqla_leaklint.domain.describe import described
from sqla_leaklint.domain.evaluation import Evaluator, Frame
from sqla_leaklint.domain.places import place_in
from sqla_leaklint.domain.subjects import CallSite, FunctionSite, ModuleSite
from sqla_leaklint.domain.values import ProjectClass, Unknown, Value
from sqla_leaklint.semantic.body import Body
from sqla_leaklint.semantic.events import Deed, Event
from sqla_leaklint.semantic.project import Module
from sqla_leaklint.semantic.terms import Term
from sqla_leaklint.syntax import tree

if TYPE_CHECKING:
    from sqla_leaklint.config import Settings

S = TypeVar("S")


class Domain:
    """All that a rule may ask of one module."""

    def __init__(self, module: Module, evaluator: Evaluator, settings: Settings) -> None:
        self.module = module
        self.evaluator = evaluator
        self.settings = settings
        self.frame: Frame = evaluator.frame(module.summary)
        self._subjects: dict[type, tuple[object, ...]] = {}
        self.memos: dict[Any, Any] = {}

    # --- values ---

    def value(self, expr: tree.Expr) -> Value:
        """What an expression of the module is."""
        term = self.module.executor.terms.get(expr)
        return self.value_of(term) if term is not None else Unknown("it is never reached")

    def value_of(self, term: Term) -> Value:
        """What a term of the module is."""
        return self.evaluator.of(term, self.frame)

    def term(self, expr: tree.Expr) -> Term | None:
        return self.module.executor.terms.get(expr)

    def describe_value(self, expr: tree.Expr) -> str:
        """A value in a few words: for specs and for people."""
        return described(self.value(expr))

    def describe_lifetime(self, expr: tree.Expr) -> str:
        """What becomes of a session, in a few words: for specs and for people."""
        from sqla_leaklint.domain.lifetimes.describe import described_lifetime

        return described_lifetime(self, expr)

    def describe_query(self, expr: tree.Expr) -> str:
        """What a query asks for and what bounds it, in a few words: for specs and for people."""
        from sqla_leaklint.domain.rows.query_description import described_query

        return described_query(self, expr)

    def describe_usage(self, expr: tree.Expr) -> str:
        """What becomes of rows, in a few words: for specs and for people."""
        from sqla_leaklint.domain.rows.query_description import described_usage

        return described_usage(self, expr)

    def describe_model(self, expr: tree.Expr) -> str:
        """What a mapped class has, in a few words: for specs and for people."""
        from sqla_leaklint.domain.rows.query_description import described_model

        return described_model(self, expr)

    def describe_loading(self, expr: tree.Expr) -> str:
        """Which relationships come with the rows of a query, in a few words: for specs and for people."""
        from sqla_leaklint.domain.rows.query_description import described_loading

        return described_loading(self, expr)

    # --- subjects ---

    def subjects(self, kind: type[S]) -> Iterable[S]:
        """Every subject of that type in the module, in the order of the text."""
        if kind not in self._subjects:
            self._subjects[kind] = tuple(finder_of(kind)(self))
        return self._subjects[kind]  # type: ignore[return-value]

    @property
    def bodies(self) -> Iterable[Body]:
        """Every body of the module: its own, those of its classes, functions and lambdas."""
        return self.module.executor.bodies.values()

    def event_of(self, call: Term) -> Event | None:
        """The event of a call of the module."""
        return next((event for body in self.bodies if (event := body.event_of(call)) is not None), None)

    @cached_property
    def body_of(self) -> dict[tree.Node, Body]:
        """The body of a function, class or lambda node."""
        return {body.node: body for body in self.bodies}

    # --- places ---

    def locate(self, path: str, qualname: str) -> Location | None:
        """Where a function or class of the project is defined; None when its file cannot be read any more."""
        module = self.module if path == self.module.path else self.evaluator.project.module_at(path)
        body = module.executor.bodies.get(qualname) if module is not None else None
        if module is None or body is None:
            return None
        place = place_in(module, body.node)
        span = place.span
        return replace(place, span=span._replace(end_line=span.line, end_column=span.column + 1))

    def locate_attribute(self, cls: ProjectClass, name: str) -> Location | None:
        """Where a class or one of its bases says what an attribute is: by an assignment, an annotation, a function."""
        found = self.evaluator.classes.find(cls, name, on_instance=False)
        owner = found[0] if found is not None else cls
        module = self.module if owner.path == self.module.path else self.evaluator.project.module_at(owner.path)
        body = module.executor.bodies.get(owner.qualname) if module is not None else None
        if module is None or body is None or not isinstance(body.node, tree.Class):
            return None
        for stmt in body.node.body:
            for target in _targets(stmt):
                if isinstance(target, tree.Name) and target.id == name:
                    return place_in(module, target)
        return self.locate(owner.path, f"{owner.qualname}.{name}")


def _targets(stmt: tree.Stmt) -> tuple[tree.Expr, ...]:
    match stmt:
        case tree.Assign():
            return tuple(stmt.targets)
        case tree.AnnAssign():
            return (stmt.target,)
        case _:
            return ()


Finder = Callable[[Domain], Iterator[Any]]


def finder_of(kind: type) -> Finder:
    """How the subjects of a type are found: the type says so itself (`find`), but for the plain ones."""
    plain = _PLAIN.get(kind)
    if plain is not None:
        return plain
    find: Finder = kind.find  # type: ignore[attr-defined]
    return find


def _calls(domain: Domain) -> Iterator[CallSite]:
    for body in domain.bodies:
        for event in body.events:
            if event.deed is Deed.CALLED:
                yield CallSite(domain, body, event)


def _functions(domain: Domain) -> Iterator[FunctionSite]:
    for body in domain.bodies:
        if body.is_function:
            yield FunctionSite(domain, body)


def _module(domain: Domain) -> Iterator[ModuleSite]:
    yield ModuleSite(domain, domain.module.parsed.tree)


_PLAIN: dict[type, Finder] = {CallSite: _calls, FunctionSite: _functions, ModuleSite: _module}
