"""The loops of a body: which statement stands in which, and what happens in one of them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeAlias

from sqla_leaklint.semantic.body import Body
from sqla_leaklint.semantic.events import Event
from sqla_leaklint.syntax import tree

Loop: TypeAlias = "tree.For | tree.While"


class Loops:
    """The statements of a body by the statements around them; functions and classes in it are bodies of their own."""

    def __init__(self, body: Body) -> None:
        assert isinstance(body.node, tree.Function | tree.Module | tree.Class)
        self._body = body
        self._around: dict[tree.Stmt, tuple[tree.Stmt, tree.Block] | None] = {}
        pending: list[tuple[tree.Stmt | None, tree.Block]] = [(None, body.node.body)]
        while pending:
            parent, block = pending.pop()
            for stmt in block:
                self._around[stmt] = (parent, block) if parent is not None else None
                if not isinstance(stmt, tree.Function | tree.Class):
                    pending.extend((stmt, inner) for inner in tree.blocks_of(stmt))

    def ancestors(self, stmt: tree.Stmt | None) -> Iterator[tuple[tree.Stmt, tree.Block, tree.Stmt]]:
        """The compound statements around a statement, innermost first: each with its block and what stands in it."""
        while stmt is not None and (above := self._around.get(stmt)) is not None:
            parent, block = above
            yield parent, block, stmt
            stmt = parent

    def around(self, stmt: tree.Stmt | None) -> Iterator[Loop]:
        """The loops in whose bodies a statement stands, innermost first; their `else` is run once."""
        for parent, block, _ in self.ancestors(stmt):
            if isinstance(parent, tree.For | tree.While) and block is parent.body:
                yield parent

    def is_within(self, stmt: tree.Stmt | None, loop: Loop) -> bool:
        """Whether a statement stands in the body of a loop."""
        return any(each is loop for each in self.around(stmt))

    def events_in(self, loop: Loop) -> Iterator[Event]:
        """What the body of a loop does, and, for `while`, its condition."""
        for event in self._body.events:
            if self.is_within(event.stmt, loop) or (event.stmt is loop and isinstance(loop, tree.While)):
                yield event

    def is_left_after(self, stmt: tree.Stmt | None, loop: Loop) -> bool:
        """Whether what follows a statement always leaves the loop, so that it is run once at most."""
        for parent, block, inner in self.ancestors(stmt):
            following = block[block.index(inner) + 1 :]
            if any(isinstance(each, tree.Return | tree.Raise | tree.Break) for each in following):
                return True
            if parent is loop:
                return False
        return False
