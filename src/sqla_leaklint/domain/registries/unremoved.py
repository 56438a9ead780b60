"""Registries whose session stays when the work is done that used it.

A registry keeps the session that it made for a thread (or task) until `remove()`.  Not removed, a session that has run
SQL keeps its connection with it; one of an `async_scoped_session` is kept even when it is closed, by a registry that
has one for every task there ever was.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqla_leaklint.domain.lifetimes.acquisition import Acquisition
from sqla_leaklint.domain.lifetimes.doings import ENDS, RELEASES, Doing, Use
from sqla_leaklint.domain.lifetimes.opening import Opening
from sqla_leaklint.domain.lifetimes.remains import Remains, remains
from sqla_leaklint.domain.lifetimes.uses import Tracker
from sqla_leaklint.domain.registries.definitions import Registry, Touch, registry_names, touched
from sqla_leaklint.domain.registries.holding import Seed, exits_holding, uses_of
from sqla_leaklint.domain.registries.places import Place, Where, place_of
from sqla_leaklint.domain.registries.removals import Removals
from sqla_leaklint.domain.values import Instance, Origin
from sqla_leaklint.knowledge.sqlalchemy import ASYNC_SESSION, SESSION
from sqla_leaklint.semantic import terms as t
from sqla_leaklint.semantic.body import Body
from sqla_leaklint.semantic.events import Deed, Event
from sqla_leaklint.syntax import tree

if TYPE_CHECKING:
    from sqla_leaklint.domain.module import Domain

_IDLE = frozenset({"configure", "session_factory", "query_property"})
"""Methods of a registry that make no session."""
_ELSEWHERE = frozenset({Doing.DEFERS, Doing.STORES, Doing.PASSES, Doing.YIELDS, Doing.RETURNS})
"""After these it is not known who ends the transaction."""

Touched = tuple[Event, Touch]


@dataclass(frozen=True, slots=True, eq=False)
class UnremovedRegistry:
    """A registry that a function uses and that nobody removes when it is done.

    `node` is the first use, `expression` the registry there; `place` is where the function runs, or None for a
    registry that the function makes itself; `is_closed`: its session is closed and kept all the same; `leaving` is
    where the function is left with a connection in hand.
    """

    domain: Domain
    body: Body
    node: tree.Expr
    expression: tree.Expr
    registry: Registry
    event: Event
    place: Place | None
    is_closed: bool = False
    leaving: tree.Node | None = None

    @staticmethod
    def find(domain: Domain) -> Iterator[UnremovedRegistry]:
        """Every such registry of each function of the module, in the order of the text."""
        names = registry_names(domain.evaluator, domain.module.summary)
        if not names:
            return
        for body in domain.bodies:
            if isinstance(body.node, tree.Function):
                for registry, uses in _touched_in(domain, body, names).items():
                    found = _judged(domain, body, registry, uses)
                    if found is not None:
                        yield found

    @property
    def function(self) -> tree.Function:
        assert isinstance(self.body.node, tree.Function)
        return self.body.node

    @property
    def name(self) -> str:
        """What the registry is called here, "" where it has no name."""
        match self.expression:
            case tree.Name(id=name):
                return name
            case tree.Attribute(attr=name):
                return name
            case _:
                pass
        match self.event.stmt:
            case tree.Assign(targets=(tree.Name(id=name),), value=value) if value is self.node:
                return name
            case _:
                return ""

    @property
    def remains(self) -> Remains:
        """What outlives the function of what the session gave it."""
        return remains(self.domain, self.body.events, self.event.value)

    @property
    def handed_over_by(self) -> tree.Node | None:
        """The call of this module that hands the function over."""
        handed = self.place.handed_over if self.place is not None else None
        if handed is None or handed.module.path != self.domain.module.path:
            return None
        for body in self.domain.bodies:
            for event in body.events:
                if event.value is handed.call and event.deed is Deed.CALLED:
                    return event.node
        return None


def _touched_in(domain: Domain, body: Body, names: frozenset[str]) -> dict[Registry, list[Touched]]:
    found: dict[Registry, list[Touched]] = {}
    for event in body.events:
        if event.deed is Deed.CALLED:
            touch = touched(domain.evaluator, event.call, domain.frame, names)
            if touch is not None:
                found.setdefault(touch.registry, []).append((event, touch))
    return found


def _judged(domain: Domain, body: Body, registry: Registry, uses: list[Touched]) -> UnremovedRegistry | None:
    for event in body.events:
        if event.value is registry.maker and event.deed is Deed.CALLED and registry.path == domain.module.path:
            return _made_here(domain, body, registry, event, uses)
    uses = [(event, touch) for event, touch in uses if touch.method not in _IDLE]
    if not uses or (body.yields and not registry.is_async):
        return None
    if any(touch.method == "remove" for _, touch in uses):
        return None
    return _shared(domain, body, registry, uses)


def _uses_of(domain: Domain, body: Body, registry: Registry, touches: list[Touched]) -> tuple[Use, ...]:
    """What a function does with a registry and with the sessions that it has of it."""
    made = ASYNC_SESSION if registry.is_async else SESSION
    seeds: dict[Seed, None] = {(registry.maker, registry.type): None}
    calls = {event.value: touch for event, touch in touches if isinstance(touch.term, t.Ref)}
    for event, touch in touches:
        if not touch.method:
            seeds[event.value, made] = None
        elif event.value not in calls:
            seeds[touch.term, registry.type] = None
    paths = {touch.term.path for touch in calls.values() if isinstance(touch.term, t.Ref)}
    for event in body.events:
        # What a module binds has the name for a term, and that is another one wherever it is read for itself.
        given = (*event.call.args, *(each for _, each in event.call.keywords)) if event.deed is Deed.CALLED else ()
        seeds.update(
            ((each, registry.type), None)
            for each in (*given, event.value)
            if isinstance(each, t.Ref) and each.path in paths
        )
    return (*_of_methods(domain, body, registry, calls), *uses_of(domain.evaluator, domain.module, body, seeds))


def _of_methods(domain: Domain, body: Body, registry: Registry, calls: dict[t.Term, Touch]) -> Iterator[Use]:
    """What is done by methods of a registry that a module binds."""
    summary = domain.module.summary.functions[body.qualname]
    tracker = Tracker(domain.evaluator, domain.module.summary, summary, registry.type)
    for event in body.events:
        touch = calls.get(event.value)
        if touch is None or not touch.method:
            continue
        if event.deed is Deed.CALLED:
            yield from tracker.of_method(event, touch.method)
        elif event.deed is Deed.ENTERED and touch.method == "begin":
            yield Use(Doing.TRANSACTS, event)


def _shared(domain: Domain, body: Body, registry: Registry, touches: list[Touched]) -> UnremovedRegistry | None:
    """A registry that others use as well."""
    evaluator, module = domain.evaluator, domain.module.summary
    summary = module.functions[body.qualname]
    place = place_of(evaluator, module, summary)
    if place is None or (place.where is Where.DEPENDENCY and not registry.is_async):
        return None
    event, touch = touches[0]
    assert isinstance(event.node, tree.Call)
    assert isinstance(body.node, tree.Function)
    expression = event.node.func
    if touch.method and isinstance(expression, tree.Attribute):
        expression = expression.value
    uses = _uses_of(domain, body, registry, touches)
    if any(use.doing is Doing.DEFERS for use in uses):
        return None
    exits = exits_holding(body.node, uses)
    is_held = bool(exits) and not any(use.doing in _ELSEWHERE for use in uses)
    if not is_held and not registry.is_async:
        return None
    if Removals(evaluator, registry).may_be_on_way_out(
        module, summary, of_transaction=not registry.is_async, of_request=place.where not in {Where.THREAD, Where.TASK}
    ):
        return None
    is_closed = not is_held and any(use.doing in RELEASES for use in uses)
    leaving = exits[0] if is_held else None
    return UnremovedRegistry(domain, body, event.node, expression, registry, event, place, is_closed, leaving)


def _made_here(
    domain: Domain, body: Body, registry: Registry, event: Event, touches: list[Touched]
) -> UnremovedRegistry | None:
    """A registry that is a function's own: with it, its session is given up, as one that is never closed."""
    assert isinstance(event.node, tree.Call)
    assert isinstance(body.node, tree.Function)
    uses = _uses_of(domain, body, registry, touches)
    opening = Opening(Instance(registry.type, Origin.FRESH), None, registry.is_async)
    acquisition = Acquisition(domain, body, event, opening, uses)
    if any(use.doing in ENDS or use.doing is Doing.HOLDS for use in uses) or acquisition.first_sql is None:
        return None
    exits = acquisition.leaking_exits
    if not exits or acquisition.ends_with_process:
        return None
    return UnremovedRegistry(domain, body, event.node, event.node, registry, event, None, leaving=exits[0])
