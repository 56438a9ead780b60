"""Functions that the process ends with: commands, scripts, and what only these call."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from sqla_leaklint.domain.endpoints import decorations, method_name
from sqla_leaklint.domain.values import ProjectFunction, Value, alternatives
from sqla_leaklint.knowledge.facts import Decoration
from sqla_leaklint.semantic import terms as t
from sqla_leaklint.semantic.events import Deed
from sqla_leaklint.semantic.summary import FunctionSummary, ModuleSummary

if TYPE_CHECKING:
    from sqla_leaklint.domain.evaluation import Evaluator

_DEEPEST = 4
"""Callers of callers that are looked at."""

_RUNNERS = frozenset({"run", "Fire"})
"""`typer.run(main)`, `asyncio.run(main())`, `fire.Fire(main)`."""


def ends_with_process(evaluator: Evaluator, module: ModuleSummary, function: FunctionSummary, depth: int = 0) -> bool:
    """Whether nothing but a command, or the body of a module, calls a function: the process ends soon after."""
    if Decoration.COMMAND in decorations(evaluator, module, function):
        return True
    callers = list(_callers(evaluator, module, function))
    if any(caller is None for _, caller in callers):
        return True
    return (
        bool(callers)
        and depth < _DEEPEST
        and all(
            caller is not None
            and caller.qualname != function.qualname
            and ends_with_process(evaluator, user, caller, depth + 1)
            for user, caller in callers
        )
    )


def _callers(
    evaluator: Evaluator, module: ModuleSummary, function: FunctionSummary
) -> Iterator[tuple[ModuleSummary, FunctionSummary | None]]:
    """Who calls a function, as far as the project shows; None stands for the body of a module."""
    users = list(evaluator.project.mentioning(function.name))
    if not any(user.path == module.path for user in users):
        users.append(module)  # a module that stands alone
    for user in users:
        frame = evaluator.frame(user)
        for caller, act in user.mentions():
            if act.deed is not Deed.CALLED or not isinstance(act.value, t.Call):
                continue
            called = act.value.func
            if _name(called) == function.name and _is(evaluator.of(called, frame), module, function):
                yield user, caller
            elif (
                caller is None
                and _name(called) in _RUNNERS
                and any(_is(evaluator.of(each, frame), module, function) for each in act.value.args)
            ):
                yield user, None


def _name(called: t.Term) -> str:
    return called.qualname.rpartition(".")[2] if isinstance(called, t.FunctionRef) else method_name(called)


def _is(value: Value, module: ModuleSummary, function: FunctionSummary) -> bool:
    return any(
        isinstance(each, ProjectFunction) and (each.path, each.qualname) == (module.path, function.qualname)
        for each in alternatives(value)
    )
