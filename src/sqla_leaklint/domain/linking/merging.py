"""Where several ways meet: one value of several, one statement of several ways to build it."""

from __future__ import annotations

from dataclasses import replace

from sqla_leaklint.domain.values import OneOf, Statement, StepTaken, Unknown, Value, alternatives


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


def merge_statements(left: Statement, right: Statement) -> Statement:
    """Where two ways of building a statement meet: a step that is not on both ways is conditional."""
    steps: list[StepTaken] = []
    remaining = list(right.steps)
    for step in left.steps:
        position = next((i for i, other in enumerate(remaining) if _same_step(step, other)), None)
        if position is None:
            steps.append(replace(step, is_conditional=True))
            continue
        steps.extend(replace(other, is_conditional=True) for other in remaining[:position])
        steps.append(replace(step, is_conditional=step.is_conditional or remaining[position].is_conditional))
        del remaining[: position + 1]
    steps.extend(replace(other, is_conditional=True) for other in remaining)
    projections = left.projections if left.projections == right.projections else (*left.projections, *right.projections)
    return Statement(left.type, projections, tuple(steps), left.is_whole and right.is_whole)


def _same_step(left: StepTaken, right: StepTaken) -> bool:
    return left.name == right.name and left.args == right.args and left.keywords == right.keywords
