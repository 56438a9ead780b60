"""All rows are loaded, and the first few are taken."""

from __future__ import annotations

from collections.abc import Iterator

from sqla_leaklint.diagnostics import Applicability, Group
from sqla_leaklint.domain import Domain
from sqla_leaklint.domain.rows.asking import Asking, Question
from sqla_leaklint.fixes.limiting import limit_rows
from sqla_leaklint.rules.base import Draft, Rule

rule = Rule(
    code="LKS205",
    name="slice-after-load",
    group=Group.WASTE,
    summary="all rows are loaded, and the first few are taken",
    since="0.1.0",
    fix=(Applicability.UNSAFE,),
    noisy_outside_app=True,
)


@rule.check(Asking)
def check(asking: Asking, domain: Domain) -> Iterator[Draft]:
    if asking.question is not Question.FIRST:
        return
    load, rows = asking.load, asking.rows
    taken = "the first is" if rows == 1 else f"the first {rows} are" if isinstance(rows, int) else "the first few are"
    draft = rule.diagnostic(load.node, f"{asking.described_rows} is loaded, and only {taken} taken")
    if not asking.is_inline:
        draft = draft.with_note(asking.answers[0].node, "taken here")
    limit = rows if isinstance(rows, int) else "…"
    yield draft.with_help(f"let the database send no more, with `.limit({limit})`").with_fix(
        limit_rows(load, rows) if rows is not None else None
    )
