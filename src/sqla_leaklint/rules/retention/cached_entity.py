"""An entity that the process keeps is detached as soon as its session is closed."""

from __future__ import annotations

from collections.abc import Iterator

from sqla_leaklint.diagnostics import Group
from sqla_leaklint.domain import Domain
from sqla_leaklint.domain.kept_entities import KeptEntity
from sqla_leaklint.domain.kept_entities.subjects import Place
from sqla_leaklint.domain.mapped.columns import Column, Relationship
from sqla_leaklint.rules.base import Draft, Rule
from sqla_leaklint.rules.notes import with_trail

rule = Rule(
    code="LKS605",
    name="cached-entity",
    group=Group.LEAK,
    summary="a module, class, application or memo keeps entities beyond their session",
    since="0.1.0",
    noisy_outside_app=True,
)

_ACTS = {
    Place.CONTAINER: "puts it in",
    Place.NAME: "stores it",
    Place.ATTRIBUTE: "stores it",
    Place.MEMO: "returns it",
}


@rule.check(KeptEntity)
def check(kept: KeptEntity, domain: Domain) -> Iterator[Draft]:
    model = kept.detached.model
    draft = rule.diagnostic(kept.node, f"`{kept.name}` keeps `{model.name}` entities beyond their session")
    draft = draft.with_help(
        f"keep plain values or a copy (a Pydantic model, a dataclass): {_missing(kept.detached.missing)} that is not "
        "loaded when the session is closed raises `DetachedInstanceError` when it is read, and what is loaded is kept "
        "with the entity"
    )
    trail = kept.detached.trail
    if trail is not None:
        yield with_trail(draft, domain, trail.stops, trail.entry, _ACTS[kept.place])
        return
    place = domain.locate(kept.module.path, kept.function.qualname)
    yield draft.with_note(place, f"`{kept.function.name}` {_ACTS[kept.place]}, and its session ends")


def _missing(missing: Relationship | Column) -> str:
    kind = "relationship" if isinstance(missing, Relationship) else "deferred column"
    return f"a {kind} (`{missing.name}`)"
