"""Lifetimes in a few words: what `reveal_lifetime` prints in specs, and what people read."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from sqla_leaklint.domain.lifetimes.acquisition import Acquisition, opened
from sqla_leaklint.domain.lifetimes.doings import Use
from sqla_leaklint.domain.lifetimes.guards import YieldedSession
from sqla_leaklint.domain.lifetimes.opening import roots_of
from sqla_leaklint.domain.lifetimes.resources import CLIENT, CONNECTION
from sqla_leaklint.semantic.events import Event
from sqla_leaklint.syntax import tree

if TYPE_CHECKING:
    from sqla_leaklint.domain.module import Domain


def described_lifetime(domain: Domain, expr: tree.Expr) -> str:
    """What becomes of the resource that an expression is: "leaks", "ends: closes it", "holds nothing" …

    The call that reveals it does not count.
    """
    term = domain.term(expr)
    roots = set(roots_of(term)) if term is not None else set()
    everything = (*domain.subjects(Acquisition), *opened(domain, CONNECTION), *opened(domain, CLIENT))
    for acquisition in everything:
        if acquisition.event.value in roots:
            uses = tuple(use for use in acquisition.uses if not _reveals(use))
            return described_acquisition(replace(acquisition, uses=uses))
    return "nothing that is opened here"


def _reveals(use: Use) -> bool:
    node = use.act.node if isinstance(use.act, Event) else None
    return isinstance(node, tree.Call) and isinstance(node.func, tree.Name) and node.func.id.startswith("reveal_")


def described_acquisition(acquisition: Acquisition) -> str:
    """What becomes of a session: "leaks", "ends: closes it" …"""
    yielded = YieldedSession.of(acquisition)
    if yielded is not None:
        return f"yielded, open {yielded.gap.value}" if yielded.gap is not None else "yielded, and closed or kept"
    if acquisition.ends:
        return "ends: " + ", ".join(sorted({use.doing.value for use in acquisition.ends}))
    if acquisition.first_sql is None or not acquisition.leaking_exits:
        return "holds nothing"
    return "ends with the process" if acquisition.ends_with_process else "leaks"
