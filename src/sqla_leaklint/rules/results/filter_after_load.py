"""All rows are loaded, and Python keeps a part of them, one figure, or whether a value is among them."""

from __future__ import annotations

from collections.abc import Iterator

from sqla_leaklint.diagnostics import Applicability, Group
from sqla_leaklint.domain import Domain
from sqla_leaklint.domain.mapped.models import Model
from sqla_leaklint.domain.rows.bounds import Bound
from sqla_leaklint.domain.rows.filtering import NarrowedLoad
from sqla_leaklint.domain.rows.membership import Membership
from sqla_leaklint.domain.rows.queries import Load
from sqla_leaklint.fixes.filtering import filter_rows
from sqla_leaklint.rules.base import Draft, Rule

rule = Rule(
    code="LKS206",
    name="filter-after-load",
    group=Group.WASTE,
    summary="all rows are loaded, and Python keeps a part of them, one figure, or whether a value is among them",
    since="0.1.0",
    fix=(Applicability.DISPLAY,),
    noisy_outside_app=True,
)

_DONE = {"sum": "summed up", "min": "searched for the least", "max": "searched for the greatest"}


@rule.check(NarrowedLoad)
def check(narrowed: NarrowedLoad, domain: Domain) -> Iterator[Draft]:
    load, model = narrowed.load, narrowed.load.entity
    assert model is not None
    rows = _rows(load, model)
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


@rule.check(Membership)
def check_membership(membership: Membership, domain: Domain) -> Iterator[Draft]:
    load, model, column = membership.load, membership.model, membership.column
    draft = rule.diagnostic(load.node, f"{_rows(load, model)} is loaded, and only searched for a value of `{column}`")
    for look in membership.looks:
        draft = draft.with_note(look.node if look.domain is domain else look.location, "searched here")
    yield draft.with_help(_where(f"{model.name}.{column}", {look.is_for_some for look in membership.looks}))


def _where(column: str, are_for_some: set[bool]) -> str:
    """How the database looks for a value, for some, or for either."""
    if are_for_some == {True}:
        return f"let the database look for them: select or count those with `.where({column}.in_(…))`"
    if are_for_some == {False}:
        return f"let the database look for it: `select(exists().where({column} == …))`"
    return f"let the database look for them: `.where({column} == …)` for one, `.where({column}.in_(…))` for some"


def _rows(load: Load, model: Model) -> str:
    """The rows, as the subject of a message."""
    if load.bound is Bound.NONE:
        return f"every row of `{model.table or model.name}`"
    return f"every `{model.name}` that the filter lets through"
