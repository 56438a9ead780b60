"""A session keeps its transaction open while the function sleeps, or waits for another server."""

from __future__ import annotations

from collections.abc import Iterator

from sqla_leaklint.diagnostics import Group
from sqla_leaklint.domain import Domain
from sqla_leaklint.domain.lifetimes import WaitInTransaction
from sqla_leaklint.knowledge.waits import Awaited
from sqla_leaklint.rules.base import Draft, Rule

rule = Rule(
    code="LKS113",
    name="session-idle-in-transaction",
    group=Group.STRICT,
    since="0.1.0",
    summary="a session keeps its transaction open across a sleep or a call of another server",
    noisy_outside_app=True,
)

_MESSAGES = {
    Awaited.TIME: "{} has a transaction open while this sleeps",
    Awaited.ANSWER: "{} has a transaction open while this waits for another server",
}


@rule.check(WaitInTransaction)
def check(waiting: WaitInTransaction, domain: Domain) -> Iterator[Draft]:
    name = waiting.session.name
    subject = f"`{name}`" if name else "the session"
    draft = rule.diagnostic(waiting.call, _MESSAGES[waiting.awaited].format(subject))
    draft = draft.with_help(
        "commit, roll back or close before it: until then the server shows `idle in transaction`, "
        "the connection is not in the pool, and locks and vacuum wait"
    )
    draft = draft.with_note(waiting.opened_by, "this opens the transaction")
    if waiting.helper is not None:
        place = domain.locate(waiting.helper.path, waiting.helper.qualname)
        draft = draft.with_note(place, f"`{waiting.helper.qualname}` makes the call")
    yield draft
