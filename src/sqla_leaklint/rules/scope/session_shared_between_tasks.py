"""One session must not be used by several tasks or threads at once, nor by a task that outlives it."""

from __future__ import annotations

from collections.abc import Iterator

from sqla_leaklint.diagnostics import Applicability, Group
from sqla_leaklint.domain import Domain
from sqla_leaklint.domain.concurrency import SharedSession
from sqla_leaklint.domain.concurrency.shared import Sharing
from sqla_leaklint.domain.values import Origin
from sqla_leaklint.fixes.in_turn import in_turn
from sqla_leaklint.rules.base import Draft, Rule

rule = Rule(
    code="LKS405",
    name="session-shared-between-tasks",
    group=Group.LEAK,
    since="0.1.0",
    summary="one session is used by several tasks at once, or by one that outlives it",
    fix=(Applicability.DISPLAY,),
)

_OWNERS = {
    Origin.PROVIDED: "the request's session",
    Origin.PARAMETER: "a session that belongs to the caller",
    Origin.MANAGED: "a session that its `with` block closes",
}
_TOGETHER = "a session does one thing at a time: give each its own, opened inside of it by `with`, or run them in turn"
_OUTLIVES = "pass keys and plain values, and let the task open a session of its own with `with`; or await it here"


@rule.check(SharedSession)
def check(shared: SharedSession, domain: Domain) -> Iterator[Draft]:
    passenger = shared.rider.passenger
    is_open = passenger.hidden_in in {"", "a bound method"}
    where = "" if is_open else f" (in {passenger.hidden_in})"
    work, many = ("thread", "threads") if shared.piece.in_thread else ("task", "tasks")
    provider = passenger.session.provider
    origin = domain.locate(provider.path, provider.qualname) if provider is not None else None
    match shared.sharing:
        case Sharing.NOBODY:
            what = f"a {work} that nobody waits for is handed {_OWNERS[shared.owner]}{where}"
            fate = "closed before the work is done, it opens again at the next query, and nobody closes it then"
            draft = rule.diagnostic(shared.node, f"{what}: {fate}").with_help(_OUTLIVES)
            draft = draft.with_note(origin, "the session is provided here")
        case Sharing.CREATOR:
            what = f"a {work} uses this session{where} while the function that started it goes on using it"
            draft = rule.diagnostic(shared.node, what).with_help(_TOGETHER)
            draft = draft.with_note(shared.other, "used here, before the work is awaited")
        case _:
            draft = rule.diagnostic(shared.node, f"several {many} use one session{where} at the same time")
            draft = draft.with_help(_TOGETHER).with_note(shared.other, "the same session goes along here")
    yield draft.with_fix(in_turn(domain, shared))
