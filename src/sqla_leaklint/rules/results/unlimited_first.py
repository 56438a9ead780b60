"""One row is taken of all that a statement without a LIMIT brings."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from sqla_leaklint.diagnostics import Applicability, Group
from sqla_leaklint.domain import Domain
from sqla_leaklint.domain.mapped.models import Model
from sqla_leaklint.domain.rows.clauses import flags_asked
from sqla_leaklint.domain.rows.matching import Matching, matching
from sqla_leaklint.domain.rows.queries import Load
from sqla_leaklint.domain.rows.usage import Deal
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
    if matched is Matching.ALL and not is_ordered and model.is_lookup:
        return  # the one row of a table of settings
    if matched not in {Matching.KEY_LIKE, Matching.MANY, Matching.ALL}:
        return
    expects_many = is_ordered or _expects_many(load, model, matched, wanted)
    group = Group.WASTE if expects_many and matched is not Matching.KEY_LIKE else Group.STRICT
    yield (
        rule.diagnostic(load.node, _message(load, model, matched, wanted), group=group)
        .with_help(_help(load, wanted, matched, is_ordered=is_ordered))
        .with_fix(limit_rows(load, wanted))
    )


def _expects_many(load: Load, model: Model, matched: Matching, wanted: int) -> bool:
    """Whether anything but an order tells that there are many rows."""
    if matched is Matching.ALL:
        # Who asks for the one row of a table, or for any of a table that is called so, may well know that it has one.
        is_child = any(column.foreign_key for column in model.columns.values())
        is_only_tested = bool(load.usage.uses) and all(use.deal is Deal.TESTED for use in load.usage.uses)
        return is_child or (not model.is_singleton and (wanted == 1 or is_only_tested))
    return wanted == 1 and not model.is_lookup  # a second row would be an error


def _message(load: Load, model: Model, matched: Matching, wanted: int) -> str:
    looks_at = "takes one row" if wanted == 1 else "looks at two rows at most"
    rows = f"every row of `{model.table or model.name}`"
    if matched is not Matching.ALL:
        what = f"`{model.name}`" if load.entity is not None else "row"
        rows = f"every {what} that the conditions let through"
    return f"`{load.rows.consumer.name}()` {looks_at}, and a statement without a LIMIT brings {rows}"


def _help(load: Load, wanted: int, matched: Matching, *, is_ordered: bool) -> str:
    if wanted == 1:
        text = "end the statement with `.limit(1)`"
    elif is_ordered:
        text = "it raises as soon as there are two: for the first of them, end the statement with `.limit(1)`"
    else:
        text = "`.limit(2)` is enough to see that there is more than one"
    if matched is not Matching.KEY_LIKE:
        return text
    flags = dict.fromkeys(flags_asked(load.statement)) if load.statement is not None else {}
    of_part = f", in a partial index with the condition on {_listed(flags)}" if flags else ""
    return f"{text}, or declare unique what tells the rows apart{of_part}"


def _listed(names: Iterable[str]) -> str:
    return " and ".join(f"`{name}`" for name in names)
