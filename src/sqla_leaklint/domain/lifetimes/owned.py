"""Objects that open a session for themselves, made in a function that leaves them behind.

    class Enrichments:
        def __init__(self, tenant, session=None):
            self.session = session or SessionLocal()

        def events(self):
            return self.session.scalars(select(Event.name)).all()

    def read(tenant):
        enrichments = Enrichments(tenant)      # it is given no session, so it opens one …
        return enrichments.events()            # … takes a connection by it, and is gone

The object goes with its last name, its session does not: with its transaction and connection it is a cycle.  The object
is followed through the function as a session would be, by the attributes that lead to the one that it opened.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqla_leaklint.domain.lifetimes.acquisition import Acquisition
from sqla_leaklint.domain.lifetimes.doings import Doing, Use
from sqla_leaklint.domain.lifetimes.opening import roots_of
from sqla_leaklint.domain.lifetimes.self_opened import Holding, is_ever_closed
from sqla_leaklint.domain.lifetimes.storing import Storing, storing
from sqla_leaklint.domain.lifetimes.uses import events_within, uses_in
from sqla_leaklint.domain.values import Literal, Origin, ProjectClass, ProjectInstance
from sqla_leaklint.semantic import terms as t
from sqla_leaklint.semantic.body import Body
from sqla_leaklint.semantic.events import Deed, Event
from sqla_leaklint.syntax import tree

if TYPE_CHECKING:
    from sqla_leaklint.domain.module import Domain


@dataclass(frozen=True, slots=True, eq=False)
class OwnedSession:
    """A session that an object opens for itself, where a function makes the object.

    The acquisition is that of the object: `node` makes it, and its uses are those of the session inside.
    """

    acquisition: Acquisition
    holding: Holding
    stored: Storing

    @staticmethod
    def find(domain: Domain) -> Iterator[OwnedSession]:
        """Every such session of the module that takes a connection, has no end and is closed by nobody."""
        for body in domain.bodies:
            if isinstance(body.node, tree.Function):
                for event in _candidates(body):
                    cls = domain.value_of(event.call.func)
                    found = _owned(domain, body, event, cls) if isinstance(cls, ProjectClass) else None
                    if found is not None and not is_ever_closed(domain, found.holding):
                        yield found

    @property
    def class_name(self) -> str:
        return self.holding.cls.name


def _candidates(body: Body) -> Iterator[Event]:
    """The calls of a body on whose value a method is called, or that is handed to another call."""
    wanted: set[t.Call] = set()
    for event in body.events:
        if event.deed is Deed.CALLED:
            call = event.call
            given = (*call.args, *(value for _, value in call.keywords))
            for part in (call.func.base, *given) if isinstance(call.func, t.Attr) else given:
                wanted.update(root for root in roots_of(part) if not isinstance(root.func, t.Attr))
    if wanted:
        yield from (event for event in body.events if event.deed is Deed.CALLED and event.value in wanted)


def _owned(domain: Domain, body: Body, event: Event, cls: ProjectClass) -> OwnedSession | None:
    made = domain.value_of(event.value)
    if not isinstance(made, ProjectInstance) or made.origin is not Origin.FRESH:
        return None
    for stored in storing(domain.evaluator, cls):
        left_out = [name for name, value in made.arguments if value == Literal(None)]
        opens = event if stored.is_constructor else _call_of(body, event, stored.method.name)
        if opens is None or not stored.is_certain(left_out if stored.is_constructor else ()):
            continue
        if any(each.deed is Deed.STORED_ATTRIBUTE and each.key in stored.attributes for each in body.events):
            continue  # somebody gives it another one
        acquisition = _acquisition(domain, body, event, opens, stored)
        if acquisition.first_sql is not None and not acquisition.ends:
            return OwnedSession(acquisition, Holding(cls, stored.attributes, stored.opening), stored)
    return None


def _call_of(body: Body, made: Event, name: str) -> Event | None:
    """The call of a method of the object."""
    for event in body.events:
        match event.deed, event.value:
            case Deed.CALLED, t.Call(func=t.Attr(base=base, name=called)) if called == name:
                if list(roots_of(base)) == [made.value]:
                    return event
            case _:
                pass
    return None


def _acquisition(domain: Domain, body: Body, event: Event, opens: Event, stored: Storing) -> Acquisition:
    session_type = domain.evaluator.classes.library_type(stored.opening.instance)
    assert session_type is not None
    uses = uses_in(
        domain.evaluator,
        domain.module.summary,
        domain.module.summary.functions[body.qualname],
        event.value,
        session_type=session_type,
        attributes=stored.attributes,
        acts=events_within(body, domain.module.executor.bodies),
    )
    if stored.takes_connection:
        uses = (Use(Doing.RUNS_SQL, opens), *uses)
    return Acquisition(domain, body, event, stored.opening, uses)
