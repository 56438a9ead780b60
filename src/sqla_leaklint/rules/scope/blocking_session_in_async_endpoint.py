"""A plain session waits for the database in an `async def` function, and every other request waits with it."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from sqla_leaklint.diagnostics import Applicability, Group
from sqla_leaklint.domain import Domain
from sqla_leaklint.domain.event_loop import BlockedLoop
from sqla_leaklint.domain.rows.certain_queries import Hop
from sqla_leaklint.fixes.dropping_async import drop_async
from sqla_leaklint.rules.base import Draft, Rule

rule = Rule(
    code="LKS404",
    name="blocking-session-in-async-endpoint",
    group=Group.WASTE,
    since="0.1.0",
    summary="a session that is not asynchronous blocks the event loop in an `async def` endpoint or dependency",
    fix=(Applicability.SAFE, Applicability.UNSAFE),
    noisy_outside_app=True,
)

_IN_A_THREAD = "write `def`: FastAPI runs it in a thread then, and the loop goes on with other requests"
_ASYNC_SESSION = "use an `AsyncSession`, or hand what waits{where} to `run_in_threadpool`"
_MEANWHILE = "meanwhile no other request goes on"
_NOTHING_AWAITED = "write `def` if nobody awaits `{name}` and nothing that it calls needs the loop; else "


@rule.check(BlockedLoop)
def check(blocked: BlockedLoop, domain: Domain) -> Iterator[Draft]:
    name, way = blocked.function.name, blocked.blocking.way
    what = f"`{_told_apart(way[0], name)}`" if way else "this"
    draft = rule.diagnostic(
        blocked.blocking.node, f"{what} blocks the event loop until the database answers: `{name}` is `async def`"
    )
    provider = blocked.provider
    if provider is not None:
        shown = provider.qualname.rpartition(".")[2]
        kind = f"a plain `{blocked.type}`" if blocked.type else "a plain session"
        draft = draft.with_note(domain.locate(provider.path, provider.qualname), f"`{shown}` provides {kind}")
    for hop, following in pairwise(way):
        draft = draft.with_note(hop.place, f"`{hop.function}` calls `{following.function}`")
    if way:
        draft = draft.with_note(way[-1].place, f"`{way[-1].function}` waits for the database here")
    dependency = blocked.blocking_dependency
    if dependency is not None:
        shown = dependency.qualname.rpartition(".")[2]
        place = domain.locate(dependency.path, dependency.qualname)
        draft = draft.with_note(
            place, f"`{shown}`, on which `{name}` depends, blocks the loop as well: change it first"
        )
    fix = drop_async(blocked)
    if fix is None and blocked.needs_loop is not None:
        draft = draft.with_note(blocked.needs_loop, f"`{name}` needs the loop here, so `def` would not do")
    yield draft.with_help(_IN_A_THREAD if fix is not None else _help(blocked)).with_fix(fix)


def _help(blocked: BlockedLoop) -> str:
    coroutines = [hop.function for hop in blocked.blocking.way if hop.summary.is_async]
    cure = _ASYNC_SESSION.format(where=f", in `{coroutines[-1]}`," if coroutines else "")
    perhaps = _NOTHING_AWAITED.format(name=blocked.function.name) if blocked.needs_loop is None else ""
    return f"{perhaps}{cure}: {_MEANWHILE}"


def _told_apart(hop: Hop, name: str) -> str:
    """The name of a called function; a method's with its class where its caller has the same."""
    return hop.qualified if hop.function == name else hop.function
