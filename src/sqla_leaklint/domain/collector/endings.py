"""How objects in cycles end: references that the program lets go of by itself, and objects that never end."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from sqla_leaklint.domain.application.callers import callers, last_name, users
from sqla_leaklint.domain.application.starting import starts_application
from sqla_leaklint.domain.values import ProjectClass, alternatives
from sqla_leaklint.semantic import terms as t
from sqla_leaklint.semantic.events import Deed
from sqla_leaklint.semantic.summary import Act, FunctionSummary, ModuleSummary

if TYPE_CHECKING:
    from sqla_leaklint.domain.module import Domain

_EMPTYING = frozenset({"clear", "pop", "popleft", "popitem", "remove", "discard"})
_DEEPEST = 3


class Endings:
    """Answers whether a cycle is broken, and whether there is one such object for as long as the process lives."""

    def __init__(self, domain: Domain) -> None:
        self._evaluator = domain.evaluator
        self._module = domain.module.summary

    def are_written(self, attributes: Iterable[str]) -> bool:
        """Whether something of the project lets go of what one of some attributes refers to."""
        return any(
            _lets_go(act, attribute)
            for attribute in attributes
            for module in users(self._evaluator, self._module, attribute)
            for function, act in module.mentions()
            if function is None or function.name != "__init__"
        )

    def is_made_once(self, cls: ProjectClass, depth: int = 0) -> bool:
        """Whether only what runs once makes instances of a class."""
        made = [
            (module, function)
            for module, function in self._makers(cls)
            if function is None or function.owner != cls.qualname
        ]
        return (
            bool(made)
            and depth < _DEEPEST
            and all(function is None or self._runs_once(module, function, depth) for module, function in made)
        )

    def _makers(self, cls: ProjectClass) -> Iterator[tuple[ModuleSummary, FunctionSummary | None]]:
        for user in users(self._evaluator, self._module, cls.name):
            frame = self._evaluator.frame(user)
            for function, act in user.mentions():
                call = act.value
                if act.deed is not Deed.CALLED or not isinstance(call, t.Call) or last_name(call.func) != cls.name:
                    continue
                if cls in alternatives(self._evaluator.of(call.func, frame)):
                    yield user, function

    def _runs_once(self, module: ModuleSummary, function: FunctionSummary, depth: int) -> bool:
        """A start-up handler, a cached function without arguments, the `__init__` of what is made once itself."""
        if function.name == "__init__" and function.owner is not None:
            return self.is_made_once(ProjectClass(module.path, function.owner), depth + 1)
        if starts_application(self._evaluator, module, function):
            return True
        if function.decorators and not function.parameters:
            return any(_is_cached(each) for each in function.decorators)
        calls = list(callers(self._evaluator, module, function))
        return bool(calls) and all(call.function is None for call in calls)


def _is_cached(term: t.Term) -> bool:
    func = term.func if isinstance(term, t.Call) else term
    return isinstance(func, t.Ref) and func.path in {"functools.cache", "functools.lru_cache"}


def _lets_go(act: Act, attribute: str) -> bool:
    match act.deed:
        case Deed.STORED_ATTRIBUTE:
            value = act.value
            is_nothing = isinstance(value, t.Const) or (isinstance(value, t.Collection) and not value.elements)
            return act.key == attribute and is_nothing
        case Deed.CALLED if isinstance(act.value, t.Call) and isinstance(act.value.func, t.Attr):
            held = act.value.func.base
            return act.value.func.name in _EMPTYING and isinstance(held, t.Attr) and held.name == attribute
        case Deed.DELETED_ITEM:
            return isinstance(act.base, t.Attr) and act.base.name == attribute
        case _:
            return False
