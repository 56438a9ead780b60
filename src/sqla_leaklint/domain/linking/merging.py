"""Where several ways meet: one value of several, one statement of several ways to build it."""

from __future__ import annotations

from dataclasses import replace

from sqla_leaklint.domain.values import OneOf, Statement, StepTaken, Unknown, Value, alternatives
from sqla_leaklint.knowledge.facts import Role


def merge(values: list[Value]) -> Value:
    """One of some values: flat, without repetition; statements with the same projections become one (see
    `merge_statements`).
    """
    found: list[Value] = []
    for value in values:
        for each in alternatives(value):
            if each in found:
                continue
            for position, known in enumerate(found):
                if isinstance(known, Statement) and isinstance(each, Statement) and known.type == each.type:
                    found[position] = merge_statements(known, each)
                    break
            else:
                found.append(each)
    if len(found) == 1:
        return found[0]
    if not found or len(found) > MOST_ALTERNATIVES:
        return Unknown("too many alternatives" if found else "nothing arrives here")
    return OneOf(tuple(found))


MOST_ALTERNATIVES = 12
MOST_WAYS = 8


def merge_statements(left: Statement, right: Statement) -> Statement:
    """Where two ways of building a statement meet: a step that is not on both ways is conditional.

    Two statements that ask for different things and are filtered differently have nothing in common but their name:
    what one of them lacks, it does not leave out.
    """
    ways: list[tuple[StepTaken, Statement | None]] = []
    """The steps, each with the one way that has it; None for both."""
    remaining = list(right.steps)
    for step in left.steps:
        position = next((i for i, other in enumerate(remaining) if _same_step(step, other)), None)
        if position is None:
            ways.append((step, left))
            continue
        other = remaining[position]
        ways.extend((each, right) for each in remaining[:position])
        is_conditional = step.is_conditional or other.is_conditional
        is_alternative = is_conditional and all(is_certain(each) for each in (step, other))
        ways.append((replace(step, is_conditional=is_conditional, is_alternative=is_alternative), None))
        del remaining[: position + 1]
    ways.extend((each, right) for each in remaining)
    filtering = {id(way) for step, way in ways if way is not None and step.role is Role.FILTERS and is_certain(step)}
    steps = [step if way is None else _of_one_way(step, both_filter=len(filtering) == 2) for step, way in ways]
    is_one = left.projections == right.projections
    projections = left.projections if is_one else (*left.projections, *right.projections)
    is_whole = left.is_whole and right.is_whole and (is_one or left.steps == right.steps)
    return Statement(left.type, projections, tuple(steps), is_whole, _ways(left, right) if is_one else ())


def then(statement: Statement, *steps: StepTaken) -> Statement:
    """A statement with more steps, however it was built so far."""
    ways = tuple((*way, *steps) for way in statement.ways)
    return replace(statement, steps=(*statement.steps, *steps), ways=ways)


def ways_of(statement: Statement) -> tuple[Statement, ...]:
    """The statement of each way to build it; none where there is but one, or too many."""
    return tuple(replace(statement, steps=steps, ways=()) for steps in statement.ways)


def _ways(left: Statement, right: Statement) -> tuple[tuple[StepTaken, ...], ...]:
    """The ways of both; with too many of them, the steps that may be taken are all that is known."""
    ways = tuple(dict.fromkeys((*(left.ways or (left.steps,)), *(right.ways or (right.steps,)))))
    return ways if 1 < len(ways) <= MOST_WAYS else ()


def is_certain(step: StepTaken) -> bool:
    """Whether every path comes through a step, or through another in its place."""
    return not step.is_conditional or step.is_alternative


def _of_one_way(step: StepTaken, *, both_filter: bool) -> StepTaken:
    """A step that one of two ways has; where each has a filter of its own, none is left out."""
    return replace(step, is_conditional=True, is_alternative=both_filter and is_certain(step))


def _same_step(left: StepTaken, right: StepTaken) -> bool:
    return left.name == right.name and left.args == right.args and left.keywords == right.keywords
