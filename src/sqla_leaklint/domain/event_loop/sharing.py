"""What a function touches besides its own: what requests share, and what is bound to the thread or task it runs in.

As far as summaries tell: the function, the functions in it, and those of the project that it calls.  What cannot be
looked into counts as shared, unless it is called on a value of the request's own.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from enum import IntEnum
from typing import TYPE_CHECKING

from sqla_leaklint.domain.linking.decorators import route_of
from sqla_leaklint.domain.values import (
    BoundMethod,
    Clause,
    Entity,
    Instance,
    Literal,
    ManagerFactory,
    ModelAttribute,
    Origin,
    Partial,
    ProjectClass,
    ProjectFunction,
    ProjectInstance,
    ResultValue,
    Rows,
    Statement,
    Symbol,
    Value,
    alternatives,
)
from sqla_leaklint.knowledge.facts import Effect, Fetch, Kind
from sqla_leaklint.semantic import terms as t
from sqla_leaklint.semantic.events import Deed
from sqla_leaklint.semantic.project import binding
from sqla_leaklint.semantic.summary import Act, FunctionSummary, ModuleSummary
from sqla_leaklint.syntax.tree import ParameterKind

if TYPE_CHECKING:
    from sqla_leaklint.domain.evaluation import Evaluator, Frame

_DEEPEST = 4
"""Functions of the project that call each other, before one is taken to touch what is shared."""
_OF_THE_LOOP = frozenset({"asyncio", "anyio", "trio", "asgiref", "contextvars"})
_HARMLESS = (sys.stdlib_module_names | {"sqlalchemy", "sqlmodel", "pydantic", "fastapi", "starlette"}) - _OF_THE_LOOP
"""Packages whose functions may be called from any thread."""
_LOGGERS = frozenset({"logging", "loguru", "structlog"})
_STORES = frozenset({Deed.STORED_ATTRIBUTE, Deed.STORED_ITEM, Deed.AUGMENTED, Deed.DELETED_ITEM})
_SETTERS = frozenset({"builtins.setattr", "builtins.delattr"})
_SESSIONS = (Kind.SESSION, Kind.CONNECTION, Kind.ENGINE)
_OF_A_TASK = (Kind.SESSION_REGISTRY, Kind.THREAD_LOCAL, Kind.EVENT_LOOP, Kind.TASK_GROUP)
_SENDING = frozenset({"execute", "exec", "scalar", "scalars", "exec_driver_sql"})
_WRITING_EFFECTS = frozenset({Effect.QUEUES, Effect.FLUSHES, Effect.ENDS_TRANSACTION})
_OF_A_QUERY = (Clause, ModelAttribute, ResultValue, Rows)
_READING = ("Select", "SelectOfScalar", "CompoundSelect")


class Touch(IntEnum):
    """What is the worst that a function touches."""

    OWN = 0
    SHARED = 1
    """What other requests see: rows that it writes, objects of a module, whatever cannot be looked into."""
    BOUND = 2
    """The loop, a coroutine, a context variable that is set, what a thread has for itself."""


class Sharing:
    """Judges functions of the project, each once."""

    def __init__(self, evaluator: Evaluator) -> None:
        self._evaluator = evaluator
        self._known: dict[tuple[str, str], Touch] = {}

    def of(self, function: ProjectFunction, left: int = _DEEPEST) -> Touch:
        """The worst that a function touches, with all that it calls."""
        summary = self._evaluator.classes.function(function)
        module = self._evaluator.project.summary_at(function.path)
        if summary is None or module is None or not left:
            return Touch.SHARED
        key = (function.path, function.qualname)
        if key not in self._known:
            self._known[key] = Touch.OWN  # a function that calls itself
            own = self._of_acts(module, summary, function.receiver, left)
            above = (self._of_decorator(each, self._evaluator.frame(module), left) for each in summary.decorators)
            self._known[key] = max((own, *above))
        return self._known[key]

    def _of_decorator(self, decorator: t.Term, frame: Frame, left: int) -> Touch:
        """What the wrappers of a decorator of the project touch; one that makes an endpoint runs at start alone."""
        value = self._evaluator.of(decorator.func if isinstance(decorator, t.Call) else decorator, frame)
        if not isinstance(value, ProjectFunction) or route_of(self._evaluator, decorator, frame) is not None:
            return Touch.OWN
        return self.of(value, left - 1)

    def _of_acts(self, module: ModuleSummary, function: FunctionSummary, receiver: Value | None, left: int) -> Touch:
        frame = self._evaluator.frame(module)
        worst = Touch.OWN
        for act in _acts_within(module, function):
            if act.deed is Deed.STORED_GLOBAL:
                touch = Touch.SHARED
            elif act.deed in _STORES:
                base = act.base if act.base is not None else act.value
                is_own = self._is_own(base, function, receiver, frame)
                touch = Touch.OWN if is_own else Touch.SHARED
            elif act.deed is Deed.CALLED and isinstance(act.value, t.Call):
                touch = self._of_call(act.value, frame, left)
            else:
                continue
            worst = max(worst, touch)
            if worst is Touch.BOUND:
                break
        return worst

    def _is_own(self, changed: t.Term, function: FunctionSummary, receiver: Value | None, frame: Frame) -> bool:
        """Whether nobody else sees it when a value is changed: it is no row, and nothing that a module keeps."""
        values = alternatives(self._evaluator.of(changed, frame))
        if any(isinstance(each, Entity | Rows) for each in values):
            return False
        if isinstance(changed, t.Param) and function.owner is not None and changed.name == function.parameters[0].name:
            return isinstance(receiver, ProjectInstance) and receiver.origin is not Origin.GLOBAL
        if isinstance(changed, t.Param) and _is_made_by_call(frame.module, changed):
            return True
        if isinstance(changed, t.Param):
            return all(self._evaluator.classes.is_a(each, Kind.RESPONSE, Kind.REQUEST) for each in values)
        return not self._is_shared(changed, frame)

    def _is_shared(self, term: t.Term, frame: Frame) -> bool:
        """Whether a value is, or is part of, something that a module or an application keeps."""
        match term:
            case t.Ref() | t.Local():
                return True
            case t.Attr(base=base):
                value = self._evaluator.of(base, frame)
                is_state = self._evaluator.classes.is_a(value, Kind.STATE, Kind.APPLICATION)
                return is_state or self._is_shared(base, frame)
            case t.Item(value=value):
                return self._is_shared(value, frame)
            case t.Join(terms=terms):
                return any(self._is_shared(each, frame) for each in terms)
            case _:
                return False

    # --- calls ---

    def _of_call(self, call: t.Call, frame: Frame, left: int) -> Touch:
        if isinstance(call.func, t.Ref) and call.func.path.startswith("builtins."):
            return Touch.SHARED if call.func.path in _SETTERS else Touch.OWN
        values = [each for each in alternatives(self._evaluator.of(call.func, frame)) if each != Literal(None)]
        return max((self._of_callee(each, call, frame, left) for each in values), default=Touch.SHARED)

    def _of_callee(self, callee: Value, call: t.Call, frame: Frame, left: int) -> Touch:
        match callee:
            case Symbol(path=path):
                return self._of_library(path)
            case BoundMethod():
                return self._of_method(callee, call, frame)
            case Instance():
                is_bound = self._evaluator.classes.is_a(callee, *_OF_A_TASK)
                return Touch.BOUND if is_bound else Touch.OWN
            case ProjectFunction():
                summary = self._evaluator.classes.function(callee)
                if summary is not None and summary.is_async:
                    return Touch.BOUND  # a coroutine that somebody has to run
                return self.of(callee, left - 1)
            case (
                ManagerFactory(function=ProjectFunction() as function) | Partial(function=ProjectFunction() as function)
            ):
                return self._of_callee(function, call, frame, left)
            case ProjectClass():
                return self._of_construction(callee, left)
            case _:
                is_logger = isinstance(call.func, t.Ref) and self._is_logger(call.func.path, frame)
                return Touch.SHARED if not is_logger and self._is_shared(call.func, frame) else Touch.OWN

    def _of_library(self, path: str) -> Touch:
        row = self._evaluator.knowledge.function(path)
        if path.partition(".")[0] in _OF_THE_LOOP or "contextvars" in path or "run_in_threadpool" in path:
            return Touch.BOUND
        if row is not None and row.returns.startswith("await "):
            return Touch.BOUND
        return Touch.OWN if path.partition(".")[0] in _HARMLESS | _LOGGERS else Touch.SHARED

    def _of_construction(self, cls: ProjectClass, left: int) -> Touch:
        found = self._evaluator.classes.find(cls, "__init__", on_instance=False)
        if found is None or not isinstance(found[1], t.FunctionRef) or self._evaluator.classes.is_mapped(cls):
            return Touch.OWN
        made = ProjectInstance(cls, Origin.FRESH)
        return self.of(ProjectFunction(found[0].path, found[1].qualname, made), left - 1)

    def _of_method(self, method: BoundMethod, call: t.Call, frame: Frame) -> Touch:
        receiver, knowledge, is_a = method.receiver, self._evaluator.knowledge, self._evaluator.classes.is_a
        owner = self._evaluator.classes.library_type(receiver)
        returns = knowledge.returns(owner, method.name) if owner is not None else None
        is_set = is_a(receiver, Kind.CONTEXT_VARIABLE) and method.name != "get"
        is_of_registry = getattr(receiver, "origin", None) is Origin.REGISTRY
        if is_set or is_of_registry or is_a(receiver, *_OF_A_TASK) or (returns or "").startswith("await "):
            return Touch.BOUND
        if isinstance(receiver, Statement):
            consumer = knowledge.consumer(receiver.type, method.name)
            is_write = consumer is not None and consumer.fetch is Fetch.COUNT and method.name != "count"
            return Touch.SHARED if is_write else Touch.OWN
        if owner is not None and is_a(receiver, *_SESSIONS):
            row = knowledge.method(owner, method.name)
            if row is None or row.effect in _WRITING_EFFECTS:
                return Touch.SHARED if row is None or method.name != "rollback" else Touch.OWN
            if method.name in _SENDING or method.name.startswith("bulk_"):
                return Touch.OWN if self._is_read(call, frame) else Touch.SHARED
            return Touch.OWN
        if is_a(receiver, Kind.SESSION_FACTORY) or isinstance(receiver, _OF_A_QUERY):
            return Touch.OWN
        return Touch.SHARED if self._is_shared(call.func, frame) else Touch.OWN

    def _is_read(self, call: t.Call, frame: Frame) -> bool:
        """Whether what is sent to the database is a query, as far as is known."""
        sent = call.args[0] if call.args else call.keyword("statement")
        value = self._evaluator.of(sent, frame) if sent is not None else None
        return isinstance(value, Statement) and value.type.endswith(_READING)

    def _is_logger(self, path: str, frame: Frame) -> bool:
        """Whether a method is one of a module's logger."""
        target = self._evaluator.project.resolve(path, frame.module)
        found = binding(self._evaluator.project, target[0], target[1][0]) if target is not None and target[1] else None
        if found is None or not isinstance(found[1], t.Call):
            return False
        maker = self._evaluator.of(found[1].func, self._evaluator.frame(found[0]))
        return isinstance(maker, Symbol) and maker.path.partition(".")[0] in _LOGGERS


def _is_made_by_call(module: ModuleSummary, parameter: t.Param) -> bool:
    """Whether a parameter is `**kwargs`, a dict that every call makes anew."""
    function = module.functions.get(parameter.function)
    found = function.parameter(parameter.name) if function is not None else None
    return found is not None and found.kind is ParameterKind.VAR_KEYWORD


def _acts_within(module: ModuleSummary, function: FunctionSummary) -> Iterator[Act]:
    """The acts of a function and of all functions in it, whoever may call these."""
    yield from function.acts
    prefix = f"{function.qualname}."
    for name, nested in module.functions.items():
        if name.startswith(prefix):
            yield from nested.acts
