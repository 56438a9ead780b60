"""The functions above a function: those that call it, that it is nested in, that stand below it as a decorator."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from sqla_leaklint.domain.application.callers import calls_naming, decorated_by, last_name, users
from sqla_leaklint.domain.values import ProjectFunction, alternatives
from sqla_leaklint.semantic.summary import FunctionSummary, ModuleSummary

if TYPE_CHECKING:
    from sqla_leaklint.domain.evaluation import Evaluator

_MOST = 200
"""Functions above a function, before the question is given up."""
_DEEPEST = 6

Key = tuple[str, str]
"""The file of a function, and its qualified name."""
Above = dict[tuple[str, str, bool], "frozenset[Key] | None"]
"""What has been asked before."""


def key_of(value: object) -> Key | None:
    return (value.path, value.qualname) if isinstance(value, ProjectFunction) else None


def all_above(
    evaluator: Evaluator, module: ModuleSummary, function: FunctionSummary, known: Above, *, is_entry: bool
) -> frozenset[Key] | None:
    """The functions above a function; None when there are too many to tell.

    Of what is entered from outside only the callers count: who hands it over, or defines it, is on a way of its own.
    """
    start = (module.path, function.qualname)
    key = (*start, is_entry)
    if key not in known:
        found: set[Key] = set()
        pending = [(module, function, 0)]
        while pending and len(found) <= _MOST:
            below_module, below, depth = pending.pop()
            for upper_module, upper in _next_above(evaluator, below_module, below, is_entry=is_entry):
                upper_key = (upper_module.path, upper.qualname)
                if upper_key not in found and upper_key != start and depth < _DEEPEST:
                    found.add(upper_key)
                    pending.append((upper_module, upper, depth + 1))
        known[key] = frozenset(found) if len(found) <= _MOST else None
    return known[key]


def _next_above(
    evaluator: Evaluator, module: ModuleSummary, function: FunctionSummary, *, is_entry: bool
) -> Iterator[tuple[ModuleSummary, FunctionSummary]]:
    wanted = (module.path, function.qualname)
    for user in users(evaluator, module, function.name):
        frame = evaluator.frame(user)
        for caller, call in calls_naming(user).get(function.name, ()):
            if caller is None or last_name(call.func) != function.name:
                continue
            if any(key_of(value) == wanted for value in alternatives(evaluator.of(call.func, frame))):
                yield user, caller
    if is_entry:
        return
    if function.scope is not None and function.scope in module.functions:
        yield module, module.functions[function.scope]
    yield from decorated_by(evaluator, module, function)
