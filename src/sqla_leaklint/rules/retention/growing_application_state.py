"""The state of an application must not keep something of every request."""

from __future__ import annotations

from collections.abc import Iterator

from sqla_leaklint.diagnostics import Group
from sqla_leaklint.domain import Domain
from sqla_leaklint.domain.containers import Container, GrowingState
from sqla_leaklint.rules.base import Draft, Rule
from sqla_leaklint.rules.notes import REMOVE_AT_ITS_END, growth_of, with_trail

rule = Rule(
    code="LKS606",
    name="growing-application-state",
    group=Group.LEAK,
    summary="`app.state`, a module's list or an object that lives as long as the process grows with every request",
    since="0.1.0",
    noisy_outside_app=True,
)


@rule.check(GrowingState)
def check(state: GrowingState, domain: Domain) -> Iterator[Draft]:
    container, kept = state.container, state.kept
    draft = rule.diagnostic(container.node, growth_of(container, kept)).with_help(_help(container))
    yield with_trail(draft, domain, kept.trail.stops, kept.trail.entry, "puts it in")


def _help(container: Container) -> str:
    if container.is_mapping and not container.may_forget:
        return f"it lives as long as the process: {REMOVE_AT_ITS_END}"
    if container.is_mapping or container.is_set:
        return (
            "it lives as long as the process: bound it (`cachetools.TTLCache(maxsize=…, ttl=…)`), remove the entry "
            "when its owner is done, or keep in `request.state` what only this request needs"
        )
    return (
        "it lives as long as the process: take out what has ended, bound it (`collections.deque(maxlen=…)`), count "
        "instead of collecting, or keep in `request.state` what only this request needs"
    )
