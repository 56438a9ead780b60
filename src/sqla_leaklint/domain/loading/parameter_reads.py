"""What a function of the project reads of an object that it is given, as far as its summary tells for certain."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from sqla_leaklint.diagnostics import Location
from sqla_leaklint.domain.places import place_in
from sqla_leaklint.domain.rows.other_modules import domain_of
from sqla_leaklint.domain.rows.queries import function_text
from sqla_leaklint.domain.values import ProjectFunction
from sqla_leaklint.semantic import terms as t
from sqla_leaklint.semantic.summary import FunctionSummary
from sqla_leaklint.syntax import tree
from sqla_leaklint.syntax.tree import ParameterKind

if TYPE_CHECKING:
    from sqla_leaklint.domain.evaluation import Evaluator
    from sqla_leaklint.domain.module import Domain

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
    parameter = _parameter(summary, place)
    return _read_of(summary, parameter) if parameter is not None else ()


def place_of_read(domain: Domain, function: ProjectFunction, place: int | str, name: str) -> Location | None:
    """Where a function first reads an attribute of the argument in that place; else where the function is."""
    there = domain_of(domain, function.path)
    body = there.module.executor.bodies.get(function.qualname) if there is not None else None
    summary = domain.evaluator.classes.function(function)
    if there is None or body is None or summary is None:
        return domain.locate(function.path, function.qualname)
    wanted = (function.qualname, _parameter(summary, place))
    for expr in function_text(there, body).expressions:
        term = there.term(expr) if isinstance(expr, tree.Attribute) and expr.attr == name else None
        if (
            isinstance(term, t.Attr)
            and isinstance(term.base, t.Param)
            and (term.base.function, term.base.name) == wanted
        ):
            return place_in(there.module, expr)
    return domain.locate(function.path, function.qualname)


def _parameter(summary: FunctionSummary, place: int | str) -> str | None:
    if isinstance(place, str):
        return place
    positional = [parameter.name for parameter in summary.parameters if parameter.kind in _POSITIONAL]
    return positional[place] if place < len(positional) else None


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
