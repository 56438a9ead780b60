"""A session that is opened and on no path closed keeps its connection until the cyclic collector comes by."""

from __future__ import annotations

from collections.abc import Iterator

from sqla_leaklint.diagnostics import Applicability, Group
from sqla_leaklint.domain import Domain
from sqla_leaklint.domain.lifetimes import Acquisition, OwnedSession, Remains
from sqla_leaklint.fixes import PendingFix
from sqla_leaklint.fixes.with_block import enclosure
from sqla_leaklint.rules.base import Draft, Rule
from sqla_leaklint.rules.notes import with_factory
from sqla_leaklint.semantic.events import Event

rule = Rule(
    code="LKS101",
    name="unclosed-session",
    group=Group.LEAK,
    since="0.1.0",
    summary="a session is opened and on no path closed",
    fix=(Applicability.SAFE, Applicability.UNSAFE),
    noisy_outside_app=True,
)


@rule.check(Acquisition)
def check(acquisition: Acquisition, domain: Domain) -> Iterator[Draft]:
    sql = acquisition.first_sql
    if sql is None or acquisition.ends:
        return
    exits = acquisition.leaking_exits
    if not exits or acquisition.ends_with_process:
        return
    name = acquisition.name
    keyword = "async with" if acquisition.opening.is_async else "with"
    opened = f"`{name}`" if name is not None else "a session"
    draft = rule.diagnostic(acquisition.node, f"{opened} is opened here and never closed")
    draft = draft.with_help(
        f"open it by `{keyword}`: unclosed, its connection goes back to the pool only when the cyclic collector runs, "
        "and under load requests end in `QueuePool limit … reached`"
    )
    draft = with_factory(draft, domain, acquisition.opening)
    if isinstance(sql.act, Event):
        draft = draft.with_note(sql.act.node, "the first SQL takes a connection")
    draft = draft.with_note(exits[0], "the function is left here, with the connection in hand")
    yield draft.with_fix(_fix(acquisition))


@rule.check(OwnedSession)
def check_owner(owned: OwnedSession, domain: Domain) -> Iterator[Draft]:
    acquisition, stored = owned.acquisition, owned.stored
    exits = acquisition.leaking_exits
    if not exits or acquisition.ends_with_process:
        return
    name = owned.class_name
    draft = rule.diagnostic(acquisition.node, f"the session that `{name}` opens is never closed")
    draft = draft.with_help(
        f"open the session by `with` and give it to `{name}`, or give `{name}` a method that closes it, and call that: "
        "unclosed, its connection goes back to the pool only when the cyclic collector runs, and under load requests "
        "end in `QueuePool limit … reached`"
    )
    draft = draft.with_note(stored.place, f"`{stored.method.name}` opens it")
    draft = with_factory(draft, domain, acquisition.opening)
    sql = acquisition.first_sql
    if sql is not None and isinstance(sql.act, Event) and sql.act.node is not acquisition.node:
        draft = draft.with_note(sql.act.node, "the first SQL takes a connection")
    yield draft.with_note(exits[0], "the function is left here, with the connection in hand")


def _fix(acquisition: Acquisition) -> PendingFix | None:
    """Put what follows under `with`: safe where nobody can notice that the session is closed when the block ends."""
    function, is_async = acquisition.function, acquisition.opening.is_async
    remains = acquisition.remains
    if remains is Remains.UNREAD or acquisition.name is None or (is_async and not function.is_async):
        return None
    block = enclosure(function, acquisition.event.stmt)
    if block is None:
        return None
    is_safe = remains is Remains.VALUES and block.is_rest_of(function)
    keyword = "async with" if is_async else "with"
    applicability = Applicability.SAFE if is_safe else Applicability.UNSAFE
    return block.as_fix(applicability, f"open `{acquisition.name}` by `{keyword}`", is_async=is_async)
