"""An async engine that the application keeps, and that nobody disposes of when it ends."""

from __future__ import annotations

from collections.abc import Iterator

from sqla_leaklint.diagnostics import Group
from sqla_leaklint.domain import Domain
from sqla_leaklint.domain.engines import UndisposedEngine
from sqla_leaklint.rules.base import Draft, Rule

rule = Rule(
    code="LKS505",
    name="engine-not-disposed",
    group=Group.STRICT,
    since="0.1.0",
    summary="an async engine outlives the event loop of its application: nobody disposes of it",
    noisy_outside_app=True,
)


@rule.check(UndisposedEngine)
def check(engine: UndisposedEngine, _domain: Domain) -> Iterator[Draft]:
    yield rule.diagnostic(engine.node, f"`{engine.kept.name}` is never disposed of").with_help(
        f"`await {engine.kept.name}.dispose()` at the end of the lifespan: its connections belong to an event loop, "
        "stay open at the server when the application has ended, and fail in the next loop of the process"
    )
