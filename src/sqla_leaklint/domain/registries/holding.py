"""Whether a function returns with a connection in the hands of a session, its callees looked into."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from sqla_leaklint.domain.lifetimes.doings import Use
from sqla_leaklint.domain.lifetimes.paths import Course
from sqla_leaklint.domain.lifetimes.uses import Tracker, events_within
from sqla_leaklint.semantic import terms as t
from sqla_leaklint.semantic.body import Body
from sqla_leaklint.semantic.project import Module
from sqla_leaklint.syntax import tree

if TYPE_CHECKING:
    from sqla_leaklint.domain.evaluation import Evaluator

Seed = tuple[t.Term, str]
"""A term that is a session or registry, and its type."""


def uses_of(evaluator: Evaluator, module: Module, body: Body, seeds: Iterable[Seed]) -> tuple[Use, ...]:
    """What a body does with some sessions."""
    summary = module.summary.functions[body.qualname]
    trackers = (Tracker(evaluator, module.summary, summary, type_, seed=seed) for seed, type_ in seeds)
    return tuple(use for each in trackers for use in each.uses(events_within(body, module.executor.bodies)))


def exits_holding(function: tree.Function, uses: tuple[Use, ...]) -> tuple[tree.Node, ...]:
    """What is last run on the ways on which a function returns with a connection in hand."""
    return tuple(step.node for step in Course(function, None, uses).leaves_holding())
