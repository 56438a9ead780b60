"""A function that is memoised without a bound must not be called with what comes from outside."""

from __future__ import annotations

from collections.abc import Iterator

from sqla_leaklint.diagnostics import Applicability, Group
from sqla_leaklint.domain import Domain
from sqla_leaklint.domain.memoization import Memoized
from sqla_leaklint.fixes.bounded_memo import bound_by_number
from sqla_leaklint.rules.base import Draft, Rule
from sqla_leaklint.rules.notes import with_trail

rule = Rule(
    code="LKS602",
    name="unbounded-memoization",
    group=Group.LEAK,
    summary="`cache` or `lru_cache(maxsize=None)` keeps a result of every request",
    since="0.1.0",
    fix=(Applicability.UNSAFE,),
    noisy_outside_app=True,
)


@rule.check(Memoized)
def check(memoized: Memoized, domain: Domain) -> Iterator[Draft]:
    if not memoized.memoizer.bound.is_infinite or memoized.is_local or domain.evaluator.project.root is None:
        return
    fed = memoized.fed_from_outside()
    if fed is None or memoized.is_cleared:
        return
    parameter, trail = fed
    message = f"`{memoized.known_as}` keeps its result for every `{parameter}`, and never forgets one"
    draft = rule.diagnostic(memoized.node, message).with_help(
        "bound it by `lru_cache(maxsize=…)`: without a bound it keeps every argument and every result for as long as "
        "the process lives"
    )
    callers = [stop for stop in trail.stops if stop.function is not memoized.function]
    draft = with_trail(draft, domain, callers or trail.stops, trail.entry, "calls it" if callers else "is memoised")
    yield draft.with_fix(bound_by_number(memoized))
