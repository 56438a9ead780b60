"""What memoises: functools' decorators under whatever name, and how many results they keep."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from sqla_leaklint.domain.values import Literal, ProjectFunction
from sqla_leaklint.semantic import terms as t
from sqla_leaklint.semantic.project import binding
from sqla_leaklint.semantic.summary import ModuleSummary

if TYPE_CHECKING:
    from sqla_leaklint.domain.evaluation import Evaluator

_LONGEST_WAY = 6
"""Names that may stand for each other before the search is given up."""


@dataclass(frozen=True, slots=True)
class Bound:
    """How many results are kept; without `most` all of them, if that is known."""

    most: int | None
    is_known: bool = True

    @property
    def is_infinite(self) -> bool:
        return self.is_known and self.most is None


_NOT_KNOWN = Bound(None, is_known=False)


@dataclass(frozen=True, slots=True)
class Memoizer:
    """A memoiser: its canonical name, and its bound.  `is_given`: it has been given its options."""

    path: str
    bound: Bound
    is_given: bool = False


def memoizer_of(evaluator: Evaluator, module: ModuleSummary, term: t.Term) -> Memoizer | None:
    """The memoiser that a term of a module is, as a decorator or as what is called with a function."""
    return _of(evaluator, module, term, 0)


def _of(evaluator: Evaluator, module: ModuleSummary, term: t.Term, depth: int) -> Memoizer | None:
    if depth > _LONGEST_WAY:
        return None
    match term:
        case t.Ref():
            row = evaluator.knowledge.memoizer(term.path)
            if row is not None:
                return Memoizer(row.name, Bound(row.default_bound))
            found = _bound_to(evaluator, module, term.path)
            return _of(evaluator, *found, depth + 1) if found is not None else None
        case t.FunctionRef():
            return _of_decorator(evaluator, module, term, depth)
        case t.Join():  # `try: from functools import cache; except ImportError: cache = lru_cache(maxsize=None)`
            ways = [_of(evaluator, module, each, depth + 1) for each in term.terms]
            return ways[-1] if None not in ways else None
        case t.Declared() if term.value is not None:
            return _of(evaluator, module, term.value, depth + 1)
        case t.Call():
            return _with_options(evaluator, module, term, depth)
        case _:
            return None


def _bound_to(evaluator: Evaluator, module: ModuleSummary, path: str) -> tuple[ModuleSummary, t.Term] | None:
    """The term that a name of a module of the project stands for, and the module that it belongs to."""
    target = evaluator.project.resolve(path, module)
    return binding(evaluator.project, target[0], target[1][0]) if target is not None and len(target[1]) == 1 else None


def _with_options(evaluator: Evaluator, module: ModuleSummary, call: t.Call, depth: int) -> Memoizer | None:
    """`lru_cache(maxsize=…)`, `memoised(…)`: a memoiser that has been told its bound, and no function as yet."""
    called = _of(evaluator, module, call.func, depth + 1)
    if called is None:
        return _made_by(evaluator, module, call, depth)
    row = evaluator.knowledge.memoizer(called.path)
    if row is None or not row.bound_keyword or called.is_given:
        return None
    if any(isinstance(part, t.Star) for part in (*call.args, *(value for _, value in call.keywords))):
        return replace(called, bound=_NOT_KNOWN, is_given=True)
    given = call.keyword(row.bound_keyword) or next(iter(call.args), None)
    if given is None:
        return replace(called, is_given=True)
    match evaluator.of(given, evaluator.frame(module)):
        case Literal(value=None):
            bound = Bound(None)
        case Literal(value=int() as most) if not isinstance(most, bool):
            bound = Bound(max(0, most))
        case Literal() | ProjectFunction():
            return None  # it is given the function
        case _:
            bound = _NOT_KNOWN
    return replace(called, bound=bound, is_given=True)


def _of_decorator(evaluator: Evaluator, module: ModuleSummary, reference: t.FunctionRef, depth: int) -> Memoizer | None:
    """A decorator of the project that does no more than wrap the function below it by a memoiser."""
    function = module.functions.get(reference.qualname)
    if function is None or not function.returns or function.is_async or function.is_generator or function.decorators:
        return None
    found: Memoizer | None = None
    for returned in function.returns:
        if not isinstance(returned, t.Call) or not returned.args or not function.parameters:
            return None
        wrapped = returned.args[0]
        if not isinstance(wrapped, t.Param) or wrapped.name != function.parameters[0].name:
            return None
        found = _of(evaluator, module, returned.func, depth + 1)
        if found is None:
            return None
    return replace(found, is_given=True) if found is not None else None


def _made_by(evaluator: Evaluator, module: ModuleSummary, call: t.Call, depth: int) -> Memoizer | None:
    """`@memoised(500)`, where the project's `memoised` returns a memoiser."""
    if not isinstance(call.func, t.Ref | t.FunctionRef):
        return None
    owner, target = module, call.func
    if isinstance(target, t.Ref):
        found = _bound_to(evaluator, module, target.path)
        if found is None or not isinstance(found[1], t.FunctionRef):
            return None
        owner, target = found[0], found[1]
    function = owner.functions.get(target.qualname)
    if function is None or len(function.returns) != 1 or function.is_async or function.is_generator:
        return None
    made = _of(evaluator, owner, function.returns[0], depth + 1)
    return made if made is not None and made.is_given else None
