"""Decorators that stand between a call and the function below them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqla_leaklint.domain.decorators import PLAIN_DECORATORS, decoration_of
from sqla_leaklint.domain.values import Symbol
from sqla_leaklint.semantic import terms as t
from sqla_leaklint.semantic.summary import FunctionSummary, ModuleSummary

if TYPE_CHECKING:
    from sqla_leaklint.domain.evaluation import Evaluator


def is_plain(evaluator: Evaluator, function: FunctionSummary, module: ModuleSummary) -> bool:
    """Whether no decorator stands between a call and the body that could do something with the arguments."""
    frame = evaluator.frame(module)
    for decorator in function.decorators:
        if decoration_of(evaluator, decorator, frame) is not None:
            continue
        value = evaluator.of(decorator.func if isinstance(decorator, t.Call) else decorator, frame)
        if not isinstance(value, Symbol) or value.path == "abc.abstractmethod":
            return False
        if value.path not in PLAIN_DECORATORS and evaluator.knowledge.function(value.path) is not None:
            return False
    return True
