"""Reads that would have to load, of entities of an async session: nobody awaits the load, so it raises."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

from sqla_leaklint.domain.async_entities.held import Held, Standing
from sqla_leaklint.domain.async_entities.serializing import serialized
from sqla_leaklint.domain.async_entities.traced import TracedSession, mapped
from sqla_leaklint.domain.async_entities.tracing import Reading, Tracing
from sqla_leaklint.domain.lifetimes.sessions_in_use import SessionInUse
from sqla_leaklint.syntax import tree

if TYPE_CHECKING:
    from sqla_leaklint.domain.module import Domain


class Cause(Enum):
    """What expired an entity."""

    COMMIT = "commit"
    ROLLBACK = "rollback"
    EXPIRE = "expire"


@dataclass(frozen=True, slots=True, eq=False)
class ExpiredRead:
    """A read of an attribute of an expired entity: `attribute` of what `holder` names.

    `by` is the call that expired it.  `serializer` is the model of Pydantic that reads it, where one does.
    `is_refreshable`: the entity was in the variable before that call already, and nothing else expires it.
    """

    session: SessionInUse
    node: tree.Expr
    holder: str
    attribute: str
    by: tree.Node
    cause: Cause
    serializer: str
    is_refreshable: bool

    @staticmethod
    def find(domain: Domain) -> Iterator[ExpiredRead]:
        """Every such read of the module, in the order of the text; of each variable the first after each expiry."""
        for traced in domain.subjects(TracedSession):
            yield from _expired(traced)


def _expired(traced: TracedSession) -> Iterator[ExpiredRead]:
    session, tracing = traced.session, traced.tracing
    evaluator = session.domain.evaluator
    told: set[tuple[str, tree.Node]] = set()
    for reading in traced.readings:
        if reading.names is None:
            found = serialized(session, reading)
            names, serializer = found if found is not None else (frozenset(), "")
        else:
            names, serializer = reading.names, ""
        for held in _certain(tracing, reading):
            wanted = sorted((names & mapped(evaluator, held)) - held.known)
            name = name_of(reading, held)
            if not wanted or held.by is None or (name, held.by) in told:
                continue
            told.add((name, held.by))
            is_refreshable = _is_refreshable(tracing, held, reading)
            yield ExpiredRead(
                session, reading.node, name, wanted[0], held.by, _cause(held.by), serializer, is_refreshable
            )
            break


def _certain(tracing: Tracing, reading: Reading) -> list[Held]:
    """What is held there expired, if that is certain; in the order of the text of what expired it."""
    expired = [held for held in reading.held if held.is_expired]
    others = [held for held in reading.held if not held.is_expired]
    if any(held.standing is Standing.UNKNOWN or held.is_renewed for held in others):
        return []
    if others and not all(held.is_of_loop for held in reading.held):
        expired = [held for held in expired if held.by is not None and tracing.leads_through(held.by, reading.step)]
    return expired


def _is_refreshable(tracing: Tracing, held: Held, reading: Reading) -> bool:
    if not isinstance(held.holder, str) or held.is_rows or held.is_of_loop or held.by is None:
        return False
    if any(other.is_expired and other.by is not held.by for other in reading.held):
        return False
    before = tracing.held_at(held.by, held.holder)
    in_session = {Standing.ADDED, Standing.LOADED, Standing.KEPT, Standing.EXPIRED}
    return bool(before) and all(each.term is held.term and each.standing in in_session for each in before)


def name_of(reading: Reading, held: Held) -> str:
    """What the text calls the entity where it is read."""
    node = reading.node.value if isinstance(reading.node, tree.Attribute) else reading.node
    if isinstance(node, tree.Name):
        return node.id
    return held.holder if isinstance(held.holder, str) else ""


def _cause(node: tree.Node) -> Cause:
    name = node.func.attr if isinstance(node, tree.Call) and isinstance(node.func, tree.Attribute) else ""
    if name.startswith("expire"):
        return Cause.EXPIRE
    return Cause.ROLLBACK if name == "rollback" else Cause.COMMIT
