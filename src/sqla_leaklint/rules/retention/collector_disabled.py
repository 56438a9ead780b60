"""The cyclic garbage collector is switched off, and with it what gives back forgotten sessions."""

from __future__ import annotations

from collections.abc import Iterator

from sqla_leaklint.diagnostics import Group
from sqla_leaklint.domain import Domain
from sqla_leaklint.domain.collector.disabled import FREEZE, THRESHOLD, DisabledCollector
from sqla_leaklint.rules.base import Draft, Rule

rule = Rule(
    code="LKS612",
    name="collector-disabled",
    group=Group.LEAK,
    since="0.1.0",
    summary="the cyclic collector is switched off: a session that is not closed never gives its connection back",
    noisy_outside_app=True,
)

_OFF = (
    "leave it on, or collect at moments of your own (`gc.collect()` between requests); a higher `gc.set_threshold(…)`, "
    "and one `gc.freeze()` when everything is imported, make it cheap"
)
_FROZEN = "freeze once, when everything is imported: what is garbage at that moment is never freed"


@rule.check(DisabledCollector)
def check(disabled: DisabledCollector, domain: Domain) -> Iterator[Draft]:
    if disabled.path == FREEZE:
        message = (
            "`gc.freeze()` runs again and again: sessions that are not closed by then never give back their connection"
        )
        draft = rule.diagnostic(disabled.node, message).with_help(_FROZEN)
    else:
        call = "gc.set_threshold(0)" if disabled.path == THRESHOLD else "gc.disable()"
        message = f"`{call}` switches the collector off: a session that is not closed never gives its connection back"
        draft = rule.diagnostic(disabled.node, message).with_help(_OFF)
    first, *others = disabled.way
    if others and first.function is not None:
        draft = draft.with_note(domain.locate(first.module.path, first.function.qualname), "this leads to it")
    yield draft
