"""A session that is closed when all goes well, and stays open when something does not."""

from __future__ import annotations

from collections.abc import Iterator

from sqla_leaklint.diagnostics import Applicability, Group
from sqla_leaklint.domain import Domain
from sqla_leaklint.domain.lifetimes import Remains, SkippedClose, TakenSession, Way
from sqla_leaklint.fixes import PendingFix
from sqla_leaklint.fixes.with_block import enclosure
from sqla_leaklint.rules.base import Draft, Rule
from sqla_leaklint.rules.notes import entering, with_factory

rule = Rule(
    code="LKS102",
    name="session-leaked-on-error",
    group=Group.LEAK,
    since="0.1.0",
    summary="a session is closed, but not on every way out: an exception or an early return skips the close",
    fix=(Applicability.SAFE, Applicability.UNSAFE),
    noisy_outside_app=True,
)

_MESSAGES = {
    Way.EARLY: "`{}` stays open on a way that does not pass its close",
    Way.EXCEPTION: "`{}` stays open when an exception skips its close",
    Way.CANCELLATION: "`{}` stays open when the task is cancelled",
}
_CAUSES = {
    Way.EXCEPTION: "this can raise, with a connection in hand",
    Way.CANCELLATION: "the task can be cancelled here, which `except Exception` does not take",
}


@rule.check(SkippedClose)
def check(skipped: SkippedClose, domain: Domain) -> Iterator[Draft]:
    acquisition = skipped.acquisition
    if acquisition.ends_with_process:
        return
    keyword = "async with" if acquisition.opening.is_async else "with"
    message = _MESSAGES[skipped.way]
    if not skipped.is_closed:
        message = message.replace("its close", "its last commit")
    draft = rule.diagnostic(acquisition.node, message.format(acquisition.name))
    draft = draft.with_help(
        f"open it by `{keyword}`, or close it in `finally`: left open, it keeps its connection until the cyclic "
        "collector runs, and a few errors later requests end in `QueuePool limit … reached`"
    )
    taken = skipped.taken
    draft = with_factory(draft, domain, acquisition.opening) if taken is None else _by_hand(draft, domain, taken)
    draft = draft.with_note(skipped.cause, _CAUSES.get(skipped.way, ""))
    draft = draft.with_note(skipped.leaving, "this leaves it open")
    draft = draft.with_note(skipped.unawaited_close, "the coroutine is not awaited, so nothing is closed")
    skipped_end = "this close is skipped" if skipped.is_closed else "this commit is skipped, and nothing closes it"
    draft = draft.with_note(skipped.last_close, skipped_end)
    yield draft.with_fix(_fix(skipped) if taken is None else None)


def _by_hand(draft: Draft, domain: Domain, taken: TakenSession) -> Draft:
    provider = taken.provider
    name = provider.qualname.rpartition(".")[2]
    draft = draft.with_help(
        f"write {entering(name, is_async=taken.is_async_provider)}, or close it in `finally`: nobody holds the "
        "generator, so its end has run before the session is used, and but for this close the connection stays out "
        "until the cyclic collector runs"
    )
    return draft.with_note(
        domain.locate(provider.path, provider.qualname), f"`{name}` yields it, and is not run to its end"
    )


def _fix(skipped: SkippedClose) -> PendingFix | None:
    """Put what comes before the close under `with`: safe where nobody can notice that the other ways close it."""
    acquisition = skipped.acquisition
    is_async = acquisition.opening.is_async
    remains = acquisition.remains
    if is_async and not acquisition.function.is_async:
        return None
    block = enclosure(acquisition.function, acquisition.event.stmt, closes=skipped.closes)
    if block is None:
        return None
    # Where the block ends with its close, only who leaves it early could miss the session.
    is_missed = not block.is_closed_at_end or block.returns_something
    if is_missed and remains is Remains.UNREAD:
        return None
    is_rest = block.is_closed_at_end or block.is_rest_of(acquisition.function)
    is_kept = is_missed and not (remains is Remains.VALUES and is_rest)
    is_safe = acquisition.opening.is_plain and not is_kept
    keyword = "async with" if is_async else "with"
    applicability = Applicability.SAFE if is_safe else Applicability.UNSAFE
    return block.as_fix(applicability, f"open `{acquisition.name}` by `{keyword}`", is_async=is_async)
