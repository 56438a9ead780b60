"""Decorators: what they make of the function below them, and what they leave of its value."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from sqla_leaklint.domain.linking.routing import ROUTES, Route, own_route
from sqla_leaklint.domain.values import (
    Awaitable,
    BoundMethod,
    Generator,
    Instance,
    Manager,
    Origin,
    ProjectFunction,
    Symbol,
    Value,
    with_origin,
)
from sqla_leaklint.knowledge.facts import Decoration, Decorator
from sqla_leaklint.semantic import terms as t
from sqla_leaklint.semantic.summary import FunctionSummary

if TYPE_CHECKING:
    from sqla_leaklint.domain.evaluation import Evaluator, Frame


def decorated(evaluator: Evaluator, decorator: t.Term, value: Value, frame: Frame) -> Value:
    """What is left of a function's value when a decorator stands above it."""
    row = row_of(evaluator, decorator, frame)
    decoration = row.decoration if row is not None else None
    if decoration in {Decoration.CONTEXT_MANAGER, Decoration.ASYNC_CONTEXT_MANAGER}:
        element = evaluator.element(value)
        return Manager(element)
    if decoration is Decoration.CACHED:
        return with_origin(value, Origin.GLOBAL)
    if decoration is not None:
        return value
    function = evaluator.of(decorator.func if isinstance(decorator, t.Call) else decorator, frame)
    if isinstance(function, Symbol) and function.path in PLAIN_DECORATORS:
        return value
    if isinstance(function, ProjectFunction):
        route = route_of(evaluator, decorator, frame)
        if route is not None and route.is_bare:
            return value
    # A decorator that nobody knows: the type of the value may be kept, its owner is not known.
    return _disowned(value)


def _disowned(value: Value) -> Value:
    match value:
        case Awaitable():
            return Awaitable(_disowned(value.value))
        case Generator():
            return Generator(_disowned(value.element), value.function)
        case _:
            return with_origin(value, Origin.DECLARED)


PLAIN_DECORATORS = frozenset(
    {
        "builtins.staticmethod",
        "builtins.classmethod",
        "builtins.property",
        "functools.cached_property",
        "abc.abstractmethod",
    }
)


def decoration_of(evaluator: Evaluator, decorator: t.Term, frame: Frame) -> Decoration | None:
    """What a decorator does, by the tables; `@decorator(...)` and `@object.decorator(...)` too, and one of the project
    that registers what stands below it as an endpoint.
    """
    row = row_of(evaluator, decorator, frame)
    if row is not None:
        return row.decoration
    route = _own_route(evaluator, decorator, frame)
    return route.decoration if route is not None else None


def route_of(evaluator: Evaluator, decorator: t.Term, frame: Frame) -> Route | None:
    """How a decorator makes an endpoint of the function below it: by itself, or by what it calls; None if it makes
    none.
    """
    row = row_of(evaluator, decorator, frame)
    if row is None:
        return _own_route(evaluator, decorator, frame)
    if row.decoration not in ROUTES or not isinstance(decorator, t.Call):
        return None
    return Route(row.decoration, decorator)


def _own_route(evaluator: Evaluator, decorator: t.Term, frame: Frame) -> Route | None:
    value = evaluator.of(decorator.func if isinstance(decorator, t.Call) else decorator, frame)
    return own_route(evaluator, decorator, value, frame.module) if isinstance(value, ProjectFunction) else None


def row_of(evaluator: Evaluator, decorator: t.Term, frame: Frame) -> Decorator | None:
    """What the tables know of a decorator."""
    func = decorator.func if isinstance(decorator, t.Call) else decorator
    value = evaluator.of(func, frame)
    if func is not decorator and isinstance(value, Symbol) and evaluator.knowledge.type(value.path) is not None:
        value = evaluator.of(decorator, frame)  # `@Profiler()`: the instance is what decorates
    match value:
        case Symbol():
            return evaluator.knowledge.decorator(value.path)
        case Instance():
            return evaluator.knowledge.decorator_method(value.type, "__call__")
        case BoundMethod():
            owner = evaluator.classes.library_type(value.receiver)
            return evaluator.knowledge.decorator_method(owner, value.name) if owner is not None else None
        case _:
            return None


def _has_decorator(evaluator: Evaluator, function: FunctionSummary, frame: Frame, *paths: str) -> bool:
    return any(
        isinstance(value, Symbol) and value.path in paths
        for value in (evaluator.of(decorator, frame) for decorator in function.decorators)
    )


def is_static(evaluator: Evaluator, function: FunctionSummary, frame: Frame) -> bool:
    return _has_decorator(evaluator, function, frame, "builtins.staticmethod")


def is_class_method(evaluator: Evaluator, function: FunctionSummary, frame: Frame) -> bool:
    return function.name in {"__init_subclass__", "__class_getitem__"} or _has_decorator(
        evaluator, function, frame, "builtins.classmethod"
    )


def is_memoised(evaluator: Evaluator, decorators: Iterable[t.Term], frame: Frame) -> bool:
    """Whether one of the decorators keeps what the function returns, and hands it out from then on."""
    for decorator in decorators:
        value = evaluator.of(decorator.func if isinstance(decorator, t.Call) else decorator, frame)
        if isinstance(value, Symbol) and (
            evaluator.knowledge.memoizer(value.path) is not None or value.path == "functools.cached_property"
        ):
            return True
        if decoration_of(evaluator, decorator, frame) is Decoration.CACHED:
            return True
    return False


def is_property(evaluator: Evaluator, function: FunctionSummary, frame: Frame) -> bool:
    return _has_decorator(evaluator, function, frame, "builtins.property", "functools.cached_property")
