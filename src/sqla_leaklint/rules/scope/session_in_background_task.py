"""A session that belongs to a request must not be handed to a background task."""

from __future__ import annotations

from collections.abc import Iterator

from sqla_leaklint.diagnostics import Applicability, Group
from sqla_leaklint.domain import Domain
from sqla_leaklint.domain.application.fastapi_version import exit_of
from sqla_leaklint.domain.handed_over.handoffs import Handoff, Passenger
from sqla_leaklint.domain.values import Origin
from sqla_leaklint.fixes.own_session.tasks import open_in_task
from sqla_leaklint.knowledge.facts import Executor, Moment
from sqla_leaklint.rules.base import Draft, Rule

rule = Rule(
    code="LKS401",
    name="session-in-background-task",
    group=Group.LEAK,
    summary="a request's session is handed to a background task",
    since="0.1.0",
    fix=(Applicability.UNSAFE,),
)

_OWNERS = {
    Origin.PROVIDED: "the request's session",
    Origin.PARAMETER: "a session that belongs to the caller",
    Origin.MANAGED: "a session that its `with` block closes",
}
_HELP = "pass keys and plain values; let the task open a session of its own with `with`"


@rule.check(Handoff)
def check(handoff: Handoff, domain: Domain) -> Iterator[Draft]:
    if handoff.executor is not Executor.BACKGROUND_TASK:
        return
    passenger = next(handoff.passengers(), None)
    if passenger is None:
        return
    where = f" (in {passenger.hidden_in})" if passenger.hidden_in else ""
    provider = passenger.session.provider
    moment = exit_of(domain, passenger.session)
    origin = domain.locate(provider.path, provider.qualname) if provider else None
    what = f"{_OWNERS[passenger.origin]}{where}"
    yield (
        rule.diagnostic(passenger.node, f"a background task is handed {what}{_fate(passenger, moment)}")
        .with_help(_HELP)
        .with_note(origin, "the session is provided here")
        .with_fix(open_in_task(handoff, passenger, is_closed_before=moment is Moment.BEFORE_RESPONSE))
    )


def _fate(passenger: Passenger, moment: Moment | None) -> str:
    """What becomes of the session."""
    if passenger.origin is Origin.MANAGED or moment is Moment.BEFORE_RESPONSE:
        return ", which is closed before the task runs: using it opens it again, and nobody closes it"
    if passenger.origin is Origin.PARAMETER:
        return ", which ends before the task does, or is kept from the pool until the task ends"
    if moment is Moment.AFTER_BACKGROUND_TASKS:
        return ", which keeps its connection from the pool until the task ends"
    return (
        ": FastAPI closes it before the task runs (0.106 to 0.117), so that it opens again and leaks,"
        " or holds its connection until the task ends"
    )
