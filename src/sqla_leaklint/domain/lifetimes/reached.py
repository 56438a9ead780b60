"""Which branch a constructor takes: whether a node of a function is certainly evaluated, by what the caller leaves out.

    def __init__(self, url, session=None):
        if session is None:                         # Orders(url): certain
            self.session = SessionLocal()
        self.cache = Cache(url) if url else None    # not certain, whatever `url` is

A condition that asks for nothing of the function's own (a setting) is let go either way: it may hold, and nothing that
the caller gives excludes it.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from sqla_leaklint.flow.exceptions import statements_within
from sqla_leaklint.syntax import tree
from sqla_leaklint.syntax.walk import holds, walk


@dataclass(frozen=True, slots=True)
class Reached:
    """Asks one function; `own` are the names that it binds, its parameters too, `left_out` those that are None."""

    own: Collection[str]
    left_out: Collection[str]

    def in_block(self, block: tree.Block, node: tree.Node) -> bool:
        """Whether a node in a block is evaluated whenever the block is."""
        for stmt in block:
            if not holds(stmt, node):
                if any(isinstance(each, tree.Return) for each in statements_within((stmt,))):
                    return False
                continue
            return self._in_statement(stmt, node)
        return False

    def _in_statement(self, stmt: tree.Stmt, node: tree.Node) -> bool:
        part = next((part for part in tree.blocks_of(stmt) if any(holds(each, node) for each in part)), None)
        match stmt:
            case _ if part is None:
                return self._in_expression(stmt, node)
            case tree.If(test=test):
                return self._is_taken(test, part is stmt.body) and self.in_block(part, node)
            case tree.With():
                return self.in_block(part, node)
            case tree.Try():
                return part is stmt.body and self.in_block(part, node)
            case _:
                return False

    def _in_expression(self, root: tree.Node, node: tree.Node) -> bool:
        for part in walk(root):
            if part is node or not holds(part, node):
                continue
            match part:
                case tree.BoolOp(operator=operator, left=left, right=right):
                    if holds(right, node) and self._truth(left) is not (operator == "and"):
                        return False
                case tree.Conditional(test=test, body=body, orelse=orelse):
                    if not holds(test, node) and not self._is_taken(test, holds(body, node)):
                        return False
                    if not holds(body, node) and not holds(orelse, node) and not holds(test, node):
                        return False
                case tree.Lambda() | tree.Comprehension() | tree.Function() | tree.Class():
                    return False
                case _:
                    pass
        return True

    def _is_taken(self, test: tree.Expr, side: bool) -> bool:
        """Whether a condition leads to that side, as far as the caller decides it."""
        if not any(isinstance(each, tree.Name) and each.id in self.own for each in walk(test)):
            return True
        return self._truth(test) is side

    def _truth(self, test: tree.Expr) -> bool | None:
        match test:
            case tree.Name(id=name) if name in self.left_out:
                return False
            case tree.Not(value=value):
                truth = self._truth(value)
                return None if truth is None else not truth
            case tree.Compare(left=tree.Name(id=name), comparisons=((operator, tree.Constant(value=None)),)):
                if name not in self.left_out or operator not in {"is", "is not"}:
                    return None
                return operator == "is"
            case tree.BoolOp(operator=operator, left=left, right=right):
                decides = operator == "or"
                sides = {self._truth(left), self._truth(right)}
                return decides if decides in sides else None if None in sides else not decides
            case _:
                return None
