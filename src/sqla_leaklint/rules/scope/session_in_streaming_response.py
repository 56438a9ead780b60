"""A streamed response must not use the request's session while it is sent."""

from __future__ import annotations

from collections.abc import Iterator

from sqla_leaklint.diagnostics import Applicability, Group
from sqla_leaklint.domain import Domain
from sqla_leaklint.domain.application.fastapi_version import exit_of
from sqla_leaklint.domain.streamed.stream_ends import does_harm
from sqla_leaklint.domain.streamed.streams import StreamedSession
from sqla_leaklint.domain.values import Origin
from sqla_leaklint.fixes.own_session.streams import open_in_stream
from sqla_leaklint.knowledge.facts import Moment
from sqla_leaklint.rules.base import Draft, Rule

rule = Rule(
    code="LKS403",
    name="session-in-streaming-response",
    group=Group.LEAK,
    summary="a streamed response uses the request's session while it is sent",
    since="0.1.0",
    fix=(Applicability.DISPLAY,),
)

_OWNERS = {
    Origin.PROVIDED: "the request's session",
    Origin.PARAMETER: "a session that belongs to the caller",
    Origin.MANAGED: "a session that its `with` block closes",
}
_HELP = "open a session in the generator, with `with` round what it fetches, or load that before the response is made"


@rule.check(StreamedSession)
def check(streamed: StreamedSession, domain: Domain) -> Iterator[Draft]:
    session = streamed.session
    moment = exit_of(domain, session)
    if not does_harm(streamed, moment):
        return
    where = f" (in {streamed.hidden_in})" if streamed.hidden_in else ""
    provider = session.provider
    origin = domain.locate(provider.path, provider.qualname) if provider else None
    message = f"a streamed response uses {_OWNERS[session.origin]}{where}{_fate(session.origin, moment)}"
    draft = rule.diagnostic(streamed.node, message).with_help(_HELP)
    if streamed.use is not None:
        draft = draft.with_note(streamed.use, "the stream uses it here")
    yield draft.with_note(origin, "the session is provided here").with_fix(open_in_stream(streamed, moment))


def _fate(owner: Origin, moment: Moment | None) -> str:
    """What becomes of the session."""
    if owner is Origin.MANAGED or moment is Moment.BEFORE_RESPONSE:
        return ", which is closed before the stream begins: using it opens it again, and nobody closes it"
    if owner is Origin.PARAMETER:
        return ", which ends before the stream does, or is kept from the pool until the stream ends"
    if moment is Moment.AFTER_BACKGROUND_TASKS:
        return ", which keeps its connection from the pool until the client has read the stream"
    return (
        ": FastAPI closes it before the stream begins (0.106 to 0.117), so that it opens again and leaks,"
        " or holds its connection until the client has read the stream"
    )
