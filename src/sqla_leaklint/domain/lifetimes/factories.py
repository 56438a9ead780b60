"""Session factories and session classes that stand in a `Depends(...)` themselves, and the lambdas that do."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqla_leaklint.domain.application.endpoints import is_depends
from sqla_leaklint.domain.lifetimes.resources import SESSION
from sqla_leaklint.domain.values import Dependency, Instance, ProjectFunction, Symbol, Value, alternatives
from sqla_leaklint.knowledge.facts import Kind
from sqla_leaklint.semantic.events import Deed, Event
from sqla_leaklint.syntax import tree

if TYPE_CHECKING:
    from sqla_leaklint.domain.module import Domain


@dataclass(frozen=True, slots=True, eq=False)
class DependedFactory:
    """A session factory or session class of a library as a provider: FastAPI takes its parameters from the request."""

    node: tree.Expr
    is_class: bool

    @property
    def name(self) -> str | None:
        """What it is called here, if it has a name."""
        match self.node:
            case tree.Name(id=name) | tree.Attribute(attr=name):
                return name
            case _:
                return None

    @staticmethod
    def find(domain: Domain) -> Iterator[DependedFactory]:
        """Every such factory of the module, in the order of the text."""
        for event in _depends(domain):
            node = _provider_of(event.node)
            if node is None:
                continue
            for provider in _providers(domain, event):
                if _is_factory(domain, provider):
                    yield DependedFactory(node, isinstance(provider, Symbol))
                    break


def _is_factory(domain: Domain, provider: Value) -> bool:
    knowledge = domain.evaluator.knowledge
    match provider:
        case Instance():
            return knowledge.is_a(provider.type, Kind.SESSION_FACTORY) and isinstance(provider.makes, Instance)
        case Symbol():
            row = knowledge.type(provider.path)
            return row is not None and row.kind in SESSION.kinds
        case _:
            return False


def inline_providers(domain: Domain) -> frozenset[str]:
    """The functions of the module, lambdas among them, that a `Depends(...)` of the module names."""
    return frozenset(
        provider.qualname
        for event in _depends(domain)
        for provider in _providers(domain, event)
        if isinstance(provider, ProjectFunction) and provider.path == domain.module.path
    )


def _depends(domain: Domain) -> Iterator[Event]:
    for body in domain.bodies:
        for event in body.events:
            if event.deed is Deed.CALLED and is_depends(event.call):
                yield event


def _providers(domain: Domain, event: Event) -> Iterator[Value]:
    for value in alternatives(domain.value_of(event.value)):
        if isinstance(value, Dependency):
            yield from alternatives(value.provider)


def _provider_of(node: tree.Node) -> tree.Expr | None:
    """The argument of a `Depends(...)` that is the provider."""
    assert isinstance(node, tree.Call)
    return next((each.value for each in node.args if each.keyword in {None, "dependency"} and not each.star), None)
