"""The branches of a function in which its nodes stand: whether who comes to one of them comes by another."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from sqla_leaklint.domain.rows.queries import function_text
from sqla_leaklint.semantic.body import Body
from sqla_leaklint.syntax import tree

if TYPE_CHECKING:
    from sqla_leaklint.domain.module import Domain


def is_on_every_way(domain: Domain, body: Body, node: tree.Node, goal: tree.Node) -> bool:
    """Whether whoever comes to `goal` comes by `node`, or will."""
    return set(_branches(domain, body, node)) <= set(_branches(domain, body, goal))


def _branches(domain: Domain, body: Body, node: tree.Node) -> Iterator[tuple[tree.Node, int]]:
    """The branches in which a node stands: each a compound statement and the number of its block."""
    parents = function_text(domain, body).parents
    while node in parents:
        above = parents[node]
        match above:
            case tree.ExceptHandler() | tree.MatchCase() | tree.Conditional() | tree.BoolOp() | tree.Comprehension():
                yield above, 0
            case tree.Try() if node in above.orelse:
                yield above, 0
            case tree.If() | tree.For() | tree.While():
                yield above, 0 if node in above.body else 1
            case _:
                pass
        node = above
