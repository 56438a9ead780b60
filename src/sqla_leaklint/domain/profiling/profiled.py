"""Functions of a program that stand below the decorator of a profiler, which measures each of their lines, always."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqla_leaklint.domain.application.endpoints import HANDLERS
from sqla_leaklint.domain.application.program import is_of_program
from sqla_leaklint.domain.application.starting import is_defined_always
from sqla_leaklint.domain.linking.decorators import decoration_of
from sqla_leaklint.domain.values import Instance, Symbol
from sqla_leaklint.knowledge.facts import Decoration
from sqla_leaklint.semantic import terms as t
from sqla_leaklint.syntax import tree

if TYPE_CHECKING:
    from sqla_leaklint.domain.module import Domain

_REGISTERS = HANDLERS | {Decoration.TASK, Decoration.LIFECYCLE}
"""What hands on the function as it is below: a profiler above it measures nothing that comes from outside."""


@dataclass(frozen=True, slots=True, eq=False)
class ProfiledFunction:
    """A function, the profiler's decorator above it, and the package that the profiler comes from."""

    domain: Domain
    function: tree.Function
    decorator: tree.Expr
    package: str

    @property
    def bound(self) -> str:
        """The name of the module that the decorator begins with: "profile", "memory_profiler"."""
        expr = self.decorator
        while isinstance(expr, tree.Call | tree.Attribute):
            expr = expr.func if isinstance(expr, tree.Call) else expr.value
        return expr.id if isinstance(expr, tree.Name) else ""

    @staticmethod
    def find(domain: Domain) -> Iterator[ProfiledFunction]:
        """Every such function of a module that belongs to a program, in the order of the text."""
        for body in domain.bodies:
            if not isinstance(body.node, tree.Function) or not body.decorators:
                continue
            made = [decoration_of(domain.evaluator, term, domain.frame) for term in body.decorators]
            for position, (expr, term) in enumerate(zip(body.node.decorators, body.decorators, strict=True)):
                if made[position] is not Decoration.PROFILED or any(each in _REGISTERS for each in made[position:]):
                    continue
                if is_defined_always(body) and is_of_program(domain.evaluator, domain.module.summary):
                    yield ProfiledFunction(domain, body.node, expr, _package(domain, term))


def _package(domain: Domain, term: t.Term) -> str:
    func = term.func if isinstance(term, t.Call) else term
    for value in (domain.value_of(func), domain.value_of(term)):
        path = value.path if isinstance(value, Symbol) else value.type if isinstance(value, Instance) else ""
        if path:
            return path.partition(".")[0]
    return ""
