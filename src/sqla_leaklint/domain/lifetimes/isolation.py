"""Engines that commit every statement by itself: none of their sessions is in a transaction, and a statement that fails
breaks none.

    engine = create_engine(URL, isolation_level="AUTOCOMMIT")

Which engine a session comes from is often not known; so one such engine that a program keeps counts for all.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from sqla_leaklint.domain.lifetimes.library_openings import makes_engine
from sqla_leaklint.domain.memo import Memo
from sqla_leaklint.domain.values import Symbol, alternatives
from sqla_leaklint.semantic import terms as t
from sqla_leaklint.semantic.events import Deed
from sqla_leaklint.semantic.summary import ModuleSummary

if TYPE_CHECKING:
    from sqla_leaklint.domain.evaluation import Evaluator
    from sqla_leaklint.domain.module import Domain

_AUTOCOMMIT = "AUTOCOMMIT"
_KNOWN: Memo[Evaluator, dict[str, bool]] = Memo(lambda _: {})


def may_autocommit(domain: Domain) -> bool:
    """Whether the program keeps an engine of that isolation level: at module level, or handed out by a function."""
    project, known = domain.evaluator.project, _KNOWN.of(domain.evaluator)
    key = "" if project.root is not None else domain.module.path
    if key not in known:
        modules = project.mentioning(_AUTOCOMMIT, and_tests=False) if not key else iter((domain.module.summary,))
        known[key] = any(_keeps_autocommit(domain.evaluator, module) for module in modules)
    return known[key]


def _keeps_autocommit(evaluator: Evaluator, module: ModuleSummary) -> bool:
    frame = evaluator.frame(module)
    return any(
        isinstance(value, Symbol) and makes_engine(evaluator, value.path)
        for call in _kept_calls(module)
        if _names_autocommit(call)
        for value in alternatives(evaluator.of(call.func, frame))
    )


def _kept_calls(module: ModuleSummary) -> Iterator[t.Call]:
    for function, act in module.mentions():
        if act.deed is not Deed.CALLED or not isinstance(act.value, t.Call):
            continue
        if function is None or act.value in t.all_in((*function.returns, *function.yields)):
            yield act.value


def _names_autocommit(call: t.Call) -> bool:
    options = call.keyword("execution_options")
    given = [call.keyword("isolation_level")]
    if isinstance(options, t.Collection):
        given.extend(options.elements)
    return any(isinstance(each, t.Const) and each.value == _AUTOCOMMIT for each in given)
