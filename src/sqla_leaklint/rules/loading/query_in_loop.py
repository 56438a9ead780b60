"""A loop over the rows of a query sends another query in every round."""

from __future__ import annotations

from collections.abc import Iterator

from sqla_leaklint.diagnostics import Group
from sqla_leaklint.domain import Domain
from sqla_leaklint.domain.rows.repeated_queries import RepeatedQuery, Repetition
from sqla_leaklint.rules.base import Draft, Rule

rule = Rule(
    code="LKS302",
    name="query-in-loop",
    group=Group.WASTE,
    since="0.1.0",
    summary="a loop over the rows of a query sends another query for each of them",
    noisy_outside_app=True,
)

_ONE_FOR_ALL = "load what all rows need in one statement: a join, `IN` over their keys, or an eager relationship"
_HOIST = "hoist it: send it once, above the loop"


@rule.check(RepeatedQuery)
def check(query: RepeatedQuery, domain: Domain) -> Iterator[Draft]:
    rows = " or ".join(f"`{model.name}`" for model in query.loop.source.models)
    if query.kind is Repetition.INVARIANT:
        message, help_text = f"the same query is sent again for each {rows} of a loop", _HOIST
    elif query.way:
        message, help_text = f"`{query.way[0].function}` sends a query for each {rows} of a loop", _ONE_FOR_ALL
    else:
        message, help_text = f"a query is sent for each {rows} of a loop", _ONE_FOR_ALL
    draft = rule.diagnostic(query.node, message).with_help(help_text)
    load = query.loop.load
    what = (
        "the loop goes through the rows of this query" if load is not None else "the loop goes through a query's rows"
    )
    draft = draft.with_note(load.node if load is not None else query.loop.node.iter, what)
    for hop, following in zip(query.way, query.way[1:], strict=False):
        draft = draft.with_note(hop.place, f"`{hop.function}` calls `{following.function}`")
    if query.way:
        draft = draft.with_note(query.way[-1].place, f"`{query.way[-1].function}` sends the query")
    yield draft
