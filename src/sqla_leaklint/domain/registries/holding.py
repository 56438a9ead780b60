"""Whether a function returns with a connection in the hands of a session, its callees looked into."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from sqla_leaklint.domain.lifetimes.carrying import arguments_of
from sqla_leaklint.domain.lifetimes.doings import Carry, Doing, Use
from sqla_leaklint.domain.lifetimes.paths import Course
from sqla_leaklint.domain.lifetimes.uses import Tracker, events_within
from sqla_leaklint.semantic import terms as t
from sqla_leaklint.semantic.body import Body
from sqla_leaklint.semantic.project import Module
from sqla_leaklint.syntax import tree

if TYPE_CHECKING:
    from sqla_leaklint.domain.evaluation import Evaluator

_DEEPEST = 3
"""Callees of callees that are looked into."""

Seed = tuple[t.Term, str]
"""A term that is a session or registry, and its type."""


def uses_of(evaluator: Evaluator, module: Module, body: Body, seeds: Iterable[Seed], depth: int = 0) -> tuple[Use, ...]:
    """What a body does with some sessions.

    A callee ends a transaction only if it does so on every way on which it returns.
    """
    summary = module.summary.functions[body.qualname]
    found: list[Use] = []
    for seed, session_type in seeds:
        tracker = Tracker(evaluator, module.summary, summary, session_type, seed=seed)
        for use in tracker.uses(events_within(body, module.executor.bodies)):
            if use.doing is Doing.ENDS_TRANSACTION and use.callee is not None and depth < _DEEPEST:
                arriving = list(_arriving(evaluator, tracker, use, session_type))
                if any(_returns_holding(evaluator, module, use, seed, depth) for seed in arriving):
                    continue
            found.append(use)
    return tuple(found)


def exits_holding(function: tree.Function, uses: tuple[Use, ...]) -> tuple[tree.Node, ...]:
    """What is last run on the ways on which a function returns with a connection in hand."""
    return tuple(step.node for step in Course(function, None, uses).leaves_holding())


def _arriving(evaluator: Evaluator, tracker: Tracker, use: Use, session_type: str) -> Iterator[Seed]:
    """The parameters of a callee that get the session."""
    call, callee = use.act.value, use.callee
    summary = evaluator.classes.function(callee) if callee is not None else None
    module = evaluator.project.summary_at(callee.path) if callee is not None else None
    if not isinstance(call, t.Call) or callee is None or summary is None or module is None:
        return
    for which, argument in arguments_of(call):
        if tracker.carry(argument) is Carry.IS:
            name = tracker.callees.parameter(callee, summary, module, which)
            if name is not None:
                yield t.Param(summary.qualname, name), session_type


def _returns_holding(evaluator: Evaluator, caller: Module, use: Use, seed: Seed, depth: int) -> bool:
    assert use.callee is not None
    path = use.callee.path
    module = caller if path == caller.path else evaluator.project.module_at(path)
    body = module.executor.bodies.get(use.callee.qualname) if module is not None else None
    if module is None or body is None or not isinstance(body.node, tree.Function) or body.yields:
        return False
    return bool(exits_holding(body.node, uses_of(evaluator, module, body, (seed,), depth + 1)))
