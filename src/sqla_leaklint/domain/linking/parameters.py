"""Parameters: what they are when nobody says what was passed, by provider, place, annotation and default."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from sqla_leaklint.domain.application.state import is_lifespan
from sqla_leaklint.domain.linking import calls, declarations, decorators
from sqla_leaklint.domain.values import (
    Dependency,
    Instance,
    Literal,
    Origin,
    ProjectClass,
    ProjectInstance,
    Unknown,
    Value,
    alternatives,
    with_origin,
)
from sqla_leaklint.knowledge.starlette import APPLICATION
from sqla_leaklint.semantic import terms as t
from sqla_leaklint.semantic.summary import FunctionSummary

if TYPE_CHECKING:
    from sqla_leaklint.domain.evaluation import Evaluator, Frame


def parameter(evaluator: Evaluator, term: t.Param, frame: Frame) -> Value:
    given = frame.arguments.get((term.function, term.name))
    if given is not None:
        return given
    function = frame.module.functions.get(term.function)
    if function is None:
        return Unknown(f"parameter `{term.name}`")
    return undetermined(evaluator, function, term.name, frame)


def undetermined(evaluator: Evaluator, function: FunctionSummary, name: str, frame: Frame) -> Value:
    """What a parameter is when nobody says what was passed: by its provider, its place, its annotation, its
    default.
    """
    parameter = function.parameter(name)
    if parameter is None:
        return Unknown(f"parameter `{name}`")
    if (
        function.owner is not None
        and function.parameters[0] is parameter
        and not decorators.is_static(evaluator, function, frame)
    ):
        owner = ProjectClass(frame.module.path, function.owner)
        if decorators.is_class_method(evaluator, function, frame):
            return owner
        return ProjectInstance(owner, Origin.PARAMETER)
    dependency = dependency_of(evaluator, function, name, frame)
    if dependency is not None:
        value = calls.provided(evaluator, dependency)
        if isinstance(value, Unknown) and parameter.annotation is not None:
            # The provider decides; only where it cannot be looked into is the annotation believed.
            annotated = declarations.instance_of(evaluator, parameter.annotation, frame, Origin.PROVIDED)
            return value if isinstance(annotated, Unknown) else annotated
        return value
    if parameter.annotation is not None:
        value = declarations.instance_of(evaluator, parameter.annotation, frame, Origin.PARAMETER)
        if not isinstance(value, Unknown):
            return value
    if parameter.default is not None:
        value = evaluator.of(parameter.default, frame)
        if not isinstance(value, Literal):
            return with_origin(value, Origin.PARAMETER)
    if function.is_generator and len(function.parameters) == 1 and is_lifespan(evaluator, frame.module, function):
        return Instance(APPLICATION, Origin.PARAMETER)
    return Unknown(f"parameter `{name}`")


def dependency_of(evaluator: Evaluator, function: FunctionSummary, name: str, frame: Frame) -> Dependency | None:
    """The `Depends(...)` of a parameter: its default, or a part of its `Annotated` annotation, in whatever
    module.
    """
    parameter = function.parameter(name)
    if parameter is None:
        return None
    if parameter.default is not None:
        for value in alternatives(evaluator.of(parameter.default, frame)):
            if isinstance(value, Dependency):
                if value.provider == Literal(None) and parameter.annotation is not None:
                    return replace(value, provider=declarations.class_of(evaluator, parameter.annotation, frame))
                return value
    if parameter.annotation is not None:
        return declarations.dependency(evaluator, parameter.annotation, frame)
    return None


def declared(evaluator: Evaluator, term: t.Declared, frame: Frame) -> Value:
    if term.value is not None:
        value = evaluator.of(term.value, frame)
        if not isinstance(value, Unknown | Literal) or value == Literal(None):
            return value
    else:
        value = Unknown("an annotation without a value")
    dependency = declarations.dependency(evaluator, term.annotation, frame)
    if dependency is not None:
        return calls.provided(evaluator, dependency)
    annotated = declarations.instance_of(evaluator, term.annotation, frame, Origin.DECLARED)
    return value if isinstance(annotated, Unknown) else annotated
