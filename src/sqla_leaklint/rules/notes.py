"""Notes that several rules put below a diagnostic."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from sqla_leaklint.domain.application.entries import Entry

if TYPE_CHECKING:
    from sqla_leaklint.domain import Domain
    from sqla_leaklint.domain.lifetimes.opening import Opening
    from sqla_leaklint.domain.origins.provenance import Stop
    from sqla_leaklint.rules.base import Draft


def with_factory(draft: Draft, domain: Domain, opening: Opening) -> Draft:
    """Note the function of the project that returns what was opened, if one does."""
    factory = opening.factory
    if factory is None:
        return draft
    place = domain.locate(factory.path, factory.qualname)
    return draft.with_note(place, f"`{factory.qualname}` returns it open: closing it is left to its callers")


_CALLED = {
    Entry.REQUEST: "is called for every request",
    Entry.EVENT: "is called for every event",
    Entry.TASK: "is called for every task",
    Entry.DEPENDENCY: "is called for every request that depends on it",
    None: "wraps functions that are called with any arguments",
}


def with_trail(draft: Draft, domain: Domain, stops: Sequence[Stop], entry: Entry | None, act: str) -> Draft:
    """Note the functions through which data comes from outside: the first does something with it ("puts it in"), the
    last is called from there.
    """
    if not stops:
        return draft
    first, *between = stops
    last = between.pop() if between else first
    places = [domain.locate(stop.module.path, stop.function.qualname) for stop in (first, *between, last)]
    if first is last:
        return draft.with_note(places[0], f"`{first.function.name}` {act}, and {_CALLED[entry]}")
    draft = draft.with_note(places[0], f"`{first.function.name}` {act}")
    for stop, place in zip(between, places[1:-1], strict=True):
        draft = draft.with_note(place, f"`{stop.function.name}` passes it on")
    return draft.with_note(places[-1], f"`{last.function.name}` {_CALLED[entry]}")
