"""A generator that FastAPI runs as a dependency is run by hand, and not to its end."""

from __future__ import annotations

from collections.abc import Iterator

from sqla_leaklint.diagnostics import Applicability, Group
from sqla_leaklint.domain import Domain
from sqla_leaklint.domain.lifetimes import CutOffLoop, Remains, TakenSession
from sqla_leaklint.fixes.provider_block import enter_provider
from sqla_leaklint.rules.base import Draft, Rule
from sqla_leaklint.rules.notes import entering
from sqla_leaklint.semantic.events import Event

rule = Rule(
    code="LKS105",
    name="dependency-called-by-hand",
    group=Group.LEAK,
    since="0.1.0",
    summary="a session is taken out of a generator that nobody runs to its end",
    fix=(Applicability.UNSAFE,),
    noisy_outside_app=True,
)


@rule.check(TakenSession)
def check(taken: TakenSession, domain: Domain) -> Iterator[Draft]:
    acquisition, provider = taken.acquisition, taken.provider
    name = provider.qualname.rpartition(".")[2]
    place = domain.locate(provider.path, provider.qualname)
    if taken.is_mismatched:
        kind = "an async" if taken.is_async_provider else "not an async"
        draft = rule.diagnostic(acquisition.node, f"`{name}` is {kind} generator: this raises `TypeError`")
        draft = draft.with_help(f"write {entering(name, is_async=taken.is_async_provider)}")
        yield draft.with_note(place, f"`{name}` yields the session")
        return
    sql, exits = acquisition.first_sql, acquisition.leaking_exits
    if sql is None or acquisition.ends or not exits or acquisition.ends_with_process:
        return
    draft = rule.diagnostic(acquisition.node, f"the session of `{name}` is taken out by hand and never closed")
    draft = draft.with_help(
        f"write {entering(name, is_async=taken.is_async_provider)}: nobody holds the generator, so its end runs before "
        "the session is done with; the session opens again and keeps its connection until the cyclic collector runs"
    )
    draft = draft.with_note(place, f"`{name}` yields it, and is not run to its end")
    if isinstance(sql.act, Event):
        draft = draft.with_note(sql.act.node, "the first SQL takes a connection")
    draft = draft.with_note(exits[0], "the function is left here, with the connection in hand")
    yield draft if acquisition.remains is Remains.UNREAD else draft.with_fix(enter_provider(taken))


@rule.check(CutOffLoop)
def check_loop(loop: CutOffLoop, domain: Domain) -> Iterator[Draft]:
    name = loop.provider.qualname.rpartition(".")[2]
    draft = rule.diagnostic(loop.node.iter, f"`{name}` is left before it commits", group=Group.WASTE)
    draft = draft.with_help(
        f"write {entering(name, is_async=loop.node.is_async)}: a loop that is left closes the generator at its "
        "`yield`, so that what is not committed by then is rolled back"
    )
    draft = draft.with_note(loop.leaving, "the loop is left here")
    place = domain.locate(loop.provider.path, loop.provider.qualname)
    yield draft.with_note(place, f"`{name}` commits only when it is resumed")
