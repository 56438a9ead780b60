"""Lines that hand work to somebody else: who runs it, and which sessions travel with it."""

from __future__ import annotations

from collections.abc import Iterator

from sqla_leaklint.domain.describe import described
from sqla_leaklint.domain.handoffs import Handoff
from sqla_leaklint.domain.values import Origin, ProjectFunction, Unknown, alternatives
from sqla_leaklint.linter.explain.paragraph import Paragraph, columns
from sqla_leaklint.linter.explain.places import Places
from sqla_leaklint.linter.explain.sessions import add_exit, owner_of


def explain_handoff(handoff: Handoff, places: Places) -> Paragraph:
    """Who runs what is handed over, with which sessions, and when these are closed."""
    told = Paragraph(f"{places.quoted(handoff.node)} hands over work, to be run as: {handoff.executor.value}")
    if handoff.callee is not None:
        told.add("work", _work(handoff, places))
    passengers = list(handoff.passengers())
    holder = f"`{handoff.body.qualname}`"
    told.add(
        "sessions",
        [
            f"{places.quoted(each.node)}: {described(each.session)}"
            f"{f', in {each.hidden_in}' if each.hidden_in else ''}; its owner is {owner_of(each.session, holder, places)}"
            for each in passengers
        ]
        or "none that belongs to a request, a caller or a `with` block travels along",
    )
    told.add("not known", columns(_unknown(handoff, places)))
    for each in passengers:
        if each.origin is Origin.PROVIDED:
            add_exit(told, handoff.domain, each.session, places)
            break
    return told


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
