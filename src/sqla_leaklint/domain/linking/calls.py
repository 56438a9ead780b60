"""Calls: what a call returns, by the tables for a library and by the body for a function of the project."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING

from sqla_leaklint.domain.linking import attached, construction, declarations, gathered, library, statements
from sqla_leaklint.domain.linking.decorators import decorated, row_of
from sqla_leaklint.domain.linking.library import Arguments, Keywords, unwrapped
from sqla_leaklint.domain.linking.merging import merge
from sqla_leaklint.domain.values import (
    Awaitable,
    BoundMethod,
    Conditional,
    Dependency,
    Generator,
    Instance,
    Literal,
    Manager,
    ManagerFactory,
    Many,
    OneOf,
    Origin,
    Partial,
    ProjectClass,
    ProjectFunction,
    ProjectInstance,
    Symbol,
    TupleValue,
    Unknown,
    Value,
    alternatives,
    with_origin,
)
from sqla_leaklint.knowledge.facts import Kind
from sqla_leaklint.semantic import terms as t
from sqla_leaklint.semantic.summary import FunctionSummary
from sqla_leaklint.syntax.tree import ParameterKind

if TYPE_CHECKING:
    from sqla_leaklint.domain.evaluation import Evaluator, Frame

UNPACKED = Unknown("unpacked")
"""An argument that stands for any number of others: `*args`, `**kwargs`."""
NOT_KNOWN = (UNPACKED,)
"""The arguments of a call that a library makes."""
DEEPEST_CALL = 12
"""Functions of the project called inside each other before the value is given up as unknown."""


def call(evaluator: Evaluator, term: t.Call, frame: Frame) -> Value:
    """The value of a call term."""
    function = evaluator.of(term.func, frame)
    args = tuple(_arguments(evaluator, term.args, frame, statements.takes_conditions(evaluator, function)))
    keywords = tuple((name, evaluator.of(each, frame)) for name, each in term.keywords)
    if isinstance(function, BoundMethod) and function.name == "get" and _is_context_variable(evaluator, function):
        return attached.value_of_variable(evaluator, term.func, frame)
    return apply(evaluator, function, args, keywords)


def _arguments(evaluator: Evaluator, terms: Iterable[t.Term], frame: Frame, takes_conditions: bool) -> Iterator[Value]:
    """The arguments by position; a tuple or list that is unpacked among them is as many as it has elements.

    `takes_conditions`: those that are there on some paths only can be told apart.
    """
    for term in terms:
        if isinstance(term, t.Star) and term.gathered is not None:
            known = gathered.elements(evaluator, term.gathered, frame)
            if known is not None and (takes_conditions or not any(isinstance(each, Conditional) for each in known)):
                yield from known
                continue
        unpacked = None
        if isinstance(term, t.Star) and term.depth == 1 and not _is_left_to_callers(term.value, frame):
            unpacked = evaluator.of(term.value, frame)
        if isinstance(unpacked, TupleValue) and UNPACKED not in unpacked.elements:
            yield from unpacked.elements
        else:
            yield evaluator.of(term, frame)


def _is_left_to_callers(term: t.Term, frame: Frame) -> bool:
    """Whether a parameter is in it of which nothing but the default is known."""
    return any(
        isinstance(part, t.Param) and (part.function, part.name) not in frame.arguments for part in t.all_in((term,))
    )


def _is_context_variable(evaluator: Evaluator, method: BoundMethod) -> bool:
    receiver = method.receiver
    return isinstance(receiver, Instance) and evaluator.knowledge.is_a(receiver.type, Kind.CONTEXT_VARIABLE)


def apply(evaluator: Evaluator, function: Value, args: Arguments, keywords: Keywords) -> Value:
    """The value of calling a value."""
    match function:
        case OneOf():
            callables = [each for each in function.values if each != Literal(None)]
            return merge([apply(evaluator, each, args, keywords) for each in callables])
        case Symbol():
            return library.call_library(evaluator, function.path, args, keywords)
        case ProjectFunction():
            return call_function(evaluator, function, args, keywords)
        case ProjectClass():
            return construction.constructed(evaluator, function, args, keywords)
        case BoundMethod():
            return library.call_method(evaluator, function, args, keywords)
        case Instance():
            return library.call_instance(evaluator, function, keywords)
        case ProjectInstance():
            method = evaluator.classes.instance_attribute(function, "__call__")
            return (
                apply(evaluator, method, args, keywords)
                if isinstance(method, ProjectFunction)
                else Unknown("calling it")
            )
        case ManagerFactory():
            made = apply(evaluator, function.function, args, keywords)
            return Manager(evaluator.element(made)) if not isinstance(made, Unknown) else made
        case Partial():
            return apply(evaluator, function.function, (*function.args, *args), (*function.keywords, *keywords))
        case _:
            return function if isinstance(function, Unknown) else Unknown("calling it")


# --- the project ------------------------------------------------------------------------------------------------------


def bind(function: FunctionSummary, args: Arguments, keywords: Keywords) -> dict[tuple[str, str], Value]:
    """Arguments by parameter."""
    bound: dict[tuple[str, str], Value] = {}
    positional = [p for p in function.parameters if p.kind in {ParameterKind.POSITIONAL, ParameterKind.POSITIONAL_ONLY}]
    for parameter, value in zip(positional, args, strict=False):
        if value == UNPACKED:
            break
        bound[function.qualname, parameter.name] = value
    names = {parameter.name for parameter in function.parameters}
    for name, value in keywords:
        if name in names:
            bound[function.qualname, name] = value
    return bound


def bind_call(
    function: ProjectFunction, summary: FunctionSummary, call: t.Call, value_of: Callable[[t.Term], Value]
) -> dict[tuple[str, str], Value]:
    """What a call gives to a function of the project by parameter, the object that a method is bound to included."""
    receiver = () if function.receiver is None else (function.receiver,)
    args = (*receiver, *map(value_of, call.args))
    return bind(summary, args, tuple((name, value_of(each)) for name, each in call.keywords))


def call_function(evaluator: Evaluator, function: ProjectFunction, args: Arguments, keywords: Keywords) -> Value:
    """What a function of the project returns, its decorators included."""
    summary = evaluator.classes.function(function)
    module = evaluator.project.summary_at(function.path)
    if summary is None or module is None:
        return Unknown(f"function `{function.qualname}`")
    if function.receiver is not None:
        args = (function.receiver, *args)
    value = _body(evaluator, function, summary, args, keywords)
    frame = evaluator.frame(module)
    for decorator in reversed(summary.decorators):
        value = decorated(evaluator, decorator, value, frame)
    return value


def _body(
    evaluator: Evaluator, function: ProjectFunction, summary: FunctionSummary, args: Arguments, keywords: Keywords
) -> Value:
    from sqla_leaklint.domain.evaluation import Frame

    key = (function.path, function.qualname)
    module = evaluator.project.summary_at(function.path)
    assert module is not None
    if key in evaluator.progress:
        evaluator.progress.cut_short_for(key)
        return Unknown(f"`{function.qualname}` calls itself")
    if evaluator.depth_of_calls > DEEPEST_CALL:
        evaluator.progress.cut_short()
        return Unknown(f"`{function.qualname}` is called too deeply")
    needed = evaluator.classes.parameters_returned(function.path, summary)
    bound = {}
    if needed:
        bound = bind(summary, args, keywords)
        given = (*args, *(value for _, value in keywords))
        bound |= dict.fromkeys(construction.left_out(summary, given, bound), construction.NONE)
        bound = {name: value for name, value in bound.items() if name in needed}
    memo_key = (*key, tuple(sorted(bound.items(), key=lambda item: item[0])))
    known = evaluator.results.get(memo_key)
    if known is not None:
        return known
    outer = evaluator.progress.begin(key)
    evaluator.depth_of_calls += 1
    try:
        value = _result(evaluator, function, summary, Frame(module, bound) if bound else evaluator.frame(module))
    finally:
        evaluator.depth_of_calls -= 1
        is_its_own = evaluator.progress.end(key, outer)
    if is_its_own or not isinstance(value, Unknown):
        evaluator.results[memo_key] = value
    return value


def _result(evaluator: Evaluator, function: ProjectFunction, summary: FunctionSummary, frame: Frame) -> Value:
    if summary.is_generator:
        return Generator(merge([evaluator.of(term, frame) for term in summary.yields]), function)
    if not summary.returns:
        value: Value = Literal(None)
    else:
        value = merge([evaluator.of(term, frame) for term in summary.returns])
    if isinstance(value, Unknown) and summary.returns_annotation is not None:
        declared = declarations.instance_of(evaluator, summary.returns_annotation, frame, Origin.DECLARED)
        value = value if isinstance(declared, Unknown) else declared
    return Awaitable(value) if summary.is_async else value


def function_attribute(evaluator: Evaluator, function: ProjectFunction, name: str) -> Value:
    """`function.name`, where a decorator has made an object of the function: `@click.group()` a group with
    `command`, `@app.task` a task with `delay`.
    """
    summary = evaluator.classes.function(function)
    module = evaluator.project.summary_at(function.path)
    knowledge = evaluator.knowledge
    if summary is not None and module is not None:
        frame = evaluator.frame(module)
        for decorator in summary.decorators:
            row = row_of(evaluator, decorator, frame)
            made = row.makes if row is not None else ""
            if made and (knowledge.decorator_method(made, name) or knowledge.handoff_method(made, name)):
                return BoundMethod(Instance(made, Origin.GLOBAL), name)
    return Unknown(f"attribute `{name}` of a function")


# --- dependency injection ---------------------------------------------------------------------------------------------


def provided(evaluator: Evaluator, dependency: Dependency) -> Value:
    """What FastAPI injects for a dependency: what its provider yields or returns, owned by the request."""
    provider = dependency.provider
    made = apply(evaluator, provider, NOT_KNOWN, ())
    value: Value = merge([_injected(each) for each in alternatives(unwrapped(made))])
    function = provider if isinstance(provider, ProjectFunction) else None
    return with_origin(value, Origin.PROVIDED, function, dependency.scope)


def _injected(value: Value) -> Value:
    match value:
        case Generator():
            return value.element
        case Awaitable():
            return value.value
        case Manager():
            return value
        case Many():
            return value
        case _:
            return value
