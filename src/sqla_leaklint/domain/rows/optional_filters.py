"""Filters that a function adds on some of its ways only, so that on the others every row comes.

    query = select(Order)
    if only_open:
        query = query.where(Order.is_open)      # every order, unless this is added

Who calls a function for a statement may well have chosen the way by what it passes: of that nothing is said.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqla_leaklint.domain.linking.merging import is_certain
from sqla_leaklint.domain.rows.clauses import ALL_OF
from sqla_leaklint.domain.rows.queries import function_text
from sqla_leaklint.domain.values import Clause, Conditional, Value
from sqla_leaklint.knowledge.facts import Role

if TYPE_CHECKING:
    from sqla_leaklint.domain.rows.queries import Load


def may_be_unfiltered(load: Load) -> bool:
    """Whether the function of a load builds its statement, and adds every condition on some ways only."""
    if load.statement is None or load.root not in function_text(load.domain, load.body).parents:
        return False
    filters = [step for step in load.statement.steps if step.role is Role.FILTERS and is_certain(step)]
    return not any(step.keywords or any(_is_always_given(each) for each in step.args) for step in filters)


def _is_always_given(condition: Value) -> bool:
    if isinstance(condition, Clause) and condition.operator in ALL_OF:
        return any(_is_always_given(each) for each in condition.operands)
    return not isinstance(condition, Conditional)
