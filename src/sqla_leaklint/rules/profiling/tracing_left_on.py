"""The tracing of allocations is started with the program, and never ends."""

from __future__ import annotations

from collections.abc import Iterator

from sqla_leaklint.diagnostics import Group
from sqla_leaklint.domain import Domain
from sqla_leaklint.domain.profiling.tracing import TracingStart
from sqla_leaklint.rules.base import Draft, Rule

rule = Rule(
    code="LKS701",
    name="tracing-left-on",
    group=Group.WASTE,
    since="0.1.0",
    summary="`tracemalloc` is started with the program, with no switch round it: all of it gets slower and larger",
    noisy_outside_app=True,
)

_HELP = (
    "put a setting round it, or leave it out and start the process with `PYTHONTRACEMALLOC=1` on the day when a leak "
    "is looked for: traced, a program allocates at half its speed and takes a multiple of its memory"
)


@rule.check(TracingStart)
def check(start: TracingStart, domain: Domain) -> Iterator[Draft]:
    first, *between = start.way
    moment = "the import of this module" if first.function is None and not between else "the start of the program"
    draft = rule.diagnostic(start.node, f"`tracemalloc` traces every allocation from {moment} on").with_help(_HELP)
    if first.function is not None:
        place = domain.locate(first.module.path, first.function.qualname)
        draft = draft.with_note(place, "this runs whenever the program starts")
    for step in between[:-1]:
        assert step.function is not None
        draft = draft.with_note(domain.locate(step.module.path, step.function.qualname), "it calls this")
    yield draft
