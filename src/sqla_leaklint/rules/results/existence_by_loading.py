"""Rows are loaded, or counted, to see whether there are any."""

from __future__ import annotations

from collections.abc import Iterator

from sqla_leaklint.diagnostics import Applicability, Group
from sqla_leaklint.domain import Domain
from sqla_leaklint.domain.rows.asking import Asking, Question
from sqla_leaklint.domain.rows.matching import Matching, is_by_primary_key, matching
from sqla_leaklint.domain.rows.queries import Load
from sqla_leaklint.domain.rows.tested_counts import TestedCount
from sqla_leaklint.domain.rows.usage import Deal
from sqla_leaklint.fixes.limiting import limit_count, limit_rows
from sqla_leaklint.knowledge.facts import Fetch, Role, Shape
from sqla_leaklint.rules.base import Draft, Rule

rule = Rule(
    code="LKS204",
    name="existence-by-loading",
    group=Group.WASTE,
    summary="rows are loaded to see whether there are any",
    since="0.1.0",
    fix=(Applicability.UNSAFE,),
    noisy_outside_app=True,
)

_HELP = "one row is enough to see it: `.limit(1)`, or ask for an EXISTS"


@rule.check(Asking)
def check_all(asking: Asking, domain: Domain) -> Iterator[Draft]:
    if asking.question is not Question.EXISTENCE:
        return
    load = asking.load
    draft = rule.diagnostic(
        load.node, f"{asking.described_rows} is loaded, and all that is asked is whether there is one"
    )
    if not asking.is_inline:
        draft = draft.with_note(asking.answers[0].node, "asked here")
    yield draft.with_help(_HELP).with_fix(limit_rows(load, 1))


@rule.check(TestedCount)
def check_count(count: TestedCount, domain: Domain) -> Iterator[Draft]:
    yield (
        rule.diagnostic(count.node, "every row that matches is counted, and all that is asked is whether there is one")
        .with_help(_HELP)
        .with_fix(limit_count(count))
    )


@rule.check(Load)
def check_one(load: Load, domain: Domain) -> Iterator[Draft]:
    """`query.first() is not None`: one row at most, but the whole of it."""
    if load.rows.consumer.shape is not Shape.OPTIONAL_ROW or load.rows.consumer.fetch not in {Fetch.FIRST, Fetch.ONE}:
        return
    if load.entity is None or load.has_step(Role.LOCKS, Role.RETURNING, Role.WRITES, Role.SOURCES):
        return
    uses = load.usage.uses
    if not uses or any(use.deal is not Deal.TESTED for use in uses):
        return
    if load.wanted is not None and matching(domain.evaluator, load.statement) not in {Matching.ONE, Matching.LIMITED}:
        return  # that it has no LIMIT is worse
    if load.entity.is_small and is_by_primary_key(domain.evaluator, load.statement, load.entity):
        return  # there is hardly anything but the key
    yield rule.diagnostic(
        load.node,
        f"a whole `{load.entity.name}` is loaded, and all that is asked is whether there is one",
        group=Group.STRICT,
    ).with_help("select its key only, or ask for an EXISTS")
