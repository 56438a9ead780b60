"""Who runs a function outside of whoever asked for it: threads, pools, queues, schedulers, the event loop."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqla_leaklint.domain.application.callers import last_name, users
from sqla_leaklint.domain.application.endpoints import method_name
from sqla_leaklint.domain.handed_over.handoffs import handoff_names, handoff_row
from sqla_leaklint.domain.values import Partial, ProjectClass, ProjectFunction, Symbol, alternatives
from sqla_leaklint.knowledge.facts import Executor, Handoff
from sqla_leaklint.semantic import terms as t
from sqla_leaklint.semantic.events import Deed
from sqla_leaklint.semantic.summary import FunctionSummary, ModuleSummary

if TYPE_CHECKING:
    from sqla_leaklint.domain.evaluation import Evaluator, Frame

THREAD_CLASS = "threading.Thread"


@dataclass(frozen=True, slots=True)
class HandedOver:
    """A call by which a function is given to somebody else to run; `function` makes it (None: the module's body)."""

    module: ModuleSummary
    function: FunctionSummary | None
    call: t.Call
    executor: Executor


def handed_over(evaluator: Evaluator, module: ModuleSummary, function: FunctionSummary) -> Iterator[HandedOver]:
    """Where a function is handed over, outside of tests: itself, bound by `partial`, or as a coroutine of it."""
    names = handoff_names(evaluator.knowledge)
    for user in users(evaluator, module, function.name, and_calls=names):
        frame = evaluator.frame(user)
        for caller, act in user.mentions():
            if act.deed is not Deed.CALLED or not isinstance(act.value, t.Call):
                continue
            call = act.value
            if method_name(call.func) not in names or not _names(call, function.name):
                continue
            row = handoff_row(evaluator, call, frame)
            if row is not None and any(
                _is(evaluator, work, ProjectFunction(module.path, function.qualname), frame)
                for work in _work(call, row)
            ):
                yield HandedOver(user, caller, call, row.executor)


def _names(call: t.Call, name: str) -> bool:
    """Whether a name occurs among what a call is given."""
    return any(last_name(part) == name for part in t.all_in((*call.args, *(each for _, each in call.keywords))))


def _work(call: t.Call, row: Handoff) -> Iterator[t.Term]:
    """What a call hands over: the callable, or what is called in coroutines."""
    if row.callee < 0:
        yield from (argument.func for argument in call.args if isinstance(argument, t.Call))
        return
    named = call.keyword(row.callee_keyword)
    if named is not None:
        yield named
    elif row.callee < len(call.args):
        yield call.args[row.callee]


def _is(evaluator: Evaluator, term: t.Term, wanted: ProjectFunction, frame: Frame) -> bool:
    for value in alternatives(evaluator.of(term, frame)):
        function = value.function if isinstance(value, Partial) else value
        if isinstance(function, ProjectFunction) and (function.path, function.qualname) == (
            wanted.path,
            wanted.qualname,
        ):
            return True
    return False


def is_run_of_thread(evaluator: Evaluator, module: ModuleSummary, function: FunctionSummary) -> bool:
    """Whether a function is the `run` method of a class of threads."""
    if function.owner is None or function.name != "run":
        return False
    line = evaluator.classes.line(ProjectClass(module.path, function.owner))
    return Symbol(THREAD_CLASS) in line
