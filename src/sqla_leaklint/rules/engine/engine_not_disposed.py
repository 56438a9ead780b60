"""An engine is not disposed of in time: when its application ends, or before a forked process uses it."""

from __future__ import annotations

from collections.abc import Iterator

from sqla_leaklint.diagnostics import Group
from sqla_leaklint.domain import Domain
from sqla_leaklint.domain.engines import ForkedEngine, UndisposedEngine
from sqla_leaklint.rules.base import Draft, Rule

rule = Rule(
    code="LKS505",
    name="engine-not-disposed",
    group=Group.STRICT,
    since="0.1.0",
    summary="an engine outlives the event loop of its application, or is shared with a forked process",
    noisy_outside_app=True,
)


@rule.check(UndisposedEngine)
def check(engine: UndisposedEngine, _domain: Domain) -> Iterator[Draft]:
    yield rule.diagnostic(engine.node, f"`{engine.kept.name}` is never disposed of").with_help(
        f"`await {engine.kept.name}.dispose()` at the end of the lifespan: its connections belong to an event loop, "
        "stay open at the server when the application has ended, and fail in the next loop of the process"
    )


@rule.check(ForkedEngine)
def check_forked(forked: ForkedEngine, domain: Domain) -> Iterator[Draft]:
    name, child = forked.name, forked.child.qualname.rpartition(".")[2]
    draft = rule.diagnostic(
        forked.node, f"`{name}` has a connection when this process is forked, and `{child}` would use the same one"
    )
    draft = draft.with_note(forked.used, "the connection is taken here, and lies in the pool afterwards")
    draft = draft.with_note(
        domain.locate(forked.child.path, forked.child.qualname), f"`{child}` runs in the new process"
    )
    yield draft.with_help(
        f"`{name}.dispose(close=False)` first thing in the new process, which leaves the connections to the old one, "
        "or start it by `spawn` (fork is what Linux does before Python 3.14)"
    )
