"""What a method comes to use through the objects that its own object holds.

    class Import:
        def __init__(self, repositories):
            self.repositories = repositories

        def run(self):
            self.repositories.orders.add(order)     # … whose `add` calls `self.session.add(order)`

Every call of the method is linked with what its object was made of, and so is what the called methods call.  What is
called on an object of a library is found; an object that is only held is not.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from sqla_leaklint.domain.values import (
    BoundMethod,
    Instance,
    ProjectFunction,
    ProjectInstance,
    Value,
    alternatives,
)
from sqla_leaklint.semantic import terms as t
from sqla_leaklint.semantic.events import Deed

if TYPE_CHECKING:
    from sqla_leaklint.domain.evaluation import Evaluator

_DEEPEST = 4
"""Objects inside of objects that are looked into."""
_MOST = 60
"""Methods that are looked into for one question."""


def reached(evaluator: Evaluator, method: ProjectFunction) -> Iterator[tuple[str, Value]]:
    """The objects of libraries that a bound method's object was made of, or what that was made of, and that the method
    uses: each with the attribute by which the object leads there.
    """
    given = set(_given(method.receiver)) if isinstance(method.receiver, ProjectInstance) else set()
    if given:
        yield from ((name, used) for name, used in _reached(evaluator, method, set(), 0) if name and used in given)


def _given(held: ProjectInstance, depth: int = 0) -> Iterator[Value]:
    for _, argument in held.arguments:
        for each in alternatives(argument):
            yield each
            if isinstance(each, ProjectInstance) and depth < _DEEPEST:
                yield from _given(each, depth + 1)


def _reached(
    evaluator: Evaluator, method: ProjectFunction, seen: set[tuple[str, str]], depth: int
) -> Iterator[tuple[str, Value]]:
    receiver, key = method.receiver, (method.path, method.qualname)
    summary, module = evaluator.classes.function(method), evaluator.project.summary_at(method.path)
    if not isinstance(receiver, ProjectInstance) or not receiver.arguments or summary is None or module is None:
        return
    if not summary.parameters or depth > _DEEPEST or key in seen or len(seen) > _MOST:
        return
    seen.add(key)
    own = summary.parameters[0].name
    frame = replace(evaluator.frame(module), arguments={(summary.qualname, own): receiver}, memo={})
    for act in summary.acts:
        if act.deed is not Deed.CALLED or not isinstance(act.value, t.Call):
            continue
        name = _first_attribute(act.value.func, own)
        for called in alternatives(evaluator.of(act.value.func, frame)):
            match called:
                case BoundMethod(receiver=Instance() | ProjectInstance() as used):
                    yield name, used
                case ProjectFunction(receiver=ProjectInstance() as other):
                    is_own = other == receiver
                    for inner, found in _reached(evaluator, called, seen, depth if is_own else depth + 1):
                        yield (inner if is_own else name), found
                case _:
                    pass


def _first_attribute(function: t.Term, own: str) -> str:
    """The attribute of the method's own object from which a call starts: "repo" of `self.repo.orders.add`."""
    for part in t.all_in([function]):
        match part:
            case t.Attr(base=t.Param(name=base), name=name) if base == own:
                return name
            case _:
                pass
    return ""
