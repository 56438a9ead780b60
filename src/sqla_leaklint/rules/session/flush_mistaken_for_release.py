"""A flush or a collection that is to free rows, in a loop that only reads them."""

from __future__ import annotations

from collections.abc import Iterator

from sqla_leaklint.diagnostics import Applicability, Group
from sqla_leaklint.domain import Domain
from sqla_leaklint.domain.writes.idle_flushes import IdleFlush
from sqla_leaklint.fixes.removal import remove_call
from sqla_leaklint.rules.base import Draft, Rule
from sqla_leaklint.syntax.tree import Stmt

rule = Rule(
    code="LKS112",
    name="flush-mistaken-for-release",
    group=Group.STRICT,
    since="0.1.0",
    summary="a flush or `gc.collect()` in a loop that only reads rows: it frees nothing",
    fix=(Applicability.UNSAFE,),
    noisy_outside_app=True,
)

_HELP = (
    "leave it out: a session refers to rows that are only read weakly, so that a row is freed as soon as the program "
    "lets go of it; what keeps memory small is `yield_per`, and not to collect the rows"
)


@rule.check(IdleFlush)
def check(flush: IdleFlush, domain: Domain) -> Iterator[Draft]:
    name = "gc.collect()" if flush.is_collection else "flush()"
    effect = "the rows of this loop are in no cycle" if flush.is_collection else "nothing is written in this loop"
    draft = rule.diagnostic(flush.node, f"`{name}` frees nothing: {effect}").with_help(_HELP)
    draft = draft.with_note(flush.loop.iter, "the rows come from here, and are only read")
    yield draft.with_fix(remove_call(flush.body, flush.event.stmt, _others(flush, domain), f"leave out `{name}`"))


def _others(flush: IdleFlush, domain: Domain) -> list[Stmt | None]:
    """The statements that go for the same reason."""
    return [other.event.stmt for other in domain.subjects(IdleFlush) if other.body is flush.body]
