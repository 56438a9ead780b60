"""An engine, with a pool of its own, that is made for every request and left behind."""

from __future__ import annotations

from collections.abc import Iterator

from sqla_leaklint.diagnostics import Applicability, Group
from sqla_leaklint.domain import Domain
from sqla_leaklint.domain.engines import EnginePerCall
from sqla_leaklint.fixes.hoisting import hoist
from sqla_leaklint.rules.base import Draft, Rule
from sqla_leaklint.rules.notes import OFTEN, with_factory, with_way

rule = Rule(
    code="LKS501",
    name="engine-per-call",
    group=Group.LEAK,
    since="0.1.0",
    summary="an engine is made for every request, event or task and never disposed of",
    fix=(Applicability.DISPLAY,),
    noisy_outside_app=True,
)


@rule.check(EnginePerCall)
def check(made: EnginePerCall, domain: Domain) -> Iterator[Draft]:
    if made.entry is None:
        return
    often = OFTEN[made.entry]
    subject = f"`{made.name}`" if made.name is not None else "an engine"
    draft = rule.diagnostic(made.node, f"{subject} is made {often}, and never disposed of")
    draft = draft.with_help(
        "make one engine for the application, or dispose of this one in `finally`: its pool keeps a connection to the "
        "server open until the cyclic collector runs, and under load the server answers `too many clients already`"
    )
    draft = with_factory(draft, domain, made.opening)
    draft = with_way(draft, domain, made.way, made.body.qualname)
    yield draft.with_fix(hoist(domain, made.body, made.event.stmt))
