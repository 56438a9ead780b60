"""What may refuse a request before an endpoint answers it: dependencies, the endpoint itself, middlewares.

Only what is known to let everybody through does not refuse: a function of the project that raises nothing, and asks
nothing of a request but plain parameters, with dependencies of which the same holds.  Whatever cannot be looked into (a
library's security scheme, a provider that takes the request) may refuse.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING

from sqla_leaklint.domain.application.endpoints import decorations, method_name
from sqla_leaklint.domain.linking.parameters import dependency_of
from sqla_leaklint.domain.memo import Memo
from sqla_leaklint.domain.values import (
    Dependency,
    ProjectClass,
    ProjectFunction,
    ProjectInstance,
    Symbol,
    Unknown,
    Value,
    alternatives,
)
from sqla_leaklint.flow.exceptions import statements_within
from sqla_leaklint.knowledge.facts import Decoration
from sqla_leaklint.semantic import terms as t
from sqla_leaklint.semantic.body import Body
from sqla_leaklint.semantic.events import Deed
from sqla_leaklint.semantic.project import Module
from sqla_leaklint.semantic.summary import FunctionSummary, ModuleSummary
from sqla_leaklint.syntax import tree

if TYPE_CHECKING:
    from sqla_leaklint.domain.evaluation import Evaluator, Frame

_DEEPEST = 4
_HARMLESS_MIDDLEWARES = ("starlette.middleware.", "fastapi.middleware.")
_AUTHENTICATION = "starlette.middleware.authentication."


def may_refuse(evaluator: Evaluator, provider: Value, depth: int = 0) -> bool:
    """Whether to run a dependency may end the request."""
    if isinstance(provider, ProjectInstance):
        provider = evaluator.attribute(provider, "__call__")
    if isinstance(provider, ProjectClass):
        found = evaluator.classes.find(provider, "__init__", on_instance=False)
        if found is None or not isinstance(found[1], t.FunctionRef):
            return True
        provider = ProjectFunction(found[0].path, found[1].qualname, provider)
    if not isinstance(provider, ProjectFunction) or depth > _DEEPEST:
        return True
    module = evaluator.project.module_at(provider.path)
    body = module.executor.bodies.get(provider.qualname) if module is not None else None
    function = module.summary.functions.get(provider.qualname) if module is not None else None
    if module is None or body is None or function is None:
        return True
    if any(event.deed is Deed.RAISED for event in body.events):
        return True
    frame = evaluator.frame(module.summary)
    return depends_on_refusal(evaluator, function, frame, depth) or any(
        _call_may_refuse(evaluator, value, depth, asks_request=_asks_request(evaluator, function, frame))
        for value in _called(evaluator, body, frame)
    )


def _called(evaluator: Evaluator, body: Body, frame: Frame) -> Iterator[Value]:
    for event in body.events:
        if event.deed is Deed.CALLED:
            yield from alternatives(evaluator.of(event.call.func, frame))


def _call_may_refuse(evaluator: Evaluator, value: Value, depth: int, *, asks_request: bool) -> bool:
    """Whether a call in a provider may end the request; a library's may where something of the request goes into it."""
    match value:
        case ProjectFunction():
            return may_refuse(evaluator, value, depth + 1)
        case Symbol(path=path):
            return asks_request and not path.startswith("builtins.")
        case Unknown():
            return asks_request
        case _:
            return False


def _asks_request(evaluator: Evaluator, function: FunctionSummary, frame: Frame) -> bool:
    """Whether a provider has a parameter that comes from the request, not from another provider."""
    parameters = function.parameters[1:] if function.owner is not None else function.parameters
    return any(dependency_of(evaluator, function, each.name, frame) is None for each in parameters)


def depends_on_refusal(evaluator: Evaluator, function: FunctionSummary, frame: Frame, depth: int = 0) -> bool:
    """Whether a parameter of a function comes from a dependency that may refuse."""
    found = (dependency_of(evaluator, function, parameter.name, frame) for parameter in function.parameters)
    return any(each is not None and _is_refusing(evaluator, each, depth) for each in found)


def refusing_keyword(evaluator: Evaluator, call: t.Call, frame: Frame) -> bool:
    """Whether `dependencies=[…]` of a call has one that may refuse, or cannot be read."""
    if any(isinstance(each, t.Star) for each in call.args) or any(
        isinstance(each, t.Star) for _, each in call.keywords
    ):
        return True
    given = call.keyword("dependencies")
    if given is None or (isinstance(given, t.Const) and given.value is None):
        return False
    if not isinstance(given, t.Collection):
        return True
    return any(
        not isinstance(value, Dependency) or _is_refusing(evaluator, value, 0)
        for element in given.elements
        for value in alternatives(evaluator.of(element, frame))
    )


def _is_refusing(evaluator: Evaluator, dependency: Dependency, depth: int) -> bool:
    return any(may_refuse(evaluator, each, depth + 1) for each in alternatives(dependency.provider))


# --- the endpoint itself ----------------------------------------------------------------------------------------------


def refuses_itself(evaluator: Evaluator, module: Module, body: Body, asks_nobody: Callable[[tree.Expr], bool]) -> bool:
    """Whether a function may raise or return something else, or calls what may raise, by its own decision.

    `asks_nobody` tells of a condition that it is the same for whoever asks.
    """
    assert isinstance(body.node, tree.Function)
    for stmt in statements_within(body.node.body):
        if isinstance(stmt, tree.If) and not asks_nobody(stmt.test):
            ways = statements_within((*stmt.body, *stmt.orelse))
            if any(isinstance(each, tree.Return | tree.Raise) for each in ways):
                return True
        if isinstance(stmt, tree.Match):
            return True
    frame = evaluator.frame(module.summary)
    return any(
        isinstance(value, ProjectFunction) and _raises(evaluator, value, set())
        for value in _called(evaluator, body, frame)
    )


def _raises(evaluator: Evaluator, function: ProjectFunction, seen: set[tuple[str, str]]) -> bool:
    """Whether a function of the project, or one that it calls, raises something by itself."""
    key = (function.path, function.qualname)
    module = evaluator.project.module_at(function.path)
    body = module.executor.bodies.get(function.qualname) if module is not None else None
    if key in seen or len(seen) > _DEEPEST or module is None or body is None:
        return False
    seen.add(key)
    return any(event.deed is Deed.RAISED for event in body.events) or any(
        isinstance(value, ProjectFunction) and _raises(evaluator, value, seen)
        for value in _called(evaluator, body, evaluator.frame(module.summary))
    )


# --- middlewares ------------------------------------------------------------------------------------------------------


def may_be_stopped_before(evaluator: Evaluator, own: ModuleSummary) -> bool:
    """Whether some middleware of the project may refuse requests."""
    project = evaluator.project
    if project.root is None:
        return _has_refusing_middleware(evaluator, (own,))
    return _STOPPED.of(evaluator)


def _is_stopped(evaluator: Evaluator) -> bool:
    users = evaluator.project.mentioning("iddleware", and_tests=False)
    return _has_refusing_middleware(evaluator, users)


_STOPPED: Memo[Evaluator, bool] = Memo(_is_stopped)


def _has_refusing_middleware(evaluator: Evaluator, modules: Iterable[ModuleSummary]) -> bool:
    for module in modules:
        frame = evaluator.frame(module)
        if any(
            function.decorators
            and Decoration.MIDDLEWARE in decorations(evaluator, module, function)
            and _answers_itself(evaluator, module, function)
            for function in module.functions.values()
        ):
            return True
        for _, act in module.mentions():
            call = act.value
            if act.deed is not Deed.CALLED or not isinstance(call, t.Call):
                continue
            if method_name(call.func) not in {"add_middleware", "Middleware"} or not call.args:
                continue
            if any(_may_stop(evaluator, value) for value in alternatives(evaluator.of(call.args[0], frame))):
                return True
    return False


def _may_stop(evaluator: Evaluator, value: Value) -> bool:
    match value:
        case Symbol(path=path):
            return not path.startswith(_HARMLESS_MIDDLEWARES) or path.startswith(_AUTHENTICATION)
        case ProjectClass():
            module = evaluator.project.summary_at(value.path)
            methods = [
                module.functions[term.qualname]
                for name in ("dispatch", "__call__")
                if module is not None
                and (found := evaluator.classes.find(value, name, on_instance=False)) is not None
                and isinstance(term := found[1], t.FunctionRef)
                and term.qualname in module.functions
            ]
            return not methods or any(
                module is not None and _answers_itself(evaluator, module, method) for method in methods
            )
        case _:
            return True


def _answers_itself(evaluator: Evaluator, module: ModuleSummary, function: FunctionSummary) -> bool:
    """Whether a middleware raises, or answers on some way without calling what comes next."""
    parsed = evaluator.project.module_at(module.path)
    body = parsed.executor.bodies.get(function.qualname) if parsed is not None else None
    if body is None or not isinstance(body.node, tree.Function):
        return True
    if any(event.deed is Deed.RAISED for event in body.events):
        return True
    following = {parameter.name for parameter in function.parameters}
    calls = [event.call for event in body.events if event.deed is Deed.CALLED]
    passes = {call for call in calls if _passes_on(call, following)}
    answers = [event.value for event in body.events if event.deed is Deed.RETURNED and _is_something(event.value)]
    return (
        not passes
        or any(_sends(call) for call in calls if call not in passes)
        or any(passes.isdisjoint(t.all_in([answer])) for answer in answers)
    )


def _is_something(term: t.Term) -> bool:
    return not (isinstance(term, t.Const) and term.value is None)


def _sends(call: t.Call) -> bool:
    """`await send({…})`, `await response(scope, receive, send)` of an ASGI middleware."""
    return any(isinstance(each, t.Param) and each.name == "send" for each in (call.func, *call.args))


def _passes_on(call: t.Call, following: set[str]) -> bool:
    """`call_next(request)`, `self.app(scope, receive, send)`."""
    func = call.func
    is_given = isinstance(func, t.Param) and func.name in following and func.name != "send"
    return is_given or (isinstance(func, t.Attr) and func.name == "app")
