"""Functions of the project that run what they are given beside their caller, by what their bodies do with it.

async def run_all(*coroutines):                        # together
    return await asyncio.gather(*(limited(each) for each in coroutines))

def spawn(coroutine):                                  # on its own
    task = asyncio.create_task(coroutine)
    running.add(task)
    task.add_done_callback(running.discard)
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import Enum
from typing import TYPE_CHECKING

from sqla_leaklint.domain.application.callers import last_name
from sqla_leaklint.domain.application.endpoints import method_name
from sqla_leaklint.domain.handed_over.handoffs import handoff_row
from sqla_leaklint.domain.memo import Memo
from sqla_leaklint.domain.values import ProjectFunction, alternatives
from sqla_leaklint.knowledge.facts import Executor
from sqla_leaklint.semantic import terms as t
from sqla_leaklint.semantic.events import Deed
from sqla_leaklint.semantic.questions import is_parameter
from sqla_leaklint.semantic.summary import FunctionSummary, ModuleSummary
from sqla_leaklint.syntax import tree
from sqla_leaklint.syntax.tree import ParameterKind

if TYPE_CHECKING:
    from sqla_leaklint.domain.evaluation import Evaluator
    from sqla_leaklint.domain.module import Domain

_STARTING = frozenset({Executor.EVENT_LOOP, Executor.GATHERED})


class Fate(Enum):
    """What a function does with a coroutine, or with coroutines, that it is given."""

    TOGETHER = "runs them at the same time, and waits for them"
    ON_ITS_OWN = "starts it and does not wait"


_MEMO: Memo[Evaluator, dict[tuple[str, str], dict[str, Fate]]] = Memo(lambda _: {})


def given_to_run(domain: Domain, call: tree.Call) -> Iterator[tuple[tree.Expr, Fate]]:
    """The arguments of a call that a function of the project runs beside its caller."""
    term = domain.term(call.func)
    if term is None or last_name(term) not in _names(domain) or not any(map(_may_be_work, call.args)):
        return
    for function in alternatives(domain.value(call.func)):
        summary = domain.evaluator.classes.function(function) if isinstance(function, ProjectFunction) else None
        if summary is None or not isinstance(function, ProjectFunction):
            continue
        fates = _fates(domain.evaluator, function, summary)
        for argument, parameter in _bound(call, summary, is_bound=function.receiver is not None) if fates else ():
            if parameter in fates:
                yield argument, fates[parameter]


def _may_be_work(argument: tree.Argument) -> bool:
    return isinstance(argument.value, tree.Call | tree.Comprehension | tree.Display | tree.Name)


def _names(domain: Domain) -> frozenset[str]:
    """The names of the functions that may run what they are given, by the text of the project."""
    if domain.evaluator.project.root is None:
        return frozenset(_starting_in(domain.module.summary))
    return _NAMES.of(domain.evaluator)


def _starting_in(module: ModuleSummary) -> Iterator[str]:
    for function in module.functions.values():
        calls = (act.value for act in function.acts if act.deed is Deed.CALLED)
        if any(isinstance(call, t.Call) and method_name(call.func) in _WORDS for call in calls):
            yield function.name


_WORDS = ("gather", "create_task", "ensure_future", "wait", "as_completed")
_NAMES: Memo[Evaluator, frozenset[str]] = Memo(
    lambda evaluator: frozenset(
        name
        for word in _WORDS
        for module in evaluator.project.mentioning(word, and_any_of=("asyncio",), and_tests=False)
        for name in _starting_in(module)
    )
)


def _fates(evaluator: Evaluator, function: ProjectFunction, summary: FunctionSummary) -> dict[str, Fate]:
    memo = _MEMO.of(evaluator)
    key = (function.path, function.qualname)
    if key not in memo:
        memo[key] = dict(_find(evaluator, function, summary))
    return memo[key]


def _find(evaluator: Evaluator, function: ProjectFunction, summary: FunctionSummary) -> Iterator[tuple[str, Fate]]:
    module = evaluator.project.summary_at(function.path)
    if module is None or summary.is_generator:
        return
    frame = evaluator.frame(module)
    calls = [act.value for act in summary.acts if act.deed is Deed.CALLED and isinstance(act.value, t.Call)]
    starting = [
        (call, row)
        for call in calls
        if (row := handoff_row(evaluator, call, frame)) is not None and row.executor in _STARTING and row.callee < 0
    ]
    # A function that awaits, but gathers nothing, may await each task before it starts the next.
    is_beside = not summary.awaits or any(row.executor is Executor.GATHERED for _, row in starting)
    for call, row in starting:
        for argument in call.args:
            for parameter in summary.parameters:
                if is_beside and _is_each(argument, summary, parameter.name):
                    yield parameter.name, Fate.TOGETHER
                elif is_parameter(argument, summary.qualname, parameter.name) and not row.owner and not summary.awaits:
                    yield parameter.name, Fate.ON_ITS_OWN


def _is_each(term: t.Term, function: FunctionSummary, name: str) -> bool:
    """Whether a term is each of a parameter's elements, whatever is put round it."""
    collection = term.value if isinstance(term, t.Star | t.Element) else None
    if collection is None:
        return any(
            isinstance(part, t.Element) and is_parameter(part.value, function.qualname, name)
            for part in t.all_in([term])
        )
    return any(is_parameter(part, function.qualname, name) for part in t.all_in([collection]))


def _bound(call: tree.Call, function: FunctionSummary, *, is_bound: bool) -> Iterator[tuple[tree.Expr, str]]:
    """The arguments of a call, with the parameters that get them."""
    positional = [p.name for p in function.parameters if p.kind in _POSITIONAL][1 if is_bound else 0 :]
    rest = next((p.name for p in function.parameters if p.kind is ParameterKind.VAR_POSITIONAL), None)
    place = 0
    for argument in call.args:
        if argument.keyword is not None:
            yield argument.value, argument.keyword
            continue
        parameter = positional[place] if place < len(positional) else rest
        place += 1
        if parameter is not None:
            yield argument.value, parameter


_POSITIONAL = frozenset({ParameterKind.POSITIONAL, ParameterKind.POSITIONAL_ONLY})
