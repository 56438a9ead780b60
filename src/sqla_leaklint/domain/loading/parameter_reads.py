"""What a function of the project reads of an object that it is given, as far as its summary tells for certain."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from sqla_leaklint.domain.values import ProjectFunction
from sqla_leaklint.semantic import terms as t
from sqla_leaklint.semantic.summary import FunctionSummary
from sqla_leaklint.syntax.tree import ParameterKind

if TYPE_CHECKING:
    from sqla_leaklint.domain.evaluation import Evaluator

_ASKING = frozenset({"__dict__", "_sa_instance_state"})
"""Who reads these asks what is loaded before reading it."""
_POSITIONAL = frozenset({ParameterKind.POSITIONAL, ParameterKind.POSITIONAL_ONLY})


def read_by(evaluator: Evaluator, function: ProjectFunction, place: int | str) -> tuple[str, ...]:
    """The attributes that a function reads of the argument in that place (a position, or a keyword), in no order.

    Nothing where a switch among its parameters may decide that, or where it asks first what is loaded.
    """
    summary = evaluator.classes.function(function)
    if summary is None or summary.is_generator:
        return ()
    if isinstance(place, int):
        positional = [parameter.name for parameter in summary.parameters if parameter.kind in _POSITIONAL]
        if place >= len(positional):
            return ()
        place = positional[place]
    return _read_of(summary, place)


@lru_cache(maxsize=4096)
def _read_of(function: FunctionSummary, parameter: str) -> tuple[str, ...]:
    if any(isinstance(each.default, t.Const) for each in function.parameters if each.name != parameter):
        return ()
    terms = [*function.returns, *function.locals.values()]
    for act in function.acts:
        terms += [part for part in (act.value, act.base, act.key) if part is not None and not isinstance(part, str)]
    found: set[str] = set()
    for part in t.all_in(terms):
        if isinstance(part, t.Ref) and part.path.endswith(("inspect", "instance_state", "object_session")):
            return ()
        if (
            isinstance(part, t.Attr)
            and isinstance(part.base, t.Param)
            and (part.base.function, part.base.name) == (function.qualname, parameter)
        ):
            found.add(part.name)
    return () if found & _ASKING else tuple(sorted(found))
