"""Which session it is that goes along with a piece of work: the term that stands for it all over a function."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from sqla_leaklint.domain.values import Origin
from sqla_leaklint.semantic import terms as t
from sqla_leaklint.semantic.events import Deed
from sqla_leaklint.semantic.questions import taken

if TYPE_CHECKING:
    from sqla_leaklint.domain.handed_over.handoffs import Handoff, Passenger
    from sqla_leaklint.domain.module import Domain


def session_key(handoff: Handoff, passenger: Passenger) -> t.Term | None:
    """The term of the session; where it hides in an object that the function has from elsewhere, the object's."""
    domain = handoff.domain
    term = domain.term(passenger.node)
    if term is None:
        return None
    if isinstance(term, t.Item) and (element := taken(term)) is not term:
        return _parameter_in(domain, element, passenger)
    if not passenger.hidden_in:
        return _without_await(term)
    inside = [term]
    if isinstance(term, t.FunctionRef):
        inside = [
            event.value
            for event in handoff.body.events
            if event.deed is Deed.CAPTURED and isinstance(event.key, str) and event.key.startswith(term.qualname)
        ]
    found = [part for part in _inside(inside) if domain.value_of(part) == passenger.session]
    if found:
        return _without_await(found[0])
    if passenger.origin is Origin.FRESH:
        return None  # a property may open one for each who asks
    return term.base if isinstance(term, t.Attr) else term


def _parameter_in(domain: Domain, term: t.Term, passenger: Passenger) -> t.Term | None:
    """The parameter that a session is which a loop takes out of a list; of another session, each element may have its
    own.
    """
    found = [part for part in _inside([term]) if domain.value_of(part) == passenger.session]
    return found[0] if found and all(isinstance(part, t.Param) for part in found) else None


def _inside(terms: list[t.Term]) -> Iterator[t.Term]:
    """Terms and what they are made of, the outermost first."""
    pending, seen = list(terms), set()
    for part in pending:  # grows while it is read
        if part not in seen:
            seen.add(part)
            yield part
            pending.extend(t.parts_of(part))


def _without_await(term: t.Term) -> t.Term:
    while True:
        match term:
            case t.Await(value=value):
                term = value
            case t.Declared(value=value) if value is not None:
                term = value
            case _:
                return term
