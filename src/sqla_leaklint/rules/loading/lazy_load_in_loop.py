"""A relationship is loaded by one query for each row of a loop."""

from __future__ import annotations

from collections.abc import Iterator

from sqla_leaklint.diagnostics import Applicability, Group
from sqla_leaklint.domain import Domain
from sqla_leaklint.domain.loading.relationship_reads import RelationshipRead
from sqla_leaklint.domain.rows.bounds import Bound, bound
from sqla_leaklint.fixes.relationship_loading import load_with_rows, options_for_reads
from sqla_leaklint.rules.base import Draft, Rule

rule = Rule(
    code="LKS301",
    name="lazy-load-in-loop",
    group=Group.WASTE,
    summary="a relationship is loaded by one query for each row of a loop",
    since="0.1.0",
    fix=(Applicability.UNSAFE,),
    noisy_outside_app=True,
)


@rule.check(RelationshipRead)
def check(read: RelationshipRead, domain: Domain) -> Iterator[Draft]:
    if read.is_async or not read.is_query_each:
        return  # under asyncio a lazy load is no waste but an error
    if not read.source.path and bound(domain.evaluator, read.source.rows) is Bound.KEYED:
        return  # one row
    draft = rule.diagnostic(read.node, _message(read)).with_help(
        f"load it with the rows, by `{options_for_reads([read])}`"
    )
    if read.reader is not None:
        draft = draft.with_note(read.read_at, f"`{read.relationship.name}` is read here")
    load = read.load
    if load is not None:
        draft = draft.with_note(load.node, "the rows are loaded here, without it")
    yield draft.with_fix(load_with_rows(read))


def _message(read: RelationshipRead) -> str:
    name = f"`{read.owner.name}.{read.relationship.name}`"
    if read.reader is not None:
        name += f", which `{read.reader.qualname}` reads,"
    if read.may_be_looked_up:
        inner = read.relationship.name
        return f"{name} is loaded in the loop, by a query of its own for each row whose `{inner}` is not loaded yet"
    return f"{name} is loaded by a query of its own for each row of the loop"
