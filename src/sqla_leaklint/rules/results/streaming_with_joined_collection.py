"""Entities come in batches, and a collection of theirs is joined to them: a batch could cut it in two."""

from __future__ import annotations

from collections.abc import Iterator

from sqla_leaklint.diagnostics import Applicability, Group
from sqla_leaklint.domain import Domain
from sqla_leaklint.domain.loading.eager_options import joined_collections
from sqla_leaklint.domain.rows.streaming import BUFFERING, Stream
from sqla_leaklint.fixes.eager_loading import load_by_selectin
from sqla_leaklint.knowledge.facts import LoadStrategy
from sqla_leaklint.rules.base import Draft, Rule

rule = Rule(
    code="LKS208",
    name="streaming-with-joined-collection",
    group=Group.LEAK,
    since="0.1.0",
    summary="`yield_per` with a collection that is loaded by a join or subquery: it raises",
    fix=(Applicability.UNSAFE,),
    noisy_outside_app=True,
)

_WAYS = {LoadStrategy.JOINED: "a join", LoadStrategy.SUBQUERY: "a subquery"}


@rule.check(Stream)
def check(stream: Stream, domain: Domain) -> Iterator[Draft]:
    if "yield_per" not in stream.options or (stream.is_async and stream.method in BUFFERING):
        return
    load = stream.load
    collections = joined_collections(load)
    if not collections:
        return
    first = collections[0]
    name = f"{first.attribute.model.name}.{first.attribute.name}"
    draft = rule.diagnostic(
        first.node or load.node,
        f"`yield_per` raises `InvalidRequestError`: `{name}` is loaded by {_WAYS[first.strategy]}",
    ).with_help("load it by `selectinload`, one statement a batch; a joined many-to-one may stay as it is")
    if first.node is None:
        model = first.attribute.model
        draft = draft.with_note(domain.locate(model.path, model.qualname), f"the model says so of `{name}`")
    yield draft.with_fix(load_by_selectin(load, collections))
