"""The arms of a UNION and its like.

Each is a statement of its own, and what follows the last of them holds for all:

    union_all(select(A).where(…), select(B).where(…)).limit(10)
    select(A).where(…).union(select(B).where(…)).order_by(…)
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TypeVar

from sqla_leaklint.domain.values import Statement, StepTaken, Value, alternatives
from sqla_leaklint.knowledge.facts import Role
from sqla_leaklint.knowledge.sqlalchemy import COMPOUND_SELECT, SELECT

Measure = TypeVar("Measure", bound=int)
"""What keeps the number of rows small, the more the better."""


@dataclass(frozen=True, slots=True)
class Combination:
    """Statements put together by an operator: `name` is that of the method or function, "union_all" …

    `arms` are empty where they are not known, `steps` those that are taken of the whole.
    """

    name: str
    arms: tuple[Value, ...]
    steps: tuple[StepTaken, ...]


def combination_of(statement: Statement) -> Combination | None:
    """What the last operator of a statement puts together; None for a statement that has no arms."""
    steps = statement.steps
    last = next((at for at in reversed(range(len(steps))) if steps[at].role is Role.COMBINES), None)
    if last is None:
        return None
    step, before, after = steps[last], steps[:last], steps[last + 1 :]
    if step.is_conditional:
        return Combination(step.name, (), after)
    if not step.args and not before:
        return Combination(step.name, statement.projections, after)  # union_all(a, b)
    type_name = SELECT if statement.type == COMPOUND_SELECT else statement.type
    return Combination(step.name, (replace(statement, type=type_name, steps=before, ways=()), *step.args), after)


def of_the_whole(combination: Combination, of_arm: Callable[[Statement], Measure], unknown: Measure) -> Measure:
    """What bounds the rows of the whole: of a UNION what bounds every arm, of an INTERSECT one, of an EXCEPT the first.

    As long as one arm is not known, nothing is.
    """
    found: list[Measure] = []
    for arm in combination.arms:
        ways = [of_arm(each) if isinstance(each, Statement) else unknown for each in alternatives(arm)]
        found.append(unknown if unknown in ways else min(ways))
    if not found or unknown in found:
        return unknown
    if combination.name.startswith("intersect"):
        return max(found)
    return found[0] if combination.name.startswith("except") else min(found)
