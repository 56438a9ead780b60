"""Notes that several rules put below a diagnostic."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sqla_leaklint.domain import Domain
    from sqla_leaklint.domain.lifetimes.opening import Opening
    from sqla_leaklint.rules.base import Draft


def with_factory(draft: Draft, domain: Domain, opening: Opening) -> Draft:
    """Note the function of the project that returns what was opened, if one does."""
    factory = opening.factory
    if factory is None:
        return draft
    place = domain.locate(factory.path, factory.qualname)
    return draft.with_note(place, f"`{factory.qualname}` returns it open: closing it is left to its callers")
