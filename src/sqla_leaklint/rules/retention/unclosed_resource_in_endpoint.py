"""A client that is opened for every request, with sockets that stay open when the request is over."""

from __future__ import annotations

from collections.abc import Iterator

from sqla_leaklint.diagnostics import Applicability, Group
from sqla_leaklint.domain import Domain
from sqla_leaklint.domain.lifetimes import Gap, LeakedClient
from sqla_leaklint.fixes import PendingFix
from sqla_leaklint.fixes.chained_block import chain
from sqla_leaklint.fixes.with_block import enclosure
from sqla_leaklint.rules.base import Draft, Rule
from sqla_leaklint.rules.notes import with_factory
from sqla_leaklint.semantic.events import Event

rule = Rule(
    code="LKS610",
    name="unclosed-resource-in-endpoint",
    group=Group.LEAK,
    since="0.1.0",
    summary="a client is opened for every request and not closed: its sockets stay open",
    fix=(Applicability.UNSAFE,),
    noisy_outside_app=True,
)

_NEVER = "{} is opened for every request and never closed"
_GAPS = {
    Gap.ALWAYS: "{} is opened for every request, yielded, and never closed",
    Gap.ON_ERROR: "{} stays open when an exception arrives at the `yield`",
    Gap.ON_SUCCESS: "{} stays open when nothing goes wrong at the `yield`",
    Gap.BEFORE: "{} stays open when something raises before the `try` that closes it",
}
_FREE_NAMES = ("client", "http_client")


@rule.check(LeakedClient)
def check(leak: LeakedClient, domain: Domain) -> Iterator[Draft]:
    acquisition = leak.acquisition
    message = _NEVER if leak.gap is None else _GAPS[leak.gap]
    opened = f"`{acquisition.name}`" if acquisition.name is not None else "a client"
    draft = rule.diagnostic(acquisition.node, message.format(opened))
    keyword = "async with" if acquisition.opening.is_async else "with"
    draft = draft.with_help(
        f"open it by `{keyword}`, or keep one for the application: left open, its sockets are closed only when the "
        "cyclic collector runs, and under load the process ends in `Too many open files`"
    )
    draft = with_factory(draft, domain, acquisition.opening)
    for link in leak.way[:1] if len(leak.way) > 1 else ():
        draft = draft.with_note(domain.locate(link.module.path, link.function.qualname), "this runs for every request")
    for link in leak.way[1:-1]:
        draft = draft.with_note(domain.locate(link.module.path, link.function.qualname), "it calls this")
    sent = acquisition.first_sql
    if leak.exits and sent is not None and isinstance(sent.act, Event):
        draft = draft.with_note(sent.act.node, "this opens a socket")
    yield draft.with_fix(_fix(leak))


def _fix(leak: LeakedClient) -> PendingFix | None:
    """Put what follows, or the statement of a chain, under `with`."""
    acquisition = leak.acquisition
    function, is_async = acquisition.function, acquisition.opening.is_async
    if leak.is_streaming or (is_async and not function.is_async):
        return None
    if acquisition.name is None:
        found = chain(function, acquisition.node, acquisition.event.stmt, _FREE_NAMES, is_async=is_async)
        return found.as_fix(Applicability.UNSAFE, "open the client by `with`") if found is not None else None
    block = enclosure(function, acquisition.event.stmt, closes=leak.closes)
    if block is None:
        return None
    keyword = "async with" if is_async else "with"
    return block.as_fix(Applicability.UNSAFE, f"open `{acquisition.name}` by `{keyword}`", is_async=is_async)
