"""Rows are loaded to be counted."""

from __future__ import annotations

from collections.abc import Iterator

from sqla_leaklint.diagnostics import Applicability, Group
from sqla_leaklint.domain import Domain
from sqla_leaklint.domain.rows.asking import Asking, Question
from sqla_leaklint.fixes.counting import count_rows
from sqla_leaklint.rules.base import Draft, Rule

rule = Rule(
    code="LKS203",
    name="count-by-loading",
    group=Group.WASTE,
    summary="rows are loaded to be counted",
    since="0.1.0",
    fix=(Applicability.SAFE, Applicability.UNSAFE),
    noisy_outside_app=True,
)


@rule.check(Asking)
def check(asking: Asking, domain: Domain) -> Iterator[Draft]:
    if asking.question is not Question.COUNT:
        return
    load = asking.load
    draft = rule.diagnostic(
        load.node, f"{asking.described_rows} is loaded, and all that is asked is how many there are"
    )
    if asking.repeats_entities:
        help_text = "count in the database, and count distinct keys: the join repeats rows that are counted once here"
    elif load.is_legacy:
        help_text = "count in the database, with `.count()`"
    else:
        help_text = "count in the database, with `select(func.count()).select_from(…)`"
    if not asking.is_inline:
        draft = draft.with_note(asking.answers[0].node, "counted here")
    yield draft.with_help(help_text).with_fix(count_rows(asking))
