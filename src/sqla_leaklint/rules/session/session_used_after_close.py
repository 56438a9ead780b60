"""A session that is used after it was closed opens a new transaction, which nobody ends."""

from __future__ import annotations

from collections.abc import Iterator

from sqla_leaklint.diagnostics import Group
from sqla_leaklint.domain import Domain
from sqla_leaklint.domain.lifetimes.detached import DetachedRead
from sqla_leaklint.domain.lifetimes.reopened import ReopenedSession
from sqla_leaklint.domain.mapped.columns import Relationship
from sqla_leaklint.rules.base import Draft, Rule

rule = Rule(
    code="LKS107",
    name="session-used-after-close",
    group=Group.LEAK,
    since="0.1.0",
    summary="a session is used after it was closed, or what it gave is",
    noisy_outside_app=True,
)


@rule.check(ReopenedSession)
def check(session: ReopenedSession, domain: Domain) -> Iterator[Draft]:
    if session.acquisition.ends_with_process:
        return
    name = f"`{session.name}`" if session.name else "the session"
    when = "after its `with` block" if session.is_block else "after it was closed"
    draft = rule.diagnostic(session.use, f"{name} is used {when}: it opens again, and nobody closes it")
    draft = draft.with_help(
        "do it before the session is closed, or in a session of its own: what is opened again keeps its connection "
        "until the cyclic collector runs, and under load requests end in `QueuePool limit … reached`"
    )
    closing = "leaving this block closes it" if session.is_block else "it is closed here"
    draft = draft.with_note(session.closing, closing)
    if session.closed_by is not None:
        place = domain.locate(session.closed_by.path, session.closed_by.qualname)
        draft = draft.with_note(place, f"`{session.closed_by.qualname}` closes it")
    if session.leaving is not session.use:
        draft = draft.with_note(session.leaving, "the function is left here, with the connection in hand")
    yield draft


@rule.check(DetachedRead)
def check_detached(read: DetachedRead, domain: Domain) -> Iterator[Draft]:
    name = f"`{read.attribute.name}`"
    if read.expired_by is not None:
        message = f"{name} is read after its session was closed, and a commit or rollback has expired it"
        remedy = "read it before the session is closed, or make the sessions with `expire_on_commit=False`"
    elif isinstance(read.attribute, Relationship):
        message = f"the relationship {name} is read after its session was closed, and is not loaded"
        remedy = "load it with the entity (`selectinload`), or read it before the session is closed"
    else:
        message = f"the deferred column {name} is read after its session was closed, and is not loaded"
        remedy = "load it with the entity (`undefer`), or read it before the session is closed"
    draft = rule.diagnostic(read.node, message).with_help(f"{remedy}: this raises `DetachedInstanceError`")
    if read.expired_by is not None and read.expired_by is not read.closing:
        draft = draft.with_note(read.expired_by, "this expires what is loaded")
    yield draft.with_note(read.closing, "the session is closed here")
