"""A registry's session that nobody removes when the thread's, task's or endpoint's work is done."""

from __future__ import annotations

from collections.abc import Iterator

from sqla_leaklint.diagnostics import Applicability, Group
from sqla_leaklint.domain import Domain
from sqla_leaklint.domain.lifetimes import Remains
from sqla_leaklint.domain.registries import UnremovedRegistry
from sqla_leaklint.fixes import PendingFix
from sqla_leaklint.fixes.finally_block import removed_in_finally
from sqla_leaklint.rules.base import Draft, Rule

rule = Rule(
    code="LKS110",
    name="scoped-session-not-removed",
    group=Group.LEAK,
    since="0.1.0",
    summary="a `scoped_session` is used in a thread, task or endpoint, and its session is never removed",
    fix=(Applicability.UNSAFE,),
    noisy_outside_app=True,
)


@rule.check(UnremovedRegistry)
def check(unremoved: UnremovedRegistry, domain: Domain) -> Iterator[Draft]:
    draft = rule.diagnostic(unremoved.node, _message(unremoved)).with_help(_help(unremoved))
    draft = draft.with_note(unremoved.handed_over_by, "this hands the function over")
    draft = draft.with_note(unremoved.leaving, "the function is left here, with a connection in the session's hands")
    yield draft.with_fix(_fix(unremoved))


def _message(unremoved: UnremovedRegistry) -> str:
    name = f"`{unremoved.name}`" if unremoved.name else "a registry"
    if unremoved.place is None:
        return f"{name} is a registry of this function's own, and never removed"
    if unremoved.is_closed:
        return f"{name} is closed in {unremoved.place.where.value}, but never removed"
    return f"{name} is used in {unremoved.place.where.value} and never removed"


def _help(unremoved: UnremovedRegistry) -> str:
    if unremoved.place is None:
        return (
            "call its `remove()` in `finally`: given up as it is, its session keeps a connection until the cyclic "
            "collector runs, and under load requests end in `QueuePool limit … reached`"
        )
    if unremoved.registry.is_async:
        return (
            f"await `{unremoved.name}.remove()` in `finally`: the registry keeps a session for every task that ever "
            "ran, closed or not, and one that is not closed keeps its connection, too"
        )
    return (
        f"call `{unremoved.name}.remove()` in `finally`: the registry keeps the session for the thread, with it the "
        "connection, `idle in transaction`, and so every thread of a pool takes one out of the connection pool for good"
    )


def _fix(unremoved: UnremovedRegistry) -> PendingFix | None:
    """Remove it whatever happens; whether somebody needs its objects afterwards is not known, so that is unsafe."""
    if unremoved.registry.is_async is not unremoved.function.is_async or unremoved.remains is Remains.UNREAD:
        return None
    return removed_in_finally(unremoved)
