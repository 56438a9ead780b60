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
from sqla_leaklint.domain.lifetimes.doings import ENDS, RELEASES, Doing
from sqla_leaklint.domain.lifetimes.opening import Opening
from sqla_leaklint.domain.lifetimes.remains import Remains, remains
from sqla_leaklint.domain.registries.definitions import Registry
from sqla_leaklint.domain.registries.places import Place, Where
from sqla_leaklint.domain.registries.use import RegistryUse
from sqla_leaklint.domain.values import Instance, Origin
from sqla_leaklint.semantic.events import Deed, Event
from sqla_leaklint.syntax import tree

if TYPE_CHECKING:
    from sqla_leaklint.domain.module import Domain

_ELSEWHERE = frozenset({Doing.DEFERS, Doing.STORES, Doing.PASSES, Doing.YIELDS, Doing.RETURNS})
"""After these it is not known who ends the transaction."""
_KEPT = ENDS | {Doing.HOLDS}
"""After these a registry that a function has made is removed, or somebody else's."""


@dataclass(frozen=True, slots=True, eq=False)
class UnremovedRegistry:
    """A registry that a function uses and that nobody removes when it is done.

    `node` is the first use, `expression` the registry there; `place` is where the function runs, or None for a
    registry that the function makes itself; `is_closed`: its session is closed and kept all the same; `leaving` is
    where the function is left with a connection in hand.
    """

    use: RegistryUse
    node: tree.Expr
    expression: tree.Expr
    event: Event
    place: Place | None
    is_closed: bool = False
    leaving: tree.Node | None = None

    @staticmethod
    def find(domain: Domain) -> Iterator[UnremovedRegistry]:
        """Every such registry of each function of the module, in the order of the text."""
        for use in domain.subjects(RegistryUse):
            making = use.making
            found = _shared(use) if making is None else _made_here(use, making)
            if found is not None:
                yield found

    @property
    def registry(self) -> Registry:
        return self.use.registry

    @property
    def function(self) -> tree.Function:
        return self.use.function

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
        return remains(self.use.domain, self.use.body.events, self.event.value)

    @property
    def handed_over_by(self) -> tree.Node | None:
        """The call of this module that hands the function over."""
        handed = self.place.handed_over if self.place is not None else None
        if handed is None or handed.module.path != self.use.domain.module.path:
            return None
        for body in self.use.domain.bodies:
            for event in body.events:
                if event.value is handed.call and event.deed is Deed.CALLED:
                    return event.node
        return None


def _shared(use: RegistryUse) -> UnremovedRegistry | None:
    """A registry that others use as well."""
    is_async = use.registry.is_async
    if use.is_removed or (use.body.yields and not is_async):
        return None
    place = use.place
    if place is None or (place.where is Where.DEPENDENCY and not is_async):
        return None
    doings = {each.doing for each in use.uses}
    is_held = not doings & _ELSEWHERE and bool(use.exits)
    if Doing.DEFERS in doings or not (is_held or is_async) or use.removal is not None:
        return None
    node, expression = use.first
    is_closed = not is_held and bool(doings & RELEASES)
    leaving = use.exits[0] if is_held else None
    return UnremovedRegistry(use, node, expression, use.touches[0][0], place, is_closed, leaving)


def _made_here(use: RegistryUse, making: Event) -> UnremovedRegistry | None:
    """A registry that is a function's own: with it, its session is given up, as one that is never closed."""
    assert isinstance(making.node, tree.Call)
    opening = Opening(Instance(use.registry.type, Origin.FRESH), None, use.registry.is_async)
    acquisition = Acquisition(use.domain, use.body, making, opening, use.uses)
    if any(each.doing in _KEPT for each in use.uses) or acquisition.first_sql is None:
        return None
    exits = acquisition.leaking_exits
    if not exits or acquisition.ends_with_process:
        return None
    return UnremovedRegistry(use, making.node, making.node, making, None, leaving=exits[0])
