"""One session for the whole process: an open transaction between uses, stale rows, shared by threads and tasks."""

from __future__ import annotations

from collections.abc import Iterator

from sqla_leaklint.diagnostics import Group
from sqla_leaklint.domain import Domain
from sqla_leaklint.domain.lifetimes.kept import Keeper
from sqla_leaklint.domain.lifetimes.long_lived import LongLivedSession
from sqla_leaklint.rules.base import Draft, Rule

rule = Rule(
    code="LKS106",
    name="long-lived-session",
    group=Group.LEAK,
    since="0.1.0",
    summary="one session is kept for the whole process, and its functions share it",
    noisy_outside_app=True,
)


@rule.check(LongLivedSession)
def check(session: LongLivedSession, domain: Domain) -> Iterator[Draft]:
    draft = rule.diagnostic(session.node, _message(session))
    draft = draft.with_help(
        f"open one where it is used, by `{'async with' if session.is_async else 'with'}`: kept, it is left "
        "`idle in transaction` by whatever reads last, goes on showing the rows of that transaction, and is not made "
        f"for the {'tasks' if session.is_async else 'threads'} that share it"
    )
    held, user = session.held, session.user
    if held.opened_in is not None:
        place = domain.locate(held.module.path, held.opened_in.qualname)
        draft = draft.with_note(place, f"`{held.opened_in.qualname}` opens the session and keeps it in its object")
    if user.function is not None:
        place = domain.locate(user.module.path, user.function.qualname)
        draft = draft.with_note(place, f"`{user.function.qualname}` uses it, and leaves it open")
    last = session.trail.stops[-1] if session.trail is not None else None
    if last is not None and session.trail is not None and session.trail.entry is not None:
        place = domain.locate(last.module.path, last.function.qualname)
        if last.function is not user.function:
            draft = draft.with_note(place, f"`{last.function.qualname}` comes to it {session.trail.entry.value}")
    yield draft


def _message(session: LongLivedSession) -> str:
    name = session.kept.name
    match session.kept.keeper:
        case Keeper.DEFAULT if session.is_direct:
            return f"the default of `{name}` is one session for as long as the process lives"
        case Keeper.MEMO if session.is_direct:
            return f"`{name}` is memoised: it gives everybody one session, for as long as the process lives"
        case Keeper.STATE:
            name = f"app.state.{name}"
        case Keeper.CLASS:
            name = f"{session.kept.owner.rpartition('.')[2]}.{name}"
        case Keeper.MEMO:
            name = f"{name}()"
        case _:
            pass
    holds = "is one session" if session.is_direct else "keeps one session open"
    return f"`{name}` {holds} for as long as the process lives"
