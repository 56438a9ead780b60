"""What a function does with a registry: its touches, in one function, and where that runs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from sqla_leaklint.domain.lifetimes.doings import Doing, Use
from sqla_leaklint.domain.lifetimes.uses import Tracker
from sqla_leaklint.domain.registries.definitions import Registry, Touch, registry_names, touched
from sqla_leaklint.domain.registries.holding import Seed, exits_holding, uses_of
from sqla_leaklint.domain.registries.places import Place, Where, place_of
from sqla_leaklint.domain.registries.removals import Removal, Removals
from sqla_leaklint.domain.subjects import InFunction
from sqla_leaklint.knowledge.sqlalchemy import ASYNC_SESSION, SESSION
from sqla_leaklint.semantic import terms as t
from sqla_leaklint.semantic.events import Deed, Event
from sqla_leaklint.syntax import tree

if TYPE_CHECKING:
    from sqla_leaklint.domain.module import Domain

_IDLE = frozenset({"configure", "session_factory", "query_property"})
"""Methods of a registry that make no session."""


@dataclass(frozen=True, eq=False)
class RegistryUse(InFunction):
    """All that a function does with one registry; `touches` are its calls of it, in the order of the text."""

    registry: Registry
    touches: tuple[tuple[Event, Touch], ...]

    @staticmethod
    def find(domain: Domain) -> Iterator[RegistryUse]:
        """Every such use of the module; nothing is asked of a project in which nothing makes a registry."""
        names = registry_names(domain.evaluator, domain.module.summary)
        if not names:
            return
        for body in domain.bodies:
            found: dict[Registry, list[tuple[Event, Touch]]] = {}
            for event in body.events if isinstance(body.node, tree.Function) else ():
                if event.deed is Deed.CALLED:
                    touch = touched(domain.evaluator, event.call, domain.frame, names)
                    if touch is not None and touch.method not in _IDLE:
                        found.setdefault(touch.registry, []).append((event, touch))
            for registry, touches in found.items():
                yield RegistryUse(domain, body, registry, tuple(touches))

    @property
    def making(self) -> Event | None:
        """The call that makes the registry, if the function makes it itself."""
        if self.registry.path != self.domain.module.path:
            return None
        made = (each for each in self.body.events if each.value is self.registry.maker and each.deed is Deed.CALLED)
        return next(made, None)

    @property
    def is_removed(self) -> bool:
        """Whether the function itself removes its session somewhere."""
        return any(touch.method == "remove" for _, touch in self.touches)

    @property
    def first(self) -> tuple[tree.Call, tree.Expr]:
        """The first touch, and the registry as it is written there."""
        event, touch = self.touches[0]
        assert isinstance(event.node, tree.Call)
        function = event.node.func
        is_method = bool(touch.method) and isinstance(function, tree.Attribute)
        return event.node, function.value if is_method and isinstance(function, tree.Attribute) else function

    @cached_property
    def place(self) -> Place | None:
        """Where the function runs."""
        return place_of(self.domain.evaluator, self.domain.module.summary, self.summary)

    @cached_property
    def exits(self) -> tuple[tree.Node, ...]:
        """What is last run on the ways on which the function returns with a connection in the session's hands."""
        return exits_holding(self.function, self.uses)

    @cached_property
    def removal(self) -> Removal | None:
        """What else may end the session when the function is done."""
        where = self.place.where if self.place is not None else None
        return Removals(self.domain.evaluator, self.registry).on_way_out(
            self.domain.module.summary,
            self.summary,
            of_transaction=not self.registry.is_async,
            of_request=where not in {Where.THREAD, Where.TASK},
        )

    @cached_property
    def uses(self) -> tuple[Use, ...]:
        """What is done with the registry and with the sessions that the function has of it."""
        made = ASYNC_SESSION if self.registry.is_async else SESSION
        kind = self.registry.type
        seeds: dict[Seed, None] = {(self.registry.maker, kind): None}
        bound = {event.value: touch for event, touch in self.touches if isinstance(touch.term, t.Ref)}
        for event, touch in self.touches:
            if not touch.method:
                seeds[event.value, made] = None
            elif event.value not in bound:
                seeds[touch.term, kind] = None
        paths = {touch.term.path for touch in bound.values() if isinstance(touch.term, t.Ref)}
        for event in self.body.events:
            # What a module binds has the name for a term, and that is another one wherever it is read for itself.
            given = (*event.call.args, *(each for _, each in event.call.keywords)) if event.deed is Deed.CALLED else ()
            named = (each for each in (*given, event.value) if isinstance(each, t.Ref) and each.path in paths)
            seeds.update(((each, kind), None) for each in named)
        uses = uses_of(self.domain.evaluator, self.domain.module, self.body, seeds)
        return (*self._of_methods(bound), *uses)

    def _of_methods(self, bound: dict[t.Term, Touch]) -> Iterator[Use]:
        """What is done by methods of a registry that a module binds."""
        module = self.domain.module.summary
        tracker = Tracker(self.domain.evaluator, module, self.summary, self.registry.type)
        for event in self.body.events:
            touch = bound.get(event.value)
            if touch is None or not touch.method:
                continue
            if event.deed is Deed.CALLED:
                yield from tracker.of_method(event, touch.method)
            elif event.deed is Deed.ENTERED and touch.method == "begin":
                yield Use(Doing.TRANSACTS, event)
