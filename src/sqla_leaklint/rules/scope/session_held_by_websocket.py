"""A websocket must not keep a connection while it waits for its client."""

from __future__ import annotations

from collections.abc import Iterator

from sqla_leaklint.diagnostics import Applicability, Group
from sqla_leaklint.domain import Domain
from sqla_leaklint.domain.injection import HeldBySocket
from sqla_leaklint.fixes.closed_before_waiting import closed_before_waiting
from sqla_leaklint.rules.base import Draft, Rule

rule = Rule(
    code="LKS407",
    name="session-held-by-websocket",
    group=Group.WASTE,
    since="0.1.0",
    summary="a websocket keeps a connection while it waits for its client",
    fix=(Applicability.DISPLAY,),
)

_HELP = (
    "open a session by `with` for each message, or close it before you wait: FastAPI ends the dependencies of a"
    " websocket when the socket is closed, in every version and with every `scope`"
)


@rule.check(HeldBySocket)
def check(held: HeldBySocket, domain: Domain) -> Iterator[Draft]:
    need, asked_by = held.need, held.asked_by
    waiting = f"`{held.function.name}` keeps a connection while its socket waits"
    message = f"{waiting}: the session of `{need.name}` is in a transaction"
    draft = rule.diagnostic(held.node, message).with_help(_HELP)
    draft = draft.with_note(domain.locate(need.module.path, need.function.qualname), "the session is opened here")
    if asked_by is not None and asked_by is not need:
        place = domain.locate(asked_by.module.path, asked_by.function.qualname)
        draft = draft.with_note(place, "its transaction begins here, before the endpoint does")
    draft = draft.with_note(held.wait, "and is open while the endpoint waits here")
    yield draft.with_fix(closed_before_waiting(held))
