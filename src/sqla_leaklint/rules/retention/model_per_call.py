"""A call must not leave a table behind in the metadata that all share."""

from __future__ import annotations

from collections.abc import Iterator

from sqla_leaklint.diagnostics import Group
from sqla_leaklint.domain import Domain
from sqla_leaklint.domain.per_call.tables import TablePerCall
from sqla_leaklint.rules.base import Draft, Rule
from sqla_leaklint.rules.notes import with_calls

rule = Rule(
    code="LKS608",
    name="model-per-call",
    group=Group.LEAK,
    summary="every call defines a table or mapped class on a `MetaData` that all share, which keeps it",
    since="0.1.0",
    noisy_outside_app=True,
)


@rule.check(TablePerCall)
def check(table: TablePerCall, domain: Domain) -> Iterator[Draft]:
    function = table.trail.stops[0].function.name
    what = f"`{table.name}`" if table.name else "a mapped class" if table.is_class else "a table"
    if table.is_extended:
        message = f"every call of `{function}` defines {what} once more on a shared `MetaData`, and its table grows"
    else:
        message = f"every call of `{function}` adds {what} to a shared `MetaData`, which never lets its table go"
    draft = rule.diagnostic(table.node, message)
    draft = draft.with_help(
        "define it once, at module level; where it has to be another one each time, give it a `MetaData()` of its own"
    )
    yield with_calls(draft, domain, table.trail)
