"""A full run of the garbage collector for every request, event or task."""

from __future__ import annotations

from collections.abc import Iterator

from sqla_leaklint.diagnostics import Applicability, Group
from sqla_leaklint.domain import Domain
from sqla_leaklint.domain.application.entries import Entry
from sqla_leaklint.domain.collector.forced import ForcedCollection
from sqla_leaklint.domain.unused_imports import removable_import
from sqla_leaklint.fixes.pending import PendingFix
from sqla_leaklint.fixes.removal import remove_call
from sqla_leaklint.fixes.unused import with_import
from sqla_leaklint.rules.base import Draft, Rule
from sqla_leaklint.syntax.tree import Stmt

rule = Rule(
    code="LKS703",
    name="forced-collection",
    group=Group.STRICT,
    since="0.1.0",
    summary="`gc.collect()` runs for every request, event or task, and looks through the whole process each time",
    fix=(Applicability.UNSAFE,),
    noisy_outside_app=True,
)

_HELP = (
    "leave it out: what is in no cycle is freed without it, at once; what is in one is freed when the collector comes "
    "by itself; and what something still refers to, it frees neither"
)


@rule.check(ForcedCollection)
def check(collection: ForcedCollection, domain: Domain) -> Iterator[Draft]:
    entry = collection.trail.entry or Entry.REQUEST
    draft = rule.diagnostic(
        collection.node, f"`gc.collect()` runs {entry.value}, and looks through all objects of the process"
    ).with_help(_HELP)
    _, *others = collection.trail.stops
    for stop in others[:-1]:
        draft = draft.with_note(domain.locate(stop.module.path, stop.function.qualname), "it calls this")
    for stop in others[-1:]:
        draft = draft.with_note(domain.locate(stop.module.path, stop.function.qualname), f"this runs {entry.value}")
    yield draft.with_fix(_fix(collection, domain))


def _fix(collection: ForcedCollection, domain: Domain) -> PendingFix | None:
    """Leave out the call, unless somebody uses the number that it returns."""
    if collection.is_used:
        return None
    node = collection.node
    others: list[Stmt | None] = [
        other.event.stmt for other in domain.subjects(ForcedCollection) if other.body is collection.body
    ]
    fix = remove_call(collection.body, collection.event.stmt, others, "leave out `gc.collect()`")
    return with_import(fix, removable_import(domain, collection.bound, "gc", (node,)), collection.bound)
