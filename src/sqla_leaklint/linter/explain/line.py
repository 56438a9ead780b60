"""What stands on a line: its expressions and definitions."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeVar

from sqla_leaklint.domain import Domain
from sqla_leaklint.linter.explain.places import Places
from sqla_leaklint.syntax import tree
from sqla_leaklint.syntax.walk import walk

N = TypeVar("N", bound=tree.Node)
_SIMPLE = (
    tree.Assign,
    tree.AnnAssign,
    tree.AugAssign,
    tree.ExprStmt,
    tree.Return,
    tree.Raise,
    tree.Assert,
    tree.Delete,
)


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a module: the nodes that begin on it, in the order of the text."""

    number: int
    nodes: tuple[tree.Node, ...]

    @staticmethod
    def of(domain: Domain, number: int, places: Places) -> Line:
        """A line; inside a statement that goes over several lines, one on which nothing begins is the statement's."""
        everything = list(walk(domain.module.parsed.tree))[1:]
        places.own_map.prepare(everything)
        nodes = tuple(node for node in everything if places.line_of(node) == number)
        if any(isinstance(node, tree.Expr | tree.Stmt | tree.Parameter | tree.ImportedName) for node in nodes):
            return Line(number, nodes)
        around = [
            node
            for node in everything
            if isinstance(node, _SIMPLE) and places.line_of(node) < number <= places.last_line_of(node)
        ]
        if not around:
            return Line(number, ())
        first = places.line_of(around[-1])
        return Line(first, tuple(node for node in everything if places.line_of(node) == first))

    def of_type(self, kind: type[N]) -> Iterator[N]:
        """The nodes of one type."""
        return (node for node in self.nodes if isinstance(node, kind))

    def values(self) -> Iterator[tree.Expr]:
        """The expressions that are worth explaining: names, attributes and calls, outermost first.

        Left out is what is called (the call itself is there), assigned to, or an annotation, and a parameter's default.
        """
        passed_over: set[tree.Node] = set()
        for node in self.nodes:
            match node:
                case tree.Call(func=tree.Attribute() | tree.Name() as called):
                    passed_over.add(called)
                    if isinstance(called, tree.Attribute) and isinstance(called.value, tree.Call):
                        passed_over.add(called.value)  # an earlier link of a chain of calls
                case tree.Assign():
                    passed_over.update(node.targets)
                case tree.AnnAssign():
                    passed_over.update((node.target, *walk(node.annotation)))
                case tree.Parameter():
                    passed_over.update(part for part in walk(node) if part is not node)
                case tree.Function() if node.returns is not None:
                    passed_over.update(walk(node.returns))
                case tree.Attribute():
                    # `a.b.c` is explained as a whole; of `session.scalars(…)`, the session
                    if node not in passed_over and isinstance(node.value, tree.Name | tree.Attribute):
                        passed_over.add(node.value)
                case tree.WithItem(target=target) if target is not None:
                    passed_over.add(target)
                case _:
                    pass
        for node in self.nodes:
            if isinstance(node, tree.Name | tree.Attribute | tree.Call) and node not in passed_over:
                yield node
