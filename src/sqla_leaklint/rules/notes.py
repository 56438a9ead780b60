"""Notes that several rules put below a diagnostic."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from sqla_leaklint.domain.application.entries import Entry, entry_of

if TYPE_CHECKING:
    from sqla_leaklint.diagnostics import Location
    from sqla_leaklint.domain import Domain
    from sqla_leaklint.domain.application.requests import Link
    from sqla_leaklint.domain.containers import Container, Kept
    from sqla_leaklint.domain.lifetimes.opening import Opening
    from sqla_leaklint.domain.origins.provenance import Stop, Trail
    from sqla_leaklint.rules.base import Draft

_CALLED = {
    Entry.REQUEST: "is called for every request",
    Entry.EVENT: "is called for every event",
    Entry.TASK: "is called for every task",
    Entry.DEPENDENCY: "is called for every request that depends on it",
    Entry.MESSAGE: "receives one after the other for as long as the process lives",
    None: "wraps functions that are called with any arguments",
}
"""What is said of the function that the outside world calls."""


REMOVE_AT_ITS_END = (
    "remove the entry when its owner is done: bounded by size or time, it would lose what is still in use"
)
"""The help for what keeps locks, tasks, events or collections."""


def with_factory(draft: Draft, domain: Domain, opening: Opening) -> Draft:
    """Note the function of the project that returns what was opened, if one does."""
    factory = opening.factory
    if factory is None:
        return draft
    place = domain.locate(factory.path, factory.qualname)
    return draft.with_note(place, f"`{factory.qualname}` returns it open: closing it is left to its callers")


def entering(provider: str, *, is_async: bool) -> str:
    """How to run a generator that yields a session to its end."""
    return (
        f"`async with asynccontextmanager({provider})() as …`"
        if is_async
        else f"`with contextmanager({provider})() as …`"
    )


def with_trail(draft: Draft, domain: Domain, stops: Sequence[Stop], entry: Entry | None, act: str) -> Draft:
    """Note the functions through which data comes from outside: the first does something with it ("puts it in"), the
    last is called from there.
    """
    if not stops:
        return draft
    first, *between = stops
    last = between.pop() if between else first
    if first is last:
        return draft.with_note(_place(first, domain), f"`{first.function.name}` {act}, and {_CALLED[entry]}")
    draft = draft.with_note(_place(first, domain), f"`{first.function.name}` {act}")
    for stop in between:
        draft = draft.with_note(_place(stop, domain), f"`{stop.function.name}` passes it on")
    return draft.with_note(_place(last, domain), f"`{last.function.name}` {_CALLED[entry]}")


def with_calls(draft: Draft, domain: Domain, trail: Trail) -> Draft:
    """Note the function that the outside world calls, and those between it and the one of the diagnostic."""
    *between, last = trail.stops
    for stop in between[1:]:
        draft = draft.with_note(_place(stop, domain), f"`{stop.function.name}` calls it")
    return draft.with_note(_place(last, domain), f"`{last.function.name}` {_CALLED[trail.entry]}")


def _place(stop: Stop, domain: Domain) -> Location | None:
    return domain.locate(stop.module.path, stop.function.qualname)


def growth_of(container: Container, kept: Kept) -> str:
    """The message that a container grows, and by what."""
    of = kept.trail.stops[0].parameter
    what_comes = f"`{of}`" if of and kept.is_as_passed else f"key made from `{of}`" if of else "key"
    if container.is_mapping:
        what = f"gets an entry for every {what_comes}"
    elif container.is_set or (of and container.takes_only_new(kept)):
        what = f"gets an element for every {what_comes}"
    elif kept.trail.entry is Entry.MESSAGE and not kept.is_as_passed:
        what = f"gets longer with all that `{kept.trail.stops[-1].function.name}` receives"
    else:
        what = f"gets longer with every call of `{kept.function.name}`"
    return f"`{container.name}` {what}, and nothing ever takes one out"


OFTEN = {
    Entry.REQUEST: "for every request",
    Entry.EVENT: "for every event",
    Entry.TASK: "for every task",
    Entry.DEPENDENCY: "for every request",
    Entry.MESSAGE: "for every message",
}
"""How often the outside world calls a function."""


def with_way(draft: Draft, domain: Domain, way: tuple[Link, ...], where: str) -> Draft:
    """Note the functions by which the outside world comes to the one that a diagnostic is about, itself left out."""
    first, *others = way
    entry = entry_of(domain.evaluator, first.module, first.function)
    if entry is not None and (first.module.path, first.function.qualname) != (domain.module.path, where):
        draft = draft.with_note(domain.locate(first.module.path, first.function.qualname), f"this runs {OFTEN[entry]}")
    for link in others:
        if (link.module.path, link.function.qualname) != (domain.module.path, where):
            draft = draft.with_note(domain.locate(link.module.path, link.function.qualname), "it calls this")
    return draft
