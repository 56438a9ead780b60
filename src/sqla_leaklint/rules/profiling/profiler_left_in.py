"""A profiler's decorator that was left on a function of the program."""

from __future__ import annotations

from collections.abc import Iterator

from sqla_leaklint.diagnostics import Applicability, Group
from sqla_leaklint.domain import Domain
from sqla_leaklint.domain.profiling.profiled import ProfiledFunction
from sqla_leaklint.domain.unused_imports import removable_import
from sqla_leaklint.fixes.pending import PendingFix
from sqla_leaklint.fixes.unused import remove_decorators
from sqla_leaklint.rules.base import Draft, Rule

rule = Rule(
    code="LKS702",
    name="profiler-left-in",
    group=Group.WASTE,
    since="0.1.0",
    summary="a profiler's decorator was left on a function: each of its lines is measured, whenever it runs",
    fix=(Applicability.SAFE,),
    noisy_outside_app=True,
)

_HELP = {
    "memory_profiler": (
        "take the decorator off: it asks the system for the process's memory before each line, and prints a table "
        "after each call; `python -m memory_profiler` and `mprof run` measure without a change of the program"
    ),
    "line_profiler": (
        "take the decorator off, or use `from line_profiler import profile`, which does nothing unless the environment "
        "variable `LINE_PROFILE` is set"
    ),
}


@rule.check(ProfiledFunction)
def check(profiled: ProfiledFunction, domain: Domain) -> Iterator[Draft]:
    name = profiled.function.name
    draft = rule.diagnostic(
        profiled.decorator, f"`{name}` runs under `{profiled.package}`: each line of it is measured"
    )
    yield draft.with_help(_HELP[profiled.package]).with_fix(_fix(profiled, domain))


def _fix(profiled: ProfiledFunction, domain: Domain) -> PendingFix:
    """One fix for all functions below the same decorator, so that the import can go with them."""
    alike = tuple(each.decorator for each in domain.subjects(ProfiledFunction) if each.bound == profiled.bound)
    unused = removable_import(domain, profiled.bound, profiled.package, alike)
    return remove_decorators(alike, unused, profiled.bound, f"remove the decorator of `{profiled.package}`")
