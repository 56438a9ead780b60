"""Reads of attributes that may need a session: of which entity, how it was loaded, and what is loaded later."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqla_leaklint.domain.lifetimes.acquisition import Acquisition
from sqla_leaklint.domain.mapped.columns import Column, Relationship
from sqla_leaklint.domain.mapped.models import Model, models_of
from sqla_leaklint.domain.values import Entity, Literal, Many, ProjectFunction, Rows, Unknown, alternatives
from sqla_leaklint.knowledge.facts import LoadStrategy
from sqla_leaklint.semantic import terms as t
from sqla_leaklint.semantic.events import Deed
from sqla_leaklint.syntax import tree

if TYPE_CHECKING:
    from sqla_leaklint.domain.module import Domain

_ADDING = frozenset({"add", "add_all", "delete", "expunge"})
_LOOKING = frozenset(f"builtins.{name}" for name in ("print", "len", "str", "repr", "isinstance", "bool", "id", "type"))
_LATER = frozenset({LoadStrategy.LAZY})


@dataclass(frozen=True, slots=True, eq=False)
class DetachedCandidate:
    """The read of an attribute of an entity that the session loaded or was given.

    `loads` are the calls that load the entity, or construct it; `assigns` are where the attribute is given a value.
    `is_lazy`: only a read loads the attribute.
    """

    node: tree.Attribute
    entity: t.Term
    attribute: Column | Relationship
    loads: frozenset[tree.Node]
    assigns: frozenset[tree.Node]
    is_lazy: bool


def candidates_among(acquisition: Acquisition, nodes: Iterable[tree.Attribute]) -> Iterator[DetachedCandidate]:
    """Those of some attributes of a function that are reads of its session's entities."""
    search = _Search(acquisition)
    for node in nodes:
        found = search.candidate(node)
        if found is not None:
            yield found


class _Search:
    def __init__(self, acquisition: Acquisition) -> None:
        self.acquisition = acquisition
        self.domain: Domain = acquisition.domain
        self.session = acquisition.event.value
        self._models: dict[t.Term, Model | None] = {}
        self._events = {event.value: event for event in acquisition.body.events if event.deed is Deed.CALLED}

    def candidate(self, node: tree.Attribute) -> DetachedCandidate | None:
        term = self.domain.term(node)
        if not isinstance(term, t.Attr) or term.name != node.attr:
            return None
        entity = term.base
        if entity not in self._models:
            self._models[entity] = self._model(entity)
        model = self._models[entity]
        attribute = self._attribute(model, node.attr) if model is not None else None
        if attribute is None:
            return None
        assigns = frozenset(self._assigned(entity, node.attr))
        is_new = self._is_new(entity)
        loads = frozenset(
            event.node
            for part in t.all_in([entity])
            if isinstance(part, t.Call) and part is not self.session and (event := self._events.get(part)) is not None
        )
        is_lazy = (
            not is_new
            and not assigns
            and (attribute.is_deferred if isinstance(attribute, Column) else attribute.strategy in _LATER)
        )
        return DetachedCandidate(node, entity, attribute, loads, assigns, is_lazy) if loads else None

    def _attribute(self, model: Model, name: str) -> Column | Relationship | None:
        if name in model.others:
            return None
        return model.columns.get(name) or model.relationships.get(name)

    # --- which entities ---

    def _model(self, entity: t.Term) -> Model | None:
        """The model of an entity of that session, if it is known in full how it was loaded, and nobody else has it."""
        parts = set(t.all_in([entity]))
        is_added = self._is_added(entity)
        if self.session not in parts and not is_added:
            return None
        found = [each for each in alternatives(self.domain.value_of(entity)) if each != Literal(None)]
        if len(found) != 1 or not isinstance(found[0], Entity) or found[0].is_loaded is is_added:
            return None
        if not self._is_plainly_loaded(entity, parts) or self._is_handed_on(parts):
            return None
        model = models_of(self.domain.evaluator).of(found[0].model)
        return model if model is not None and model.is_whole else None

    def _is_new(self, entity: t.Term) -> bool:
        return self.session not in t.all_in([entity])

    def _is_added(self, entity: t.Term) -> bool:
        if not isinstance(entity, t.Call):
            return False
        return any(
            call.func.name in {"add", "add_all"}
            and self.session in t.all_in([call.func.base])
            and any(entity is part for argument in call.args for part in t.all_in([argument]))
            for call in self._calls()
            if isinstance(call.func, t.Attr)
        )

    def _calls(self) -> Iterator[t.Call]:
        for event in self._events.values():
            yield event.call

    def _is_plainly_loaded(self, entity: t.Term, parts: set[t.Term]) -> bool:
        """Whether no loader option, and no function that could add one, has to do with it, and it is in memory."""
        for part in parts:
            match part:
                case t.Call() if part is not self.session:
                    if isinstance(part.func, t.Attr) and part.func.name in {"options", "unique"}:
                        return False
                    if part.keyword("options") is not None:
                        return False
                    values = alternatives(self.domain.value_of(part.func))
                    if any(isinstance(value, ProjectFunction | Unknown) for value in values):
                        return False
                case t.Element(value=value) | t.Item(value=value) if self.session in t.all_in([value]):
                    rows = alternatives(self.domain.value_of(value))
                    if not all(isinstance(each, Rows | Many) for each in rows):
                        return False
                case t.Join() | t.Local() | t.Param() if part is entity:
                    return False
                case _:
                    pass
        return True

    def _is_handed_on(self, parts: set[t.Term]) -> bool:
        """Whether a call is given the entity, or the rows that it is one of, and may load what is missing."""
        carriers = {part for part in parts if self._carries(part)}
        for call in self._calls():
            given = {
                part for argument in (*call.args, *(value for _, value in call.keywords)) for part in _within(argument)
            }
            if not given & carriers:
                continue
            if isinstance(call.func, t.Ref) and call.func.path in _LOOKING:
                continue
            is_own = isinstance(call.func, t.Attr) and self.session in t.all_in([call.func.base])
            if not (is_own and isinstance(call.func, t.Attr) and call.func.name in _ADDING):
                return True
        return False

    def _carries(self, term: t.Term) -> bool:
        if not isinstance(term, t.Call | t.Await | t.Element | t.Item):
            return False
        return any(isinstance(each, Entity | Rows) for each in alternatives(self.domain.value_of(term)))

    def _assigned(self, entity: t.Term, name: str) -> Iterator[tree.Node]:
        for event in self.acquisition.body.events:
            if event.deed is Deed.STORED_ATTRIBUTE and event.base is entity and event.key == name:
                yield event.node


def _within(term: t.Term) -> Iterator[t.Term]:
    """What is given by an argument: itself, what it unpacks, or the elements of a display."""
    yield term
    match term:
        case t.Star() | t.Await():
            yield from _within(term.value)
        case t.Collection():
            for element in term.elements:
                yield from _within(element)
        case _:
            pass
