"""A thread-local registry whose session a dependency hands to FastAPI, which keeps no request to one thread."""

from __future__ import annotations

from collections.abc import Iterator

from sqla_leaklint.diagnostics import Applicability, Group
from sqla_leaklint.domain import Domain
from sqla_leaklint.domain.registries import HandedOutRegistry
from sqla_leaklint.fixes.request_session import session_for_request
from sqla_leaklint.rules.base import Draft, Rule

rule = Rule(
    code="LKS114",
    name="thread-local-registry-in-fastapi",
    group=Group.LEAK,
    since="0.1.0",
    summary="a FastAPI dependency hands out the session of a registry that has one for each thread",
    fix=(Applicability.DISPLAY,),
    noisy_outside_app=True,
)


@rule.check(HandedOutRegistry)
def check(handed: HandedOutRegistry, domain: Domain) -> Iterator[Draft]:
    is_async = handed.function.is_async
    draft = rule.diagnostic(
        handed.node,
        "concurrent requests get one and the same session of a thread-local registry"
        if is_async
        else "a thread-local registry hands out a session to a request that changes threads",
    )
    draft = draft.with_help(
        "make a session for each request, by `with factory() as session: yield session`: `async def` endpoints and "
        "dependencies all run in one thread, so they share its session; `def` ones run in any, so `remove()` meets "
        "another request's session and leaves this one's connection where it is"
    )
    if handed.removals:
        told = "it ends the session of all requests at once" if is_async else "this may run in another thread"
        draft = draft.with_note(handed.removals[-1], told)
    yield draft.with_fix(session_for_request(handed))
