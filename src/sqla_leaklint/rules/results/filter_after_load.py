"""All rows are loaded, and Python keeps a part of them, or one figure."""

from __future__ import annotations

from collections.abc import Iterator

from sqla_leaklint.diagnostics import Applicability, Group
from sqla_leaklint.domain import Domain
from sqla_leaklint.domain.rows.bounds import Bound
from sqla_leaklint.domain.rows.filtering import NarrowedLoad
from sqla_leaklint.fixes.filtering import filter_rows
from sqla_leaklint.rules.base import Draft, Rule

rule = Rule(
    code="LKS206",
    name="filter-after-load",
    group=Group.WASTE,
    summary="all rows are loaded, and Python keeps a part of them, or one figure",
    since="0.1.0",
    fix=(Applicability.DISPLAY,),
    noisy_outside_app=True,
)

_DONE = {"sum": "summed up", "min": "searched for the least", "max": "searched for the greatest"}


@rule.check(NarrowedLoad)
def check(narrowed: NarrowedLoad, domain: Domain) -> Iterator[Draft]:
    load, model = narrowed.load, narrowed.load.entity
    assert model is not None
    rows = f"every row of `{model.table or model.name}`"
    if load.bound is not Bound.NONE:
        rows = f"every `{model.name}` that the filter lets through"
    columns = ", ".join(f"`{name}`" for name in narrowed.columns)
    if narrowed.figure:
        last = f"`{narrowed.columns[-1]}`"
        yield (
            rule.diagnostic(load.node, f"{rows} is loaded, and only {last} is {_DONE[narrowed.figure]}")
            .with_note(narrowed.node, "reckoned here")
            .with_help(f"let the database reckon it: `func.{narrowed.figure}({model.name}.{narrowed.columns[-1]})`")
        )
        return
    yield (
        rule.diagnostic(load.node, f"{rows} is loaded, and a part of them kept by {columns}")
        .with_note(narrowed.node, "kept here")
        .with_help("put the test in the query, as `.filter(…)`" if load.is_legacy else "put the test in `.where(…)`")
        .with_fix(filter_rows(narrowed))
    )
