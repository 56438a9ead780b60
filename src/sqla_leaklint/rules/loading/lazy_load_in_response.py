"""A response model reads a relationship by one query for each row that is returned."""

from __future__ import annotations

from collections.abc import Iterator

from sqla_leaklint.diagnostics import Applicability, Group
from sqla_leaklint.domain import Domain
from sqla_leaklint.domain.loading.responses import ResponseRead
from sqla_leaklint.domain.rows.bounds import Bound, bound
from sqla_leaklint.fixes.relationship_loading import load_eagerly, options_for_reads
from sqla_leaklint.rules.base import Draft, Rule

rule = Rule(
    code="LKS303",
    name="lazy-load-in-response",
    group=Group.WASTE,
    summary="a response model reads a relationship by one query for each row",
    since="0.1.0",
    fix=(Applicability.UNSAFE,),
    noisy_outside_app=True,
)

MOST_NAMED = 4


@rule.check(ResponseRead)
def check(response: ResponseRead, domain: Domain) -> Iterator[Draft]:
    source = response.source
    if source.rows.is_async or (not source.path and bound(domain.evaluator, source.rows) is Bound.KEYED):
        return  # under asyncio a lazy load is no waste but an error; one row is asked once
    schema = response.schema
    names = list(dict.fromkeys(f"`{read.owner.name}.{read.relationship.name}`" for read in response.reads))
    verb = "is loaded by a query of its own" if len(names) == 1 else "are loaded by queries of their own"
    draft = (
        rule.diagnostic(response.node, f"{_listed(names)} {verb} for each row of the response")
        .with_help(f"load with the rows what the response needs, by `{options_for_reads(response.reads)}`")
        .with_note(domain.locate(schema.path, schema.qualname), f"`{schema.name}` reads that of every row")
    )
    load = response.load
    if load is not None and load.node is not response.node:
        draft = draft.with_note(load.node, "the rows are loaded here")
    if load is not None and source.start is not None:
        draft = draft.with_fix(load_eagerly(load, source.start, [read.path for read in response.reads]))
    yield draft


def _listed(names: list[str]) -> str:
    if len(names) > MOST_NAMED:
        return f"{', '.join(names[: MOST_NAMED - 1])} and {len(names) - MOST_NAMED + 1} more relationships"
    *others, last = names
    return f"{', '.join(others)} and {last}" if others else last
