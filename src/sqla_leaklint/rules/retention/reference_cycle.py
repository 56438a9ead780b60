"""Objects that refer to each other are freed by the cyclic collector alone."""

from __future__ import annotations

from collections.abc import Iterator

from sqla_leaklint.diagnostics import Applicability, Group
from sqla_leaklint.domain import Domain
from sqla_leaklint.domain.collector.cycles import ReferenceCycle
from sqla_leaklint.domain.collector.disabled import is_off_in_project
from sqla_leaklint.fixes.pending import PendingFix
from sqla_leaklint.fixes.weak_reference import weak_back_reference
from sqla_leaklint.rules.base import Draft, Rule

rule = Rule(
    code="LKS609",
    name="reference-cycle",
    group=Group.STRICT,
    since="0.1.0",
    summary="two objects refer to each other: they are freed late, by the cyclic collector",
    fix=(Applicability.DISPLAY,),
    noisy_outside_app=True,
)

_HELP = (
    "no leak as long as the collector runs; where such objects are large or many, make one reference weak "
    "(`weakref.ref`), by which the part does not keep the whole, or let go of one when you are done"
)


@rule.check(ReferenceCycle)
def check(cycle: ReferenceCycle, domain: Domain) -> Iterator[Draft]:
    if cycle.owner == cycle.part:
        pair = f"objects of `{cycle.owner.name}` refer to each other (`{cycle.attribute}`, `{cycle.back}`)"
    else:
        pair = f"`{cycle.owner.name}.{cycle.attribute}` and `{cycle.part.name}.{cycle.back}` refer to each other"
    late = "they are freed late, by the cyclic collector"
    never = "they are never freed, since the collector is switched off"
    draft = rule.diagnostic(cycle.node, f"{pair}: {never if is_off_in_project(domain) else late}").with_help(_HELP)
    if cycle.parameter:
        place = domain.locate(cycle.part.path, f"{cycle.part.qualname}.__init__")
        draft = draft.with_note(place, f"it keeps `{cycle.parameter}` in `{cycle.back}`")
    yield draft.with_fix(_fix(cycle, domain))


def _fix(cycle: ReferenceCycle, domain: Domain) -> PendingFix | None:
    """A weak reference back, where the part's `__init__` is of this module."""
    if not cycle.parameter or cycle.part.path != domain.module.path:
        return None
    constructor = domain.module.executor.bodies.get(f"{cycle.part.qualname}.__init__")
    if constructor is None:
        return None
    return weak_back_reference(domain, constructor, cycle.back, f"refer to `{cycle.parameter}` weakly")
