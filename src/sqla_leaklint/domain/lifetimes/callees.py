"""What a callee does with a session that it is given: the summary of a function as far as one parameter goes."""

from __future__ import annotations

from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from sqla_leaklint.domain.decorators import PLAIN_DECORATORS, decoration_of, is_static
from sqla_leaklint.domain.lifetimes.conduct import (
    CLOSED,
    DEFERRED,
    GIVEN_AWAY,
    NOTHING,
    THE_SAME,
    Conduct,
    either,
    summed_up,
)
from sqla_leaklint.domain.lifetimes.doings import Carry, Doing
from sqla_leaklint.domain.values import (
    BoundMethod,
    Literal,
    ManagerFactory,
    Origin,
    ProjectClass,
    ProjectFunction,
    ProjectInstance,
    Statement,
    Symbol,
    Value,
    alternatives,
)
from sqla_leaklint.knowledge.facts import Kind
from sqla_leaklint.semantic import terms as t
from sqla_leaklint.semantic.summary import FunctionSummary, ModuleSummary
from sqla_leaklint.syntax.tree import ParameterKind

if TYPE_CHECKING:
    from sqla_leaklint.domain.evaluation import Evaluator, Frame


_LOOKING = frozenset(
    f"builtins.{name}"
    for name in [
        "print",
        "len",
        "isinstance",
        "issubclass",
        "bool",
        "id",
        "type",
        "str",
        "repr",
        "hasattr",
        "getattr",
        "callable",
        "hash",
        "vars",
        "dir",
        "format",
    ]
)

_MEMO: WeakKeyDictionary[Evaluator, dict[tuple[object, ...], Conduct]] = WeakKeyDictionary()


class Callees:
    """Answers for the calls that one function makes."""

    def __init__(self, evaluator: Evaluator, frame: Frame, function: FunctionSummary, session_type: str) -> None:
        self.evaluator = evaluator
        self.frame = frame
        self._function = function
        self._session_type = session_type
        self._memo = _MEMO.setdefault(evaluator, {})

    # --- calls that it is an argument of ---

    def conduct(self, call: t.Call, which: int | str) -> Conduct:
        """What a call does with the argument of that position or name."""
        callees = self.called(call)
        if not callees or isinstance(_given(call, which), t.Star):
            return GIVEN_AWAY
        return either(self._conduct(callee, which) for callee in callees)

    def only_looks(self, call: t.Call) -> bool:
        """Whether a call does nothing with its arguments but look at them."""
        return all(isinstance(each, Symbol) and each.path in _LOOKING for each in self.called(call) or (None,))

    def called(self, call: t.Call) -> list[Value]:
        """What a call may call, whatever `super()` means among it; nothing when that is not known."""
        func = call.func
        if isinstance(func, t.Attr) and is_super(func.base):
            return [found] if (found := self._inherited(func.name)) is not None else []
        return [each for each in alternatives(self.evaluator.of(func, self.frame)) if each != Literal(None)]

    def _inherited(self, name: str) -> ProjectFunction | None:
        """The method that `super().name` means."""
        owner = self._function.owner
        if owner is None:
            return None
        cls = ProjectClass(self.frame.module.path, owner)
        for base in self.evaluator.classes.line(cls)[1:]:
            if not isinstance(base, ProjectClass):
                continue
            summary = self.evaluator.classes.summary(base)
            method = summary.attributes.get(name) if summary is not None else None
            if isinstance(method, t.FunctionRef):
                return ProjectFunction(base.path, method.qualname, ProjectInstance(cls, Origin.PARAMETER))
        return None

    def _conduct(self, callee: Value, which: int | str) -> Conduct:
        match callee:
            case Symbol():
                return self._library(callee.path)
            case BoundMethod():
                return self._library_method(callee)
            case ProjectFunction():
                return self._function_of_project(callee, which)
            case ManagerFactory(function=ProjectFunction() as function):
                return self._function_of_project(function, which)
            case ProjectClass():
                return self._construction(callee, which)
            case ProjectInstance():
                method = self.evaluator.classes.instance_attribute(callee, "__call__")
                return self._function_of_project(method, which) if isinstance(method, ProjectFunction) else GIVEN_AWAY
            case _:
                return GIVEN_AWAY

    def _library(self, path: str) -> Conduct:
        knowledge = self.evaluator.knowledge
        if path == "builtins.getattr":
            return Conduct((), Carry.METHOD)
        if path in _LOOKING:
            return NOTHING
        if path == "contextlib.nullcontext":
            return Conduct((), Carry.WRAPS)
        row = knowledge.function(path)
        if row is None or knowledge.handoff(path) is not None:
            return GIVEN_AWAY
        if row.returns.startswith("enter arg"):
            return CLOSED  # closing, aclosing
        if row.returns.removeprefix("await ").startswith("arg"):
            return THE_SAME
        return GIVEN_AWAY if row.returns in {"partial", "dependency", "decorator"} else Conduct((Doing.RUNS_SQL,))

    def _library_method(self, method: BoundMethod) -> Conduct:
        if isinstance(method.receiver, Statement):
            return Conduct((Doing.RUNS_SQL,))  # query.with_session(session)
        owner = self.evaluator.classes.library_type(method.receiver)
        if owner is not None and self.evaluator.knowledge.is_a(owner, Kind.EXIT_STACK):
            return DEFERRED
        return GIVEN_AWAY

    # --- functions and classes of the project ---

    def _function_of_project(self, function: ProjectFunction, which: int | str) -> Conduct:
        summary = self.evaluator.classes.function(function)
        module = self.evaluator.project.summary_at(function.path)
        if summary is None or module is None or not self._is_plain(summary, module):
            return GIVEN_AWAY
        parameter = self.parameter(function, summary, module, which)
        return self._with_parameter(function, parameter) if parameter is not None else GIVEN_AWAY

    def parameter(
        self, function: ProjectFunction, summary: FunctionSummary, module: ModuleSummary, which: int | str
    ) -> str | None:
        """The parameter in which a function gets the argument of that position or name."""
        if isinstance(which, str):
            found = summary.parameter(which)
            return found.name if found is not None else None
        positional = [
            p for p in summary.parameters if p.kind in {ParameterKind.POSITIONAL, ParameterKind.POSITIONAL_ONLY}
        ]
        is_bound = function.receiver is not None and not is_static(
            self.evaluator, summary, self.evaluator.frame(module)
        )
        place = which + (1 if is_bound else 0)
        return positional[place].name if place < len(positional) else None

    def _with_parameter(self, function: ProjectFunction, parameter: str) -> Conduct:
        from sqla_leaklint.domain.lifetimes.uses import conduct_with_parameter

        key = (function.path, function.qualname, parameter, self._session_type)
        known = self._memo.get(key)
        if known is None:
            self._memo[key] = GIVEN_AWAY  # recursion ends in not knowing
            uses = conduct_with_parameter(self.evaluator, function, parameter, self._session_type)
            known = self._memo[key] = summed_up(uses, function)
        return known

    def _with_receiver(self, function: ProjectFunction, attributes: frozenset[str]) -> Conduct:
        from sqla_leaklint.domain.lifetimes.uses import conduct_with_receiver

        summary = self.evaluator.classes.function(function)
        module = self.evaluator.project.summary_at(function.path)
        if summary is None or module is None or not self._is_plain(summary, module):
            return GIVEN_AWAY
        key = (function.path, function.qualname, attributes, self._session_type)
        known = self._memo.get(key)
        if known is None:
            self._memo[key] = GIVEN_AWAY
            uses = conduct_with_receiver(self.evaluator, function, attributes, self._session_type)
            known = self._memo[key] = summed_up(uses, function)
        return known

    def _construction(self, cls: ProjectClass, which: int | str) -> Conduct:
        classes = self.evaluator.classes
        summary = classes.summary(cls)
        if summary is None or classes.is_mapped(cls) or classes.find(cls, "__del__", on_instance=False) is not None:
            return GIVEN_AWAY
        if classes.library_base(cls) is not None:
            return GIVEN_AWAY
        found = classes.find(cls, "__init__", on_instance=False)
        if found is not None and isinstance(found[1], t.FunctionRef):
            constructor = ProjectFunction(found[0].path, found[1].qualname, ProjectInstance(cls, Origin.PARAMETER))
            made = self._function_of_project(constructor, which)
            return Conduct(made.doings, Carry.HOLDS, made.attributes, made.commits_last, made.callee)
        fields = tuple(summary.annotations)
        field = which if isinstance(which, str) else fields[which] if which < len(fields) else None
        if field is None or field not in fields or any(isinstance(base, Symbol) for base in classes.line(cls)):
            return GIVEN_AWAY
        return Conduct((), Carry.HOLDS, frozenset({field}))

    def _is_plain(self, summary: FunctionSummary, module: ModuleSummary) -> bool:
        """Whether no decorator stands between a call and the body that could do something with the arguments."""
        frame = self.evaluator.frame(module)
        for decorator in summary.decorators:
            if decoration_of(self.evaluator, decorator, frame) is not None:
                continue
            value = self.evaluator.of(decorator.func if isinstance(decorator, t.Call) else decorator, frame)
            if not isinstance(value, Symbol) or value.path == "abc.abstractmethod":
                return False
            if value.path not in PLAIN_DECORATORS and self.evaluator.knowledge.function(value.path) is not None:
                return False
        return True

    # --- methods of what holds it ---

    def method(self, function: t.Attr, attributes: frozenset[str]) -> Conduct:
        """What a method does with a session that its object holds in those attributes."""
        values = [each for each in alternatives(self.evaluator.of(function, self.frame)) if each != Literal(None)]
        if not values or not attributes:
            return GIVEN_AWAY
        return either(
            self._with_receiver(each, attributes)
            if isinstance(each, ProjectFunction) and isinstance(each.receiver, ProjectInstance)
            else GIVEN_AWAY
            for each in values
        )

    def leaving(self, holder: t.Term, attributes: frozenset[str]) -> Conduct:
        """What leaving `with holder:` does with the session that it holds."""
        value = self.evaluator.of(holder, self.frame)
        if not isinstance(value, ProjectInstance):
            return GIVEN_AWAY
        for name in ("__exit__", "__aexit__"):
            found = self.evaluator.classes.instance_attribute(value, name)
            if isinstance(found, ProjectFunction):
                return self._with_receiver(found, attributes)
        return GIVEN_AWAY


def _given(call: t.Call, which: int | str) -> t.Term | None:
    return call.args[which] if isinstance(which, int) else call.keyword(which)


def is_super(term: t.Term) -> bool:
    return isinstance(term, t.Call) and isinstance(term.func, t.Ref) and term.func.path == "builtins.super"
