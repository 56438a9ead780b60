"""Lines that stream a response: the sessions that its content uses while it is sent, and when these are closed."""

from __future__ import annotations

from collections.abc import Iterator

from sqla_leaklint.domain import Domain
from sqla_leaklint.domain.application.fastapi_version import exit_of
from sqla_leaklint.domain.describe import described
from sqla_leaklint.domain.handed_over.handoffs import Handoff
from sqla_leaklint.domain.streamed.stream_ends import does_harm
from sqla_leaklint.domain.streamed.streams import StreamedSession, streamed
from sqla_leaklint.domain.values import Unknown, alternatives
from sqla_leaklint.knowledge.facts import Executor
from sqla_leaklint.linter.explain.line import Line
from sqla_leaklint.linter.explain.paragraph import Paragraph, columns
from sqla_leaklint.linter.explain.places import Places
from sqla_leaklint.linter.explain.sessions import add_exit, owner_of
from sqla_leaklint.syntax import tree
from sqla_leaklint.syntax.walk import walk


def explain_streams(domain: Domain, line: Line, places: Places) -> Iterator[Paragraph]:
    """What is sent item by item from the line, or by what is made there."""
    answered: set[tree.Node] = set()
    for handoff in domain.subjects(Handoff):
        if handoff.executor is Executor.RESPONSE_STREAM:
            sessions = list(streamed(handoff))
            answered.update(each.node for each in sessions)
            if handoff.node in line.nodes or any(_stands_on(each, line) for each in sessions):
                yield _of_response(handoff, sessions, places)
    for each in domain.subjects(StreamedSession):
        if each.node not in answered and each.body is not None and _stands_on(each, line):
            told = Paragraph(f"`{each.body.qualname}` is sent as it yields, when FastAPI has called it")
            _add_session(told, each, places)
            told.add("so", _verdict(each))
            yield told


def _stands_on(session: StreamedSession, line: Line) -> bool:
    return session.node in line.nodes or session.use in line.nodes


def _of_response(handoff: Handoff, sessions: list[StreamedSession], places: Places) -> Paragraph:
    told = Paragraph(
        f"{places.heading(handoff.node)} ({places.at(handoff.node)}) sends its content when the endpoint has returned"
    )
    told.about = tuple(walk(handoff.node))
    if handoff.content is not None:
        value = handoff.domain.value(handoff.content)
        told.add("content", f"{places.heading(handoff.content)}: {described(value)}")
        told.add("not known", [each.reason for each in alternatives(value) if isinstance(each, Unknown)])
    told_of: set[object] = set()
    for each in sessions:
        key = (each.session, each.node, each.holds)
        if key not in told_of:
            told_of.add(key)
            _add_session(told, each, places)
            told.add("so", _verdict(each))
    if not sessions:
        told.add(
            "so", "silence: no session of the request, a caller or a `with` block is seen to be used by its content"
        )
    return told


def _add_session(told: Paragraph, streamed_session: StreamedSession, places: Places) -> None:
    session = streamed_session.session
    hidden = f", in {streamed_session.hidden_in}" if streamed_session.hidden_in else ""
    owner = owner_of(session, "the function", places)
    told.add("session", f"{places.quoted(streamed_session.node)}: {described(session)}{hidden}; its owner is {owner}")
    if streamed_session.use is not None:
        told.add("used", columns([(places.at(streamed_session.use), places.heading(streamed_session.use))]))
    told.add("connection", sorted(f"the content {hold.value}" for hold in streamed_session.holds))
    if streamed_session.is_taken_before:
        told.add("", "the function has taken it before the response begins")
    add_exit(told, streamed_session.domain, session, places)


def _verdict(streamed_session: StreamedSession) -> str:
    moment = exit_of(streamed_session.domain, streamed_session.session)
    if streamed_session.is_used and does_harm(streamed_session, moment):
        return "a connection is lost, or kept from the pool until the client has read everything (LKS403)"
    return "silence: no connection is certain to be lost, or to be kept while the response is sent"
