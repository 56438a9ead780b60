"""The request's session is closed by a task in front of another one, which has a session of its own.

    tasks.add_task(db.close)
    tasks.add_task(send_receipt_in_own_session, order_id)

The first of these tasks gives the request's connection back once the response is out.  Without it every request would
need two connections wherever FastAPI ends dependencies after the tasks: one that waits and one that works.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from typing import NamedTuple

from sqla_leaklint.domain.application.providers import commits
from sqla_leaklint.domain.handed_over.cargo import cargo_of
from sqla_leaklint.domain.handed_over.handoffs import Handoff
from sqla_leaklint.domain.lifetimes.attachment import holds, may_be_attached
from sqla_leaklint.domain.values import Entity, ProjectFunction
from sqla_leaklint.semantic.terms import Term
from sqla_leaklint.syntax import tree


class Bond(Enum):
    """What another task has to do with the request's session."""

    NONE = "nothing"
    NEEDS = "it needs the session, or what belongs to it"
    OWN = "it gets a session of its own by a fix, which closes this one first as well"


class Release(NamedTuple):
    """`before` is the statement in front of which the session is closed (None: an earlier one sees to it)."""

    before: tree.ExprStmt | None


def release(
    handoff: Handoff, provider: ProjectFunction, session: Term | None, bond: Callable[[Handoff], Bond]
) -> Release | None:
    """Where the session is closed; None where it cannot be.

    There has to be a line for it, the provider has nothing to commit by then, and no other task of the function needs
    the session.
    """
    stmt = _statement(handoff)
    if stmt is None or session is None or commits(handoff.domain.evaluator, provider):
        return None
    others = [other for other in handoff.domain.subjects(Handoff) if other is not handoff]
    if any(bond(other) is Bond.NEEDS for other in others if other.body is handoff.body):
        return None
    is_closed = any(
        (earlier := _statement(other)) is not None
        and _is_earlier_in_block(handoff.body.node, earlier, stmt)
        and (_hands_over_close(other, session) or bond(other) is Bond.OWN)
        for other in others
    )
    return Release(None if is_closed else stmt)


def belongings_in(handoff: Handoff, session: Term | None) -> list[tree.Argument | None]:
    """The arguments by which something travels that belongs to the session, or may; None: the callable holds it."""
    domain, body = handoff.domain, handoff.body
    found: list[tree.Argument | None] = [
        each for each in handoff.arguments if may_be_attached(domain, body, each.value, session)
    ]
    found.extend(piece.argument for piece in cargo_of(handoff) if holds(piece.value, Entity))
    return found


def _statement(handoff: Handoff) -> tree.ExprStmt | None:
    """The statement that does nothing but hand over the task to a list of tasks."""
    stmt = handoff.event.stmt
    if handoff.row.is_constructor or not isinstance(handoff.node.func, tree.Attribute):
        return None
    return stmt if isinstance(stmt, tree.ExprStmt) and stmt.value is handoff.node else None


def _hands_over_close(handoff: Handoff, session: Term) -> bool:
    callee = handoff.callee
    return (
        isinstance(callee, tree.Attribute) and callee.attr == "close" and handoff.domain.term(callee.value) is session
    )


def _is_earlier_in_block(node: tree.Node, earlier: tree.Stmt, later: tree.Stmt) -> bool:
    blocks = [node.body] if isinstance(node, tree.Function | tree.Module | tree.Class) else []
    while blocks:
        block = blocks.pop()
        if earlier in block and later in block:
            return block.index(earlier) < block.index(later)
        blocks.extend(
            inner
            for stmt in block
            if not isinstance(stmt, tree.Function | tree.Class)
            for inner in tree.blocks_of(stmt)
        )
    return False
