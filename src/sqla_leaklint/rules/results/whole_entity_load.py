"""Whole entities are loaded for the sake of a few of their columns."""

from __future__ import annotations

from collections.abc import Iterator

from sqla_leaklint.diagnostics import Applicability, Group
from sqla_leaklint.domain import Domain
from sqla_leaklint.domain.lifetimes.process import is_of_one_run
from sqla_leaklint.domain.loading.eager import loaded_by_model
from sqla_leaklint.domain.mapped.columns import Relationship
from sqla_leaklint.domain.mapped.models import Model
from sqla_leaklint.domain.rows.bounds import Bound
from sqla_leaklint.domain.rows.filtering import NarrowedLoad
from sqla_leaklint.domain.rows.membership import Membership
from sqla_leaklint.domain.rows.queries import Load
from sqla_leaklint.domain.rows.usage import Deal, Usage
from sqla_leaklint.fixes import PendingFix
from sqla_leaklint.fixes.column_selection import select_columns
from sqla_leaklint.fixes.loader_options import load_only
from sqla_leaklint.knowledge.facts import Fetch, LoadStrategy, Role
from sqla_leaklint.rules.base import Draft, Rule

rule = Rule(
    code="LKS202",
    name="whole-entity-load",
    group=Group.WASTE,
    summary="whole entities are loaded for a few of their columns",
    since="0.1.0",
    fix=(Applicability.UNSAFE,),
    noisy_outside_app=True,
)

MOST_READ = 3
MOST_NAMED = 4


@rule.check(Load)
def check(load: Load, domain: Domain) -> Iterator[Draft]:
    model = load.entity
    if model is None or load.rows.consumer.fetch not in {Fetch.ALL_ROWS, Fetch.SOME_ROWS, Fetch.FIRST, Fetch.ONE}:
        return
    if load.has_step(Role.LOADS, Role.LOCKS, Role.SOURCES, Role.COMBINES, Role.WRITES, Role.RETURNING):
        return  # options say already what is wanted; a lock wants the row
    if not (model.is_wide or model.large):
        return
    usage = load.usage
    read = _columns_read(usage, model)
    if not read or len(read) > MOST_READ or not usage.is_fully_seen:
        return
    unread = [column.name for column in model.large if column.name not in read]
    if not unread and (not model.is_wide or model.is_lookup):
        return
    if (load.is_one_row or load.bound is Bound.KEYED) and not any(column.name in unread for column in model.binary):
        return  # one row costs little, unless it holds something large
    if any(narrowed.load is load and narrowed.figure for narrowed in domain.subjects(NarrowedLoad)):
        return  # the database reckons it: no row is wanted at all
    if any(membership.load is load for membership in domain.subjects(Membership)):
        return  # likewise: it looks for it
    columns = [name for name in model.columns if name in read]
    group = Group.STRICT if is_of_one_run(domain, load.body) else Group.WASTE
    along = loaded_by_model(model)
    draft = (
        rule.diagnostic(load.node, _message(load, model, columns, unread), group=group)
        .with_help(_help(along))
        .with_note(domain.locate(model.cls.path, model.cls.qualname), f"`{model.name}` has {len(model.loaded)} columns")
        .with_fix(_fix(load, model, columns))
    )
    for relationship in along[:1]:
        how = "by a join" if relationship.strategy is LoadStrategy.JOINED else "by queries of its own"
        place = domain.locate_attribute(model.cls, relationship.name)
        draft = draft.with_note(place, f"`{relationship.name}` is loaded with every `{model.name}`, {how}")
    yield draft


def _help(along: list[Relationship]) -> str:
    """What to do; `along` are the relationships that come with whole entities, with a part of their columns as well."""
    if not along:
        return "select the columns that are read, or load only these with `load_only(…)`"
    named = ", ".join(f"`{each.name}`" for each in along[:MOST_NAMED]) + (", …" if len(along) > MOST_NAMED else "")
    return f"select the columns that are read: that spares {named} too, which `load_only(…)` would still load"


def _fix(load: Load, model: Model, read: list[str]) -> PendingFix | None:
    """Select the columns where rows will do, those that are only compared included; else load only what is read."""
    compared = {use.name for use in load.usage.of(Deal.COMPARED)}
    selected = select_columns(load, [name for name in model.columns if name in compared.union(read)])
    return selected or load_only(load, read)


def _columns_read(usage: Usage, model: Model) -> frozenset[str]:
    """The columns that are read; none when something else than columns is."""
    read = usage.attributes
    compared = frozenset(use.name for use in usage.of(Deal.COMPARED))
    if read:
        compared -= model.primary_key  # to ask which row it is needs nothing that a row does not bring
    read |= compared
    return (
        read
        if read <= model.columns.keys() and not any(model.columns[name].is_deferred for name in read)
        else frozenset()
    )


def _message(load: Load, model: Model, columns: list[str], unread: list[str]) -> str:
    is_one = load.is_one_row
    subject = f"a whole `{model.name}` is" if is_one else f"whole `{model.name}` entities are"
    large = ""
    if unread:
        named = ", ".join(f"`{name}`" for name in unread[:MOST_NAMED]) + (", …" if len(unread) > MOST_NAMED else "")
        large = f", {len(unread)} of them large ({named})" if len(unread) > 1 else f", one of them large ({named})"
    read = ", ".join(f"`{name}`" for name in columns)
    verb = "is" if len(columns) == 1 else "are"
    return f"{subject} loaded, {len(model.loaded)} columns{large}, and only {read} {verb} read"
