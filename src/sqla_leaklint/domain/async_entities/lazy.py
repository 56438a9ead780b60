"""Reads of what an async session would have to load by itself: a lazy relationship, a deferred column."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqla_leaklint.domain.async_entities.held import Held
from sqla_leaklint.domain.async_entities.reading import name_of
from sqla_leaklint.domain.async_entities.serializing import serialized
from sqla_leaklint.domain.async_entities.traced import TracedSession, is_lazy
from sqla_leaklint.domain.mapped.models import Model, models_of
from sqla_leaklint.domain.rows.queries import Load
from sqla_leaklint.semantic import terms as t
from sqla_leaklint.syntax import tree

if TYPE_CHECKING:
    from sqla_leaklint.domain.lifetimes.sessions_in_use import SessionInUse
    from sqla_leaklint.domain.module import Domain


@dataclass(frozen=True, slots=True, eq=False)
class LazyRead:
    """A read of a relationship, or of a deferred column, that nothing has loaded: `attribute` of what `holder` names
    ("" for rows of a list).

    `serializer` is the model of Pydantic that reads it, where one does.
    """

    session: SessionInUse
    node: tree.Expr
    holder: str
    attribute: str
    held: Held
    serializer: str

    @property
    def domain(self) -> Domain:
        return self.session.domain

    @property
    def owner(self) -> Model:
        """The model whose attribute it is."""
        model = models_of(self.domain.evaluator).of(self.held.model)
        assert model is not None
        return model

    @property
    def load(self) -> Load | None:
        """The query that loads the entity, when that is in this function, and no refresh came after it."""
        if self.held.is_renewed:
            return None
        wanted = set(_unwrapped(self.held.term))
        return next((load for load in self.domain.subjects(Load) if load.term in wanted), None)

    @property
    def of_same_load(self) -> list[str]:
        """The attributes that are read so of what the same query loads, this one included."""
        others = (each for each in self.domain.subjects(LazyRead) if each.session.body is self.session.body)
        mine = set(_unwrapped(self.held.term))
        names = [each.attribute for each in others if not mine.isdisjoint(_unwrapped(each.held.term))]
        return list(dict.fromkeys(names))

    @staticmethod
    def find(domain: Domain) -> Iterator[LazyRead]:
        """Every such read of the module, in the order of the text; of each attribute of a variable the first."""
        for traced in domain.subjects(TracedSession):
            yield from _lazy(traced)


def _lazy(traced: TracedSession) -> Iterator[LazyRead]:
    session = traced.session
    told: set[tuple[str, str]] = set()
    for reading in traced.readings:
        names, serializer = reading.names, ""
        if names is None:
            found = serialized(session, reading)
            if found is None:
                continue
            names, serializer = found
        for name in sorted(names):
            if not all(is_lazy(session, held, name) for held in reading.held):
                continue
            held = reading.held[0]
            is_list = held.is_rows and not isinstance(reading.node, tree.Attribute)
            holder = name_of(reading, held) if not is_list else ""
            if (holder, name) not in told:
                told.add((holder, name))
                yield LazyRead(session, reading.node, holder, name, held, serializer)


def _unwrapped(term: t.Term) -> Iterator[t.Term]:
    """A term, and what it awaits or is an element of."""
    while True:
        yield term
        if not isinstance(term, t.Await | t.Element):
            return
        term = term.value
