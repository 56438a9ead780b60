"""A dict, list or set of a module or class must not keep something of every request."""

from __future__ import annotations

from collections.abc import Iterator

from sqla_leaklint.diagnostics import Applicability, Group
from sqla_leaklint.domain import Domain
from sqla_leaklint.domain.containers import Container
from sqla_leaklint.fixes.bounded_cache import bound_by_time
from sqla_leaklint.rules.base import Draft, Rule
from sqla_leaklint.rules.notes import REMOVE_AT_ITS_END, growth_of, with_trail

rule = Rule(
    code="LKS601",
    name="unbounded-cache",
    group=Group.LEAK,
    summary="a dict, list or set of a module or class keeps something of every request, and nothing takes it out",
    since="0.1.0",
    fix=(Applicability.DISPLAY,),
    noisy_outside_app=True,
)


@rule.check(Container)
def check(container: Container, domain: Domain) -> Iterator[Draft]:
    kept = next(container.kept(), None)
    if kept is None:
        return
    draft = rule.diagnostic(container.node, growth_of(container, kept)).with_help(_help(container))
    draft = with_trail(draft, domain, kept.trail.stops, kept.trail.entry, "puts it in")
    yield draft.with_fix(bound_by_time(container))


def _help(container: Container) -> str:
    if container.is_mapping and not container.may_forget:
        return REMOVE_AT_ITS_END
    if container.is_mapping:
        return "bound it (`cachetools.TTLCache(maxsize=…, ttl=…)`), or remove the entry when its owner is done"
    if container.is_set:
        return "discard the element when its owner is done, or keep what has to last in the database"
    return "bound it (`collections.deque(maxlen=…)`), or keep what has to last in the database"
