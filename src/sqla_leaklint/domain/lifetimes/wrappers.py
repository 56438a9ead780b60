"""Decorators that stand between a call and the function below them: do they do anything with its arguments?

    def provide_session(function):
        @wraps(function)
        def wrapper(*args, **kwargs):
            if kwargs.get("session") is not None:          # looks at them
                return function(*args, **kwargs)           # hands them through
            with SessionLocal() as session:
                return function(*args, session=session, **kwargs)
        return wrapper

A decorator of the project whose wrappers only look at what they are given, and hand it through, is as good as none;
what they give on top of it (`session` here) the function below has of its decorator.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import TYPE_CHECKING

from sqla_leaklint.domain.application.callers import decorated_by
from sqla_leaklint.domain.lifetimes.library_calls import LOOKING
from sqla_leaklint.domain.linking.calls import bind_call
from sqla_leaklint.domain.linking.decorators import PLAIN_DECORATORS, decoration_of, route_of
from sqla_leaklint.domain.linking.merging import merge
from sqla_leaklint.domain.memo import Memo
from sqla_leaklint.domain.values import Literal, ProjectFunction, Symbol, Value
from sqla_leaklint.semantic import terms as t
from sqla_leaklint.semantic.events import Deed
from sqla_leaklint.semantic.summary import Act, FunctionSummary, ModuleSummary
from sqla_leaklint.syntax.tree import ParameterKind

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
            route = route_of(evaluator, decorator, frame)
            if route is None or route.is_bare:
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


def injected(evaluator: Evaluator, function: FunctionSummary, module: ModuleSummary) -> dict[str, Value]:
    """What the decorators of a function give it on top of what it is called with, by parameter."""
    found: dict[str, list[Value]] = {}
    for decorator in function.decorators:
        applied = decorator.func if isinstance(decorator, t.Call) else decorator
        value = evaluator.of(applied, evaluator.frame(module))
        if isinstance(value, ProjectFunction) and _hands_through(evaluator, value):
            for name, given in _added(evaluator, value, decorator, module):
                if function.parameter(name) is not None:
                    found.setdefault(name, []).append(given)
    return {name: merge(values) for name, values in found.items()}


def _added(
    evaluator: Evaluator, decorator: ProjectFunction, term: t.Term, user: ModuleSummary
) -> Iterator[tuple[str, Value]]:
    """What the wrappers of a decorator, as it is written in a module, hand on by a name of their own."""
    from sqla_leaklint.domain.evaluation import Frame

    module, summary = evaluator.project.summary_at(decorator.path), evaluator.classes.function(decorator)
    if module is None or summary is None:
        return
    frame = evaluator.frame(module)
    if isinstance(term, t.Call):
        own = evaluator.frame(user)
        frame = Frame(module, bind_call(decorator, summary, term, lambda each: evaluator.of(each, own)))
    for maker, wrapped in _makers(module, summary, decorator):
        for wrapper in _returned(module, maker):
            judged = _Wrapper(wrapper, wrapped)
            for key, value in judged.added():
                name = evaluator.of(key, frame)
                if isinstance(name, Literal) and isinstance(name.value, str):
                    yield name.value, evaluator.of(value, frame)


def _hands_through(evaluator: Evaluator, decorator: ProjectFunction) -> bool:
    memo = _MEMO.of(evaluator)
    key = (decorator.path, decorator.qualname)
    if key not in memo:
        memo[key] = False
        module = evaluator.project.summary_at(decorator.path)
        summary = evaluator.classes.function(decorator)
        if module is not None and summary is not None:
            memo[key] = any(True for _ in _makers(module, summary, decorator))
    return memo[key]


def _makers(
    module: ModuleSummary, summary: FunctionSummary, decorator: ProjectFunction
) -> Iterator[tuple[FunctionSummary, t.Param]]:
    """What makes wrappers that hand their arguments through, the decorator or a function in it, and of what."""
    place = 1 if decorator.receiver is not None else 0
    for each, first in ((summary, place), *((inner, 0) for inner in _returned(module, summary))):
        if len(each.parameters) > first:
            wrapped = t.Param(each.qualname, each.parameters[first].name)
            if _makes_wrappers(module, each, wrapped):
                yield each, wrapped


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

    def added(self) -> Iterator[tuple[t.Term, t.Term]]:
        """What it gives to the function below on top of what it is given itself, and by which name."""
        collected = next(
            (each.name for each in self._function.parameters if each.kind is ParameterKind.VAR_KEYWORD), None
        )
        for act in self._function.acts:
            match act:
                case Act(deed=Deed.CALLED, value=t.Call(keywords=keywords) as call) if self._calls_wrapped(call):
                    yield from ((t.Const(name), value) for name, value in keywords)
                case Act(deed=Deed.STORED_ITEM, base=t.Param(function=function, name=name), key=key) if (
                    key is not None
                    and not isinstance(key, str)
                    and (function, name) == (self._function.qualname, collected)
                ):
                    yield key, act.value
                case _:
                    pass

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
