"""A generator that yields a session which is not closed whatever happens at the `yield`."""

from __future__ import annotations

from collections.abc import Iterator

from sqla_leaklint.diagnostics import Applicability, Group
from sqla_leaklint.domain import Domain
from sqla_leaklint.domain.lifetimes import Gap, YieldedSession
from sqla_leaklint.fixes import PendingFix
from sqla_leaklint.fixes.with_block import enclosure
from sqla_leaklint.rules.base import Draft, Rule

rule = Rule(
    code="LKS103",
    name="unguarded-session-dependency",
    group=Group.LEAK,
    since="0.1.0",
    summary="a generator yields a session that it does not close whatever happens",
    fix=(Applicability.SAFE, Applicability.UNSAFE),
)

_MESSAGES = {
    Gap.ALWAYS: "{} is yielded and never closed",
    Gap.ON_ERROR: "{} stays open when an exception arrives at the `yield`",
    Gap.ON_SUCCESS: "{} stays open when nothing goes wrong at the `yield`",
    Gap.BEFORE: "{} stays open when something raises before the `try` that closes it",
}


@rule.check(YieldedSession)
def check(session: YieldedSession, domain: Domain) -> Iterator[Draft]:
    gap = session.gap
    if gap is None:
        return
    acquisition = session.acquisition
    name = f"`{acquisition.name}`" if acquisition.name is not None else "a session"
    draft = rule.diagnostic(acquisition.node, _MESSAGES[gap].format(name))
    keyword = "async with" if acquisition.opening.is_async else "with"
    draft = draft.with_help(
        f"open it by `{keyword}` around the `yield`: left open, it keeps its connection until the cyclic collector "
        "runs, and after a few requests the next ones end in `QueuePool limit … reached`"
    )
    factory = acquisition.opening.factory
    if factory is not None:
        place = domain.locate(factory.path, factory.qualname)
        draft = draft.with_note(place, f"`{factory.qualname}` opens it")
    draft = draft.with_note(session.yielding, "here it is somebody else's, whose exceptions are raised here")
    yield _with_idle_close(draft, session, gap).with_fix(_fix(session, gap))


def _with_idle_close(draft: Draft, session: YieldedSession, gap: Gap) -> Draft:
    """Point at the close that is there, and does not do it."""
    if session.uncalled_close is not None:
        return draft.with_note(session.uncalled_close, "`close` is named here, not called")
    if session.unawaited_close is not None:
        return draft.with_note(session.unawaited_close, "the coroutine is not awaited, so nothing is closed")
    if session.release is not None and gap is Gap.ON_ERROR:
        return draft.with_note(session.release, "this close is skipped by an exception")
    return draft


def _fix(session: YieldedSession, gap: Gap) -> PendingFix | None:
    acquisition = session.acquisition
    is_async = acquisition.opening.is_async
    if is_async and not acquisition.function.is_async:
        return None
    block = enclosure(acquisition.function, acquisition.event.stmt, closes=session.closes)
    if block is None:
        return None
    keyword = "async with" if is_async else "with"
    # Where it was closed already when all went well, or where the request is over, nobody misses an open session.
    is_missed = gap in {Gap.ALWAYS, Gap.ON_SUCCESS} and not session.is_dependency
    is_safe = acquisition.opening.is_plain and not is_missed
    applicability = Applicability.SAFE if is_safe else Applicability.UNSAFE
    return block.as_fix(applicability, f"open `{acquisition.name}` by `{keyword}`", is_async=is_async)
