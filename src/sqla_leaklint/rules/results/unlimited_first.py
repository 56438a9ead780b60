"""One row is taken of all that a statement without a LIMIT brings."""

from __future__ import annotations

from collections.abc import Iterator

from sqla_leaklint.diagnostics import Applicability, Group
from sqla_leaklint.domain import Domain
from sqla_leaklint.domain.matching import Matching, matching
from sqla_leaklint.domain.models import Model
from sqla_leaklint.domain.queries import Load
from sqla_leaklint.fixes.limiting import limit_rows
from sqla_leaklint.knowledge.facts import Role
from sqla_leaklint.rules.base import Draft, Rule

rule = Rule(
    code="LKS212",
    name="unlimited-first",
    group=Group.WASTE,
    summary="one row is taken of all that a statement without a LIMIT brings",
    since="0.1.0",
    fix=(Applicability.UNSAFE,),
    noisy_outside_app=True,
)


@rule.check(Load)
def check(load: Load, domain: Domain) -> Iterator[Draft]:
    wanted, model = load.wanted, load.model
    if wanted is None or model is None or load.is_streamed or load.is_of_stream:
        return
    matched = matching(domain.evaluator, load.statement)
    is_ordered = load.has_step(Role.ORDERS)
    if model.is_lookup and not is_ordered and matched in {Matching.ALL, Matching.MANY}:
        if matched is Matching.ALL:
            return  # the one row of a table of settings
        matched = Matching.KEY_LIKE
    if matched not in {Matching.KEY_LIKE, Matching.MANY, Matching.ALL}:
        return
    # Who asks for one row or none expects that there are not two, unless the statement says otherwise.
    expects_many = matched is not Matching.KEY_LIKE and (wanted == 1 or is_ordered or matched is Matching.ALL)
    group = Group.WASTE if expects_many else Group.STRICT
    yield (
        rule.diagnostic(load.node, _message(load, model, matched, wanted), group=group)
        .with_help(_help(wanted, matched, is_ordered=is_ordered))
        .with_fix(limit_rows(load, wanted))
    )


def _message(load: Load, model: Model, matched: Matching, wanted: int) -> str:
    looks_at = "takes one row" if wanted == 1 else "looks at two rows at most"
    rows = f"every row of `{model.table or model.name}`"
    if matched is not Matching.ALL:
        rows = f"every `{model.name}` that the conditions let through"
    return f"`{load.rows.consumer.name}()` {looks_at}, and a statement without a LIMIT brings {rows}"


def _help(wanted: int, matched: Matching, *, is_ordered: bool) -> str:
    if wanted == 1:
        text = "end the statement with `.limit(1)`"
    elif is_ordered:
        text = "it raises as soon as there are two: for the first of them, end the statement with `.limit(1)`"
    else:
        text = "`.limit(2)` is enough to see that there is more than one"
    return f"{text}, or declare unique what tells the rows apart" if matched is Matching.KEY_LIKE else text
