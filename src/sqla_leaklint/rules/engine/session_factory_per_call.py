"""A session factory, or a registry, that is made for every request and used at once."""

from __future__ import annotations

from collections.abc import Iterator

from sqla_leaklint.diagnostics import Applicability, Group
from sqla_leaklint.domain import Domain
from sqla_leaklint.domain.engines import FactoryPerCall
from sqla_leaklint.fixes.hoisting import hoist
from sqla_leaklint.rules.base import Draft, Rule
from sqla_leaklint.rules.notes import with_way

rule = Rule(
    code="LKS503",
    name="session-factory-per-call",
    group=Group.STRICT,
    since="0.1.0",
    summary="a session factory or registry is made for every request, event or task, and used at once",
    fix=(Applicability.DISPLAY,),
    noisy_outside_app=True,
)

_FACTORY = "make one factory for the module: it is made for an engine, and its sessions for a request"
_REGISTRY = (
    "make one registry for the module: it gives a thread or task its session only if everybody asks the same registry"
)


@rule.check(FactoryPerCall)
def check(made: FactoryPerCall, domain: Domain) -> Iterator[Draft]:
    what = "registry" if made.is_registry else "session factory"
    subject = f"`{made.name}`, a {what}," if made.name is not None else f"a {what}"
    draft = rule.diagnostic(made.node, f"{subject} is made anew by every call")
    draft = draft.with_help(_REGISTRY if made.is_registry else _FACTORY)
    draft = with_way(draft, domain, made.way, made.body.qualname)
    yield draft.with_fix(hoist(domain, made.body, made.event.stmt))
