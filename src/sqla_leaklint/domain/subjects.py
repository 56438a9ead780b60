"""The plain subjects that a rule can ask for: a call, a function, the module.

Subjects that are judgements of their own live with the questions that they answer: `lifetimes.Acquisition`,
`queries.Load`, `containers.Container` …
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

from sqla_leaklint.domain.values import Value
from sqla_leaklint.semantic.body import Body
from sqla_leaklint.semantic.events import Event
from sqla_leaklint.semantic.summary import FunctionSummary
from sqla_leaklint.semantic.terms import Call
from sqla_leaklint.syntax import tree

if TYPE_CHECKING:
    from sqla_leaklint.domain.module import Domain


@dataclass(frozen=True, slots=True, eq=False)
class CallSite:
    """A call, in the body that makes it."""

    domain: Domain
    body: Body
    event: Event

    @property
    def node(self) -> tree.Call:
        return self.event.call_node

    @property
    def term(self) -> Call:
        return self.event.call

    @property
    def function(self) -> Value:
        """What is called."""
        return self.domain.value_of(self.term.func)

    @property
    def value(self) -> Value:
        """What the call returns."""
        return self.domain.value_of(self.term)


@dataclass(frozen=True, slots=True, eq=False)
class InFunction:
    """What stands in a function of the module: the part that subjects of their own extend."""

    domain: Domain
    body: Body

    @property
    def function(self) -> tree.Function:
        assert isinstance(self.body.node, tree.Function)
        return self.body.node

    @property
    def summary(self) -> FunctionSummary:
        return self.domain.module.summary.functions[self.body.qualname]


class Excuse(Enum):
    """Why something that looks like a subject is none: each member says a condition that takes it away."""


@dataclass(frozen=True, slots=True, eq=False)
class Excused:
    """What looks like a subject, and the first thing that was found to be different."""

    node: tree.Node
    excuse: Excuse


@dataclass(frozen=True, slots=True, eq=False)
class FunctionSite:
    """A function, method or lambda of the module."""

    domain: Domain
    body: Body

    @property
    def node(self) -> tree.Function | tree.Lambda:
        assert isinstance(self.body.node, tree.Function | tree.Lambda)
        return self.body.node

    @property
    def summary(self) -> FunctionSummary:
        return self.domain.module.summary.functions[self.body.qualname]


@dataclass(frozen=True, slots=True, eq=False)
class ModuleSite:
    domain: Domain
    node: tree.Module
