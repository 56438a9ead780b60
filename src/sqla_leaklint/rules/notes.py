"""Notes that several rules put below a diagnostic."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqla_leaklint.domain.application.entries import Entry, entry_of

if TYPE_CHECKING:
    from sqla_leaklint.domain import Domain
    from sqla_leaklint.domain.application.requests import Link
    from sqla_leaklint.domain.lifetimes.opening import Opening
    from sqla_leaklint.rules.base import Draft


def with_factory(draft: Draft, domain: Domain, opening: Opening) -> Draft:
    """Note the function of the project that returns what was opened, if one does."""
    factory = opening.factory
    if factory is None:
        return draft
    place = domain.locate(factory.path, factory.qualname)
    return draft.with_note(place, f"`{factory.qualname}` returns it open: closing it is left to its callers")


OFTEN = {
    Entry.REQUEST: "for every request",
    Entry.EVENT: "for every event",
    Entry.TASK: "for every task",
    Entry.DEPENDENCY: "for every request",
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
