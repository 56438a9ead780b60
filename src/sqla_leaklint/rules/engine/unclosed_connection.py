"""A connection that is taken from an engine, and not given back on every way."""

from __future__ import annotations

from collections.abc import Iterator

from sqla_leaklint.diagnostics import Applicability, Group
from sqla_leaklint.domain import Domain
from sqla_leaklint.domain.lifetimes import Gap, LeakedConnection, Remains, Way
from sqla_leaklint.fixes import PendingFix
from sqla_leaklint.fixes.chained_block import chain
from sqla_leaklint.fixes.with_block import enclosure
from sqla_leaklint.rules.base import Draft, Rule
from sqla_leaklint.rules.notes import with_factory
from sqla_leaklint.semantic.events import Event

rule = Rule(
    code="LKS502",
    name="unclosed-connection",
    group=Group.LEAK,
    since="0.1.0",
    summary="a connection is taken from an engine and not closed on every way",
    fix=(Applicability.SAFE, Applicability.UNSAFE),
    noisy_outside_app=True,
)

_NEVER = "{} is opened here and never closed"
_WAYS = {
    Way.EARLY: "{} stays open on a way that does not pass its close",
    Way.EXCEPTION: "{} stays open when an exception skips its close",
    Way.CANCELLATION: "{} stays open when the task is cancelled",
}
_GAPS = {
    Gap.ALWAYS: "{} is yielded and never closed",
    Gap.ON_ERROR: "{} stays open when an exception arrives at the `yield`",
    Gap.ON_SUCCESS: "{} stays open when nothing goes wrong at the `yield`",
    Gap.BEFORE: "{} stays open when something raises before the `try` that closes it",
}
_CAUSES = {
    Way.EXCEPTION: "this can raise, with a transaction open",
    Way.CANCELLATION: "the task can be cancelled here, which `except Exception` does not take",
}
_FREE_NAMES = ("connection", "conn", "db_connection")


@rule.check(LeakedConnection)
def check(leak: LeakedConnection, domain: Domain) -> Iterator[Draft]:
    acquisition = leak.acquisition
    opened = f"`{acquisition.name}`" if acquisition.name is not None else "a connection"
    draft = rule.diagnostic(acquisition.node, _message(leak).format(opened))
    end = "terminated" if acquisition.opening.is_async else "given back to the pool"
    keyword = "async with" if acquisition.opening.is_async else "with"
    draft = draft.with_help(
        f"open it by `{keyword}`: left open, it is {end} only when the cyclic collector runs; until then the server "
        "shows `idle in transaction`, and under load requests end in `QueuePool limit … reached`"
    )
    draft = with_factory(draft, domain, acquisition.opening)
    yield _with_path(draft, leak).with_fix(_chain_fix(leak) if acquisition.name is None else _block_fix(leak))


def _message(leak: LeakedConnection) -> str:
    if leak.gap is not None:
        return _GAPS[leak.gap]
    return _WAYS[leak.skipped.way] if leak.skipped is not None else _NEVER


def _with_path(draft: Draft, leak: LeakedConnection) -> Draft:
    """Note what takes the connection and what leaves it behind."""
    skipped, sql = leak.skipped, leak.acquisition.first_sql
    if skipped is not None:
        draft = draft.with_note(skipped.cause, _CAUSES.get(skipped.way, ""))
        draft = draft.with_note(skipped.leaving, "this leaves it open")
        draft = draft.with_note(skipped.unawaited_close, "the coroutine is not awaited, so nothing is closed")
        return draft.with_note(skipped.last_close, "this close is skipped")
    if leak.exits and sql is not None and isinstance(sql.act, Event):
        draft = draft.with_note(sql.act.node, "from here on it is in a transaction")
    if leak.exits and leak.acquisition.name is not None:
        draft = draft.with_note(leak.exits[0], "the function is left here, with the connection in hand")
    return draft


def _block_fix(leak: LeakedConnection) -> PendingFix | None:
    """Put what follows under `with`: safe where nothing that is still to be read outlives the block."""
    acquisition = leak.acquisition
    function, is_async, remains = acquisition.function, acquisition.opening.is_async, acquisition.remains
    if is_async and (not function.is_async or acquisition.opening.factory is not None):
        return None  # `async with` starts the connection, which a factory has done
    if remains is Remains.UNREAD and leak.gap is None:
        return None
    block = enclosure(function, acquisition.event.stmt, closes=leak.closes)
    if block is None:
        return None
    is_whole = block.is_closed_at_end or block.is_rest_of(function)
    is_safe = is_whole and (remains is Remains.VALUES or leak.gap is not None)
    keyword = "async with" if is_async else "with"
    applicability = Applicability.SAFE if is_safe else Applicability.UNSAFE
    entered = acquisition.node if is_async else None
    return block.as_fix(applicability, f"open `{acquisition.name}` by `{keyword}`", is_async=is_async, entered=entered)


def _chain_fix(leak: LeakedConnection) -> PendingFix | None:
    """Give the connection a name, and its statement a `with`."""
    acquisition = leak.acquisition
    if acquisition.opening.is_async or acquisition.remains is Remains.UNREAD:
        return None
    found = chain(acquisition.function, acquisition.node, acquisition.event.stmt, _FREE_NAMES)
    if found is None:
        return None
    is_safe = acquisition.remains is Remains.VALUES and acquisition.opening.factory is None
    return found.as_fix(Applicability.SAFE if is_safe else Applicability.UNSAFE, "open the connection by `with`")
