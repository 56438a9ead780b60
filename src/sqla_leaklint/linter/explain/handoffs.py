"""Lines that hand work to somebody else: who runs it, and which sessions travel with it."""

from __future__ import annotations

from collections.abc import Iterator

from sqla_leaklint.domain.describe import described
from sqla_leaklint.domain.handed_over.handoffs import Handoff, Passenger
from sqla_leaklint.domain.values import Origin, ProjectFunction, Unknown, alternatives
from sqla_leaklint.knowledge.facts import Executor
from sqla_leaklint.linter.explain.paragraph import Paragraph, columns
from sqla_leaklint.linter.explain.places import Places
from sqla_leaklint.linter.explain.sessions import add_exit, owner_of

_NOBODY = "none that belongs to a request, a caller or a `with` block travels along"


def explain_handoff(handoff: Handoff, places: Places) -> Paragraph:
    """Who runs what is handed over, with which sessions, and when these are closed."""
    told = Paragraph(f"{places.quoted(handoff.node)} hands over work, to be run as: {handoff.executor.value}")
    if handoff.callee is not None:
        told.add("work", _work(handoff, places))
    passengers = list(handoff.passengers())
    told.add("sessions", [_passenger(each, handoff, places) for each in passengers] or _NOBODY)
    told.add("not known", columns(_unknown(handoff, places)))
    for each in passengers:
        if each.origin is Origin.PROVIDED:
            add_exit(told, handoff.domain, each.session, places)
            break
    if passengers and handoff.executor is Executor.BACKGROUND_TASK:
        told.add("so", "the task has a session of somebody else, who closes it at another time (LKS401)")
    return told


def _passenger(passenger: Passenger, handoff: Handoff, places: Places) -> str:
    hidden = f", in {passenger.hidden_in}" if passenger.hidden_in else ""
    owner = owner_of(passenger.session, f"`{handoff.body.qualname}`", places)
    return f"{places.quoted(passenger.node)}: {described(passenger.session)}{hidden}; its owner is {owner}"


def _work(handoff: Handoff, places: Places) -> Iterator[str]:
    assert handoff.callee is not None
    for value in alternatives(handoff.domain.value(handoff.callee)):
        place = f" ({places.of(value)})" if isinstance(value, ProjectFunction) else ""
        yield f"{described(value)}{place}"


def _unknown(handoff: Handoff, places: Places) -> Iterator[tuple[str, str]]:
    for argument in handoff.arguments:
        for value in alternatives(handoff.domain.value(argument.value)):
            if isinstance(value, Unknown):
                yield places.quoted(argument.value), value.reason
