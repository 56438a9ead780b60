"""A coroutine of an async session, connection or engine that nobody awaits does nothing."""

from __future__ import annotations

from collections.abc import Iterator

from sqla_leaklint.diagnostics import Applicability, Group
from sqla_leaklint.domain import Domain
from sqla_leaklint.domain.lifetimes.unawaited import IdleCoroutine
from sqla_leaklint.fixes.awaiting import add_await
from sqla_leaklint.knowledge.facts import Effect
from sqla_leaklint.rules.base import Draft, Rule

rule = Rule(
    code="LKS109",
    name="unawaited-session-call",
    group=Group.LEAK,
    since="0.1.0",
    summary="a coroutine of an async session, connection or engine is never awaited",
    fix=(Applicability.SAFE,),
)

_LOST = {
    Effect.RELEASES: "nothing is closed, and the connection stays out until the cyclic collector runs",
    Effect.ENDS_TRANSACTION: "the transaction neither ends nor gives its connection back",
    Effect.QUEUES: "the next commit knows nothing of it",
    Effect.FLUSHES: "nothing is sent to the database",
    None: "nothing is sent to the database",
}


@rule.check(IdleCoroutine)
def check(coroutine: IdleCoroutine, domain: Domain) -> Iterator[Draft]:
    owner = coroutine.owner.rpartition(".")[2]
    draft = rule.diagnostic(coroutine.node, f"`{owner}.{coroutine.name}()` is not awaited, so it does nothing")
    lost = _LOST.get(coroutine.effect, _LOST[None])
    provider = coroutine.provider
    if provider is not None:
        name = provider.qualname.rpartition(".")[2]
        draft = draft.with_note(domain.locate(provider.path, provider.qualname), f"`{name}` provides an `{owner}`")
    if coroutine.can_await:
        yield draft.with_help(f"write `await`: without it {lost}").with_fix(add_await(coroutine.node, coroutine.name))
    else:
        yield draft.with_help(f"await it in an `async def`, or have a loop run it: as it is, {lost}")
