"""A call must not leave an event listener behind in an engine, factory or class."""

from __future__ import annotations

from collections.abc import Iterator

from sqla_leaklint.diagnostics import Group
from sqla_leaklint.domain import Domain
from sqla_leaklint.domain.per_call.listeners import ListenerPerCall
from sqla_leaklint.rules.base import Draft, Rule
from sqla_leaklint.rules.notes import with_calls

rule = Rule(
    code="LKS607",
    name="listener-per-call",
    group=Group.LEAK,
    summary="every call adds an event listener to an engine, factory or class, and never removes it",
    since="0.1.0",
    noisy_outside_app=True,
)


@rule.check(ListenerPerCall)
def check(listener: ListenerPerCall, domain: Domain) -> Iterator[Draft]:
    what = f"another `{listener.name}`" if listener.name else "another listener"
    function = listener.trail.stops[0].function.name
    message = f"every call of `{function}` adds {what} to `{listener.target}`, and none is ever removed"
    draft = rule.diagnostic(listener.node, message)
    draft = draft.with_help(
        "add a function of module level, once, where the module makes the engine or factory, or take this one away "
        "with `event.remove(…)` in a `finally`: all of them are kept, and all of them run for every event"
    )
    yield with_calls(draft, domain, listener.trail)
