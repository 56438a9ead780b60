"""Who calls a function from outside: endpoints, websocket handlers, middlewares, dependencies, tasks, commands.

A function is what its decorators make of it (`@router.get`, whatever the router is called), or what it is registered as
(`app.add_api_route("/", read)`), or a provider that some `Depends(...)` in the project names.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import TYPE_CHECKING

from sqla_leaklint.domain.linking.decorators import decoration_of
from sqla_leaklint.domain.values import (
    Dependency,
    Origin,
    ProjectClass,
    ProjectFunction,
    ProjectInstance,
    Value,
    alternatives,
)
from sqla_leaklint.knowledge.facts import Decoration
from sqla_leaklint.semantic import terms as t
from sqla_leaklint.semantic.events import Deed
from sqla_leaklint.semantic.summary import FunctionSummary, ModuleSummary

if TYPE_CHECKING:
    from sqla_leaklint.domain.evaluation import Evaluator, Frame

REGISTERED_BY = {
    "add_api_route": Decoration.ENDPOINT,
    "add_route": Decoration.ENDPOINT,
    "add_api_websocket_route": Decoration.WEBSOCKET_ENDPOINT,
    "add_websocket_route": Decoration.WEBSOCKET_ENDPOINT,
    "add_exception_handler": Decoration.EXCEPTION_HANDLER,
}
"""Methods of applications and routers that take a function, and what they make of it."""

HANDLERS = frozenset(
    {Decoration.ENDPOINT, Decoration.WEBSOCKET_ENDPOINT, Decoration.MIDDLEWARE, Decoration.EXCEPTION_HANDLER}
)
"""What runs once for every request or message."""


def decorations(evaluator: Evaluator, module: ModuleSummary, function: FunctionSummary) -> frozenset[Decoration]:
    """What a function's decorators make of it, as far as the tables know them."""
    frame = evaluator.frame(module)
    found = {decoration_of(evaluator, decorator, frame) for decorator in function.decorators}
    return frozenset(each for each in found if each is not None)


def is_handler(evaluator: Evaluator, module: ModuleSummary, function: FunctionSummary) -> bool:
    """Whether a function runs once for every request: an endpoint, middleware or the like."""
    if function.decorators and decorations(evaluator, module, function) & HANDLERS:
        return True
    return any(True for _ in _registrations(evaluator, module, function))


def is_provider(evaluator: Evaluator, module: ModuleSummary, function: FunctionSummary) -> bool:
    """Whether some `Depends(...)` of the project names the function, or the class whose method it is."""
    wanted = provider_of(module, function)
    return any(
        any(is_dependency_on(evaluator.of(term, evaluator.frame(user)), wanted) for term in dependency_terms(user))
        for user in evaluator.project.mentioning(provided_by(wanted), and_any_of=DEPENDING)
    )


DEPENDING = ("Depends", "Security")


Provider = ProjectFunction | ProjectClass | ProjectInstance
"""What FastAPI calls for a dependency: a function, a class to make an instance, an instance for what it returns."""


def provider_of(module: ModuleSummary, function: FunctionSummary) -> Provider:
    """What a `Depends(...)` names that runs a function: the function, the class whose `__init__` it is, or any instance
    of the class whose `__call__` it is.
    """
    if function.owner is not None and function.name == "__init__":
        return ProjectClass(module.path, function.owner)
    if function.owner is not None and function.name == "__call__":
        return ProjectInstance(ProjectClass(module.path, function.owner), Origin.FRESH)
    return ProjectFunction(module.path, function.qualname)


def provided_by(provider: Provider) -> str:
    """The name by which a `Depends(...)` can name a provider: that of a function, or of a class."""
    match provider:
        case ProjectFunction(qualname=qualname):
            return qualname.rpartition(".")[2]
        case ProjectInstance(cls=cls):
            return cls.name
        case ProjectClass(name=name):
            return name


def is_dependency_on(value: Value, wanted: Provider) -> bool:
    """Whether a value is `Depends(...)` of that function, method, class or of an instance of that class."""
    return any(
        isinstance(each, Dependency) and any(runs(provider, wanted) for provider in alternatives(each.provider))
        for each in alternatives(value)
    )


def runs(provider: Value, wanted: Provider) -> bool:
    """Whether to call a value is to run that function or method, to make an instance of that class, or to call one."""
    match provider:
        case ProjectFunction(path=path, qualname=qualname) if isinstance(wanted, ProjectFunction):
            return (path, qualname) == (wanted.path, wanted.qualname)  # whatever a method is bound to
        case ProjectInstance(cls=cls) if isinstance(wanted, ProjectInstance):
            return cls == wanted.cls
        case _:
            return provider == wanted


@lru_cache(maxsize=512)
def dependency_terms(module: ModuleSummary) -> tuple[t.Call, ...]:
    """Every call of a module that can be a `Depends(...)`: in defaults, annotations, aliases, arguments, decorators."""
    roots: list[t.Term] = list(module.bindings.values())
    for function in module.functions.values():
        roots.extend(function.decorators)
        for parameter in function.parameters:
            roots.extend(part for part in (parameter.annotation, parameter.default) if part is not None)
    for cls in module.classes.values():
        roots.extend(cls.attributes.values())
        roots.extend(cls.annotations.values())
    called = (act.value for _, act in module.mentions() if act.deed is Deed.CALLED)
    return tuple(
        dict.fromkeys(part for part in (*t.all_in(roots), *called) if isinstance(part, t.Call) and is_depends(part))
    )


def is_depends(call: t.Call) -> bool:
    """Whether a call can be `Depends(...)` or `Security(...)`, by its name."""
    return isinstance(call.func, t.Ref) and call.func.path.endswith((".Depends", ".Security"))


def _registrations(evaluator: Evaluator, module: ModuleSummary, function: FunctionSummary) -> Iterator[Decoration]:
    wanted = ProjectFunction(module.path, function.qualname)
    for user in evaluator.project.mentioning(function.name, and_any_of=REGISTERED_BY):
        if called_names(user).isdisjoint(REGISTERED_BY):
            continue
        frame: Frame = evaluator.frame(user)
        for _, act in user.mentions():
            if act.deed is not Deed.CALLED or not isinstance(act.value, t.Call):
                continue
            method = method_name(act.value.func)
            if method not in REGISTERED_BY:
                continue
            given = [*act.value.args, *(value for _, value in act.value.keywords)]
            if any(evaluator.of(each, frame) == wanted for each in given):
                yield REGISTERED_BY[method]


@lru_cache(maxsize=4096)
def called_names(module: ModuleSummary) -> frozenset[str]:
    """The last names of all that a module calls."""
    calls = (act.value for _, act in module.mentions() if act.deed is Deed.CALLED)
    return frozenset(method_name(call.func) for call in calls if isinstance(call, t.Call))


def method_name(function: t.Term) -> str:
    """The last name of what is called: "add_task" of `tasks.add_task` and of `app.tasks.add_task`."""
    match function:
        case t.Attr():
            return function.name
        case t.Ref():
            return function.path.rpartition(".")[2]
        case _:
            return ""
