"""Statements that bring the same entity more than once, of which Python keeps one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqla_leaklint.domain.rows.clauses import models_in, selected
from sqla_leaklint.domain.values import ModelAttribute
from sqla_leaklint.knowledge.facts import Role

if TYPE_CHECKING:
    from sqla_leaklint.domain.rows.queries import Load


def repeats_entities(load: Load) -> bool:
    """Whether a load takes repeated entities out: that of a legacy query, or of `unique()`, that joins."""
    statement = load.statement
    if statement is None:
        return False
    is_unique = any(step.name == "unique" for step in load.rows.steps)
    projections = statement.projections
    is_entity = len(projections) == 1 and not isinstance(projections[0], ModelAttribute)
    if not is_unique and not (load.is_legacy and is_entity):
        return False
    conditions = [each for step in statement.steps if step.role is Role.FILTERS for each in step.args]
    known = set(selected(statement))
    return load.has_step(Role.JOINS, Role.SOURCES) or any(cls not in known for cls in models_in(conditions))
