"""Where the outside world enters a program: the functions that run once for every request, message, event or task."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING

from sqla_leaklint.domain.application.callers import calls_naming, is_given_to_library, last_name, users
from sqla_leaklint.domain.application.endpoints import HANDLERS, decorations, is_handler, is_provider, method_name
from sqla_leaklint.domain.values import ProjectClass, Symbol, alternatives
from sqla_leaklint.knowledge.facts import Decoration, Kind
from sqla_leaklint.semantic import terms as t
from sqla_leaklint.semantic.summary import FunctionSummary, ModuleSummary

if TYPE_CHECKING:
    from sqla_leaklint.domain.evaluation import Evaluator


class Entry(str, Enum):
    """What kind of call from outside a function answers."""

    REQUEST = "for every request"
    EVENT = "for every event"
    TASK = "for every task"
    DEPENDENCY = "for every request that depends on it"
    MESSAGE = "for every message or item that it receives"


_EVENTS = (
    "event on message on_message message_handler callback_query_handler action block_action shortcut listener"
    " listen subscribe subscriber consumer field mutation subscription"
)
_EVENT_DECORATORS = frozenset(_EVENTS.split())
"""Methods of objects of libraries that hand the function below them every event, message or query that comes in."""

_ROUTE_DECORATORS = frozenset({"get", "post", "put", "patch", "delete", "route", "websocket", "api_route"})
_TASK_DECORATORS = frozenset({"task", "shared_task", "actor", "job"})
_ONE_TIME = frozenset({Decoration.LIFECYCLE, Decoration.COMMAND, Decoration.FIXTURE, Decoration.TEARDOWN})


def entry_of(evaluator: Evaluator, module: ModuleSummary, function: FunctionSummary) -> Entry | None:
    """How the outside world calls a function; None when it does not, as far as is known."""
    found = decorations(evaluator, module, function) if function.decorators else frozenset()
    if found & _ONE_TIME:
        return None
    if found & HANDLERS:
        return Entry.REQUEST
    if Decoration.TASK in found:
        return Entry.TASK
    for decorator in function.decorators:
        entry = _by_name(decorator)
        if entry is not None:
            return entry
    if function.owner is not None:
        entry = _method_entry(evaluator, module, function)
        if entry is not None:
            return entry
    if is_handler(evaluator, module, function):
        return Entry.REQUEST
    if function.name.startswith("on_") and is_given_to_library(evaluator, module, function):
        return Entry.EVENT
    return Entry.DEPENDENCY if is_provider(evaluator, module, function) else None


def _by_name(decorator: t.Term) -> Entry | None:
    """`@client.event`, `@slack.event("message")`, `@api.get("/users")`: of an object that the tables do not know."""
    call = decorator if isinstance(decorator, t.Call) else None
    func = call.func if call is not None else decorator
    if not (isinstance(func, t.Attr) or (isinstance(func, t.Ref) and func.path.count(".") > 1)):
        return None
    name = method_name(func)
    if name in _EVENT_DECORATORS:
        return Entry.EVENT
    if name in _TASK_DECORATORS:
        return Entry.TASK
    if name in _ROUTE_DECORATORS and call is not None and call.args:
        path = call.args[0]
        if isinstance(path, t.Const) and isinstance(path.value, str) and path.value[:1] in {"", "/"}:
            return Entry.REQUEST
    return None


def _method_entry(evaluator: Evaluator, module: ModuleSummary, function: FunctionSummary) -> Entry | None:
    """A method that a library calls on objects of a class that extends one of its own: `dispatch`, `on_connect` …"""
    assert function.owner is not None
    names = [parameter.name for parameter in function.parameters]
    if function.name == "__call__" and names[1:4] == ["scope", "receive", "send"]:
        return Entry.REQUEST
    if function.name != "dispatch" and not function.name.startswith("on_"):
        return None
    cls = ProjectClass(module.path, function.owner)
    bases = [base for base in evaluator.classes.line(cls) if isinstance(base, Symbol)]
    if function.name == "dispatch":
        is_middleware = any(evaluator.knowledge.is_a(base.path, Kind.MIDDLEWARE) for base in bases)
        return Entry.REQUEST if is_middleware else None
    outside = [base for base in bases if base.path.partition(".")[0] not in {"builtins", "abc", "typing", "enum"}]
    return Entry.EVENT if outside and not _is_made_in_vain(evaluator, module, cls) else None


def _is_made_in_vain(evaluator: Evaluator, module: ModuleSummary, cls: ProjectClass) -> bool:
    """Whether objects of a class are made, but only by functions that nobody in the project names."""
    made = [
        (user, function)
        for user in users(evaluator, module, cls.name)
        for function, call in calls_naming(user).get(cls.name, ())
        if cls in alternatives(evaluator.of(call.func, evaluator.frame(user)))
    ]
    return bool(made) and all(function is not None and _is_unused(evaluator, user, function) for user, function in made)


def _is_unused(evaluator: Evaluator, module: ModuleSummary, function: FunctionSummary) -> bool:
    if function.decorators or function.owner is not None or function.scope is not None:
        return False  # others may call it by what it is registered or held by
    for user in users(evaluator, module, function.name):
        if user.path != module.path or user.star_imports:
            return False
    acts = (act.value for _, act in module.mentions())
    return not any(last_name(part) == function.name for part in t.all_in(list(acts)))
