"""Conditions: under which a node of a function is run, and whether one excludes another."""

from __future__ import annotations

from collections.abc import Collection

from sqla_leaklint.flow.exceptions import statements_within
from sqla_leaklint.syntax import tree
from sqla_leaklint.syntax.walk import walk


def can_follow(function: tree.Function, first: tree.Node, second: tree.Node) -> bool:
    """Whether the second of two nodes can come after the first, whatever is asked on the way.

    It can if one of the two is under no condition that the other is not under; else one may exclude the other.
    """
    conditions = conditions_round(function.body, {first, second})
    before, after = conditions.get(first, ()), conditions.get(second, ())
    common = [one for one, other in zip(before, after, strict=False) if one is other]
    return len(before) == len(common) or len(after) == len(common)


def conditions_round(block: tree.Block, wanted: Collection[tree.Node]) -> dict[tree.Node, tuple[tree.Block, ...]]:
    """For each of some nodes, the conditional blocks round it, the outermost first."""
    found: dict[tree.Node, tuple[tree.Block, ...]] = {}

    def visit(statements: tree.Block, path: tuple[tree.Block, ...]) -> None:
        for stmt in statements:
            if len(found) == len(wanted):
                return
            for part in tree.blocks_of(stmt):
                visit(part, (*path, part) if _is_conditional(stmt, part) else path)
            for node in walk(stmt):
                if node in wanted and node not in found:
                    found[node] = path

    visit(block, ())
    return found


def asks_for(function: tree.Function, name: str) -> bool:
    """Whether a function asks whether there is one already: `if self.db is None`, `if not hasattr(state, "db")`."""
    return any(
        name in {getattr(node, "attr", None), getattr(node, "id", None), getattr(node, "value", None)}
        for stmt in statements_within(function.body)
        if isinstance(stmt, tree.If)
        for node in walk(stmt.test)
        if isinstance(node, tree.Attribute | tree.Name | tree.Constant)
    )


def _is_conditional(stmt: tree.Stmt, part: tree.Block) -> bool:
    match stmt:
        case tree.If() | tree.Match():
            return True
        case tree.Try():
            return any(part is handler.body for handler in stmt.handlers)
        case _:
            return False
