"""Decorators that stand between a call and the function below them: do they do anything with its arguments?

    def provide_session(function):
        @wraps(function)
        def wrapper(*args, **kwargs):
            if kwargs.get("session") is not None:          # looks at them
                return function(*args, **kwargs)           # hands them through
            with SessionLocal() as session:
                return function(*args, session=session, **kwargs)
        return wrapper

A decorator of the project whose wrappers only look at what they are given, and hand it through, is as good as none.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import TYPE_CHECKING

from sqla_leaklint.domain.application.callers import decorated_by
from sqla_leaklint.domain.lifetimes.library_calls import LOOKING
from sqla_leaklint.domain.linking.decorators import PLAIN_DECORATORS, decoration_of
from sqla_leaklint.domain.memo import Memo
from sqla_leaklint.domain.values import ProjectFunction, Symbol
from sqla_leaklint.semantic import terms as t
from sqla_leaklint.semantic.events import Deed
from sqla_leaklint.semantic.summary import Act, FunctionSummary, ModuleSummary

if TYPE_CHECKING:
    from sqla_leaklint.domain.evaluation import Evaluator

_READS = frozenset({"get", "setdefault", "items", "keys", "values", "update", "copy"})
"""Methods of `args` and `kwargs` that give them to nobody."""
_MOST_BELOW = 60
"""Functions below one decorator that are looked at."""
_MEMO: Memo[Evaluator, dict[tuple[str, str], bool]] = Memo(lambda _: {})


def is_plain(evaluator: Evaluator, function: FunctionSummary, module: ModuleSummary) -> bool:
    """Whether no decorator stands between a call and the body that could do something with the arguments."""
    frame = evaluator.frame(module)
    for decorator in function.decorators:
        if decoration_of(evaluator, decorator, frame) is not None:
            continue
        value = evaluator.of(decorator.func if isinstance(decorator, t.Call) else decorator, frame)
        if isinstance(value, ProjectFunction) and _hands_through(evaluator, value):
            continue
        if not isinstance(value, Symbol) or value.path == "abc.abstractmethod":
            return False
        if value.path not in PLAIN_DECORATORS and evaluator.knowledge.function(value.path) is not None:
            return False
    return True


def functions_below(evaluator: Evaluator, module: ModuleSummary, wrapped: t.Param) -> tuple[ProjectFunction, ...]:
    """What a wrapper calls when it calls the function that its decorator was given: all that stand below it."""
    decorator = module.functions.get(wrapped.function)
    if decorator is None or not _makes_wrappers(module, decorator, wrapped):
        return ()
    while decorator.scope is not None and (outer := module.functions.get(decorator.scope)) is not None:
        decorator = outer  # @provide(read_only=True)
    below = islice(decorated_by(evaluator, module, decorator), _MOST_BELOW + 1)
    found = tuple(ProjectFunction(user.path, function.qualname) for user, function in below)
    return found if len(found) <= _MOST_BELOW else ()


def _hands_through(evaluator: Evaluator, decorator: ProjectFunction) -> bool:
    memo = _MEMO.of(evaluator)
    key = (decorator.path, decorator.qualname)
    if key not in memo:
        memo[key] = False
        module = evaluator.project.summary_at(decorator.path)
        summary = evaluator.classes.function(decorator)
        if module is not None and summary is not None:
            place = 1 if decorator.receiver is not None else 0
            memo[key] = any(
                len(each.parameters) > first
                and _makes_wrappers(module, each, t.Param(each.qualname, each.parameters[first].name))
                for each, first in ((summary, place), *((inner, 0) for inner in _returned(module, summary)))
            )
    return memo[key]


def _makes_wrappers(module: ModuleSummary, decorator: FunctionSummary, wrapped: t.Param) -> bool:
    """Whether all that a decorator returns are wrappers that hand their arguments through."""
    wrappers = list(_returned(module, decorator))
    return bool(wrappers) and all(_Wrapper(wrapper, wrapped).hands_through() for wrapper in wrappers)


def _returned(module: ModuleSummary, function: FunctionSummary) -> Iterator[FunctionSummary]:
    """The functions below a function that it returns."""
    for part in t.all_in(function.returns):
        if isinstance(part, t.FunctionRef) and part.qualname.startswith(f"{function.qualname}."):
            found = module.functions.get(part.qualname)
            if found is not None:
                yield found


class _Wrapper:
    """Judges one wrapper."""

    def __init__(self, function: FunctionSummary, wrapped: t.Param) -> None:
        self._function = function
        self._wrapped = (wrapped.function, wrapped.name)

    def hands_through(self) -> bool:
        """Whether it does nothing with its arguments but look at them and pass them to the function below."""
        function = self._function
        calls = [act for act in function.acts if act.deed is Deed.CALLED and self._calls_wrapped(act.value)]
        return (
            bool(calls)
            and all(self._is_harmless(act) for act in function.acts)
            and not any(self._is_given(value) for value in (*function.returns, *function.yields))
        )

    def _calls_wrapped(self, call: t.Term) -> bool:
        match call:
            case t.Call(func=t.Param(function=function, name=name)):
                return (function, name) == self._wrapped
            case _:
                return False

    def _is_harmless(self, act: Act) -> bool:
        if act.deed is not Deed.CALLED:
            return not self._is_given(act.value)
        match act.value:
            case call if self._calls_wrapped(call):
                return True
            case t.Call(func=t.Ref(path=path)) if path in LOOKING:
                return True
            case t.Call(func=t.Attr(base=t.Param(), name=name)) if name in _READS:
                return True
            case call:
                return not self._is_given(call)

    def _is_given(self, term: t.Term) -> bool:
        """Whether a term is an argument of the wrapper, or is made of one; what the function below returns is not."""
        pending, seen = [term], set()
        while pending:
            part = pending.pop()
            if part in seen or self._calls_wrapped(part) or isinstance(part, t.Compare):
                continue
            seen.add(part)
            if isinstance(part, t.Param) and part.function == self._function.qualname:
                return True
            if isinstance(part, t.FunctionRef):
                return True  # a function in the wrapper may capture them
            pending.extend(t.parts_of(part))
        return False
