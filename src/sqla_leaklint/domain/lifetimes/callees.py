"""What a callee does with a session that it is given: the summary of a function as far as one parameter goes.

A session may also be given in an object that holds it: `attributes` are the paths by which the object leads to it, "db"
or "repo.db".
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from sqla_leaklint.domain.lifetimes.conduct import GIVEN_AWAY, Conduct, either, summed_up
from sqla_leaklint.domain.lifetimes.doings import Carry, Doing
from sqla_leaklint.domain.lifetimes.library_calls import LOOKING, conduct_of_function, conduct_of_method
from sqla_leaklint.domain.lifetimes.makers import meant
from sqla_leaklint.domain.lifetimes.wrappers import functions_below, is_plain
from sqla_leaklint.domain.linking.decorators import is_property, is_static
from sqla_leaklint.domain.memo import Memo
from sqla_leaklint.domain.values import (
    BoundMethod,
    Entity,
    Literal,
    ManagerFactory,
    Origin,
    ProjectClass,
    ProjectFunction,
    ProjectInstance,
    Rows,
    Symbol,
    Unknown,
    Value,
    alternatives,
)
from sqla_leaklint.knowledge.facts import Consumer, Shape
from sqla_leaklint.semantic import terms as t
from sqla_leaklint.semantic.summary import FunctionSummary, ModuleSummary
from sqla_leaklint.syntax.tree import ParameterKind

if TYPE_CHECKING:
    from sqla_leaklint.domain.evaluation import Evaluator, Frame

_MEMO: Memo[Evaluator, dict[tuple[object, ...], Conduct]] = Memo(lambda _: {})


class _Given(NamedTuple):
    """An argument by position or name, and the paths by which it leads to the session: none where it is the session."""

    which: int | str
    attributes: frozenset[str]


class Callees:
    """Answers for the calls that one function makes."""

    def __init__(self, evaluator: Evaluator, frame: Frame, session_type: str) -> None:
        self.evaluator = evaluator
        self.frame = frame
        self._session_type = session_type
        self._memo = _MEMO.of(evaluator)

    # --- calls that it is an argument of ---

    def conduct(self, call: t.Call, which: int | str, attributes: frozenset[str] = frozenset()) -> Conduct:
        """What a call does with the argument of that position or name."""
        callees = self.called(call)
        if not callees or isinstance(_argument(call, which), t.Star):
            return GIVEN_AWAY
        given = _Given(which, attributes)
        return either(self._conduct(callee, given) for callee in callees)

    def only_looks(self, call: t.Call) -> bool:
        """Whether a call does nothing with its arguments but look at them."""
        return all(isinstance(each, Symbol) and each.path in LOOKING for each in self.called(call) or (None,))

    def called(self, call: t.Call) -> list[Value]:
        """What a call may call; nothing when that is not known."""
        values = alternatives(self.evaluator.of(call.func, self.frame))
        match call.func:
            case t.Param() as function if isinstance(values[0], Unknown):
                values = functions_below(self.evaluator, self.frame.module, function) or values
            case t.Attr(base=t.Param() as owner, name=name) if isinstance(values[0], Unknown):
                passed = meant(self.evaluator, owner, self.frame)
                values = tuple(self.evaluator.attribute(each, name) for each in passed) or values
            case _:
                pass
        return [self._of_row(each) for each in values if each != Literal(None)]

    def _of_row(self, value: Value) -> Value:
        """A method of a row as the function that its mapped class defines."""
        match value:
            case BoundMethod(receiver=Entity() as row, name=name):
                pass
            case BoundMethod(receiver=Rows(consumer=Consumer(shape=shape), element=Entity() as row), name=name) if (
                shape in {Shape.ROW, Shape.OPTIONAL_ROW}
            ):
                pass
            case _:
                return value
        found = self.evaluator.classes.find(row.model, name, on_instance=False)
        if found is None or not isinstance(found[1], t.FunctionRef):
            return value
        return ProjectFunction(found[0].path, found[1].qualname, row)

    def _conduct(self, callee: Value, given: _Given) -> Conduct:
        match callee:
            case Symbol():
                return conduct_of_function(self.evaluator, callee.path, given.attributes, self._session_type)
            case BoundMethod():
                return conduct_of_method(self.evaluator, callee, given.attributes, self._session_type)
            case ProjectFunction():
                return self._function_of_project(callee, given)
            case ManagerFactory(function=ProjectFunction() as function):
                return self._function_of_project(function, given)
            case ProjectClass():
                return self._construction(callee, given)
            case ProjectInstance():
                method = self.evaluator.classes.instance_attribute(callee, "__call__")
                return self._function_of_project(method, given) if isinstance(method, ProjectFunction) else GIVEN_AWAY
            case _:
                return GIVEN_AWAY

    # --- functions and classes of the project ---

    def _function_of_project(self, function: ProjectFunction, given: _Given) -> Conduct:
        summary = self.evaluator.classes.function(function)
        module = self.evaluator.project.summary_at(function.path)
        if summary is None or module is None or not is_plain(self.evaluator, summary, module):
            return GIVEN_AWAY
        parameter = self.parameter(function, summary, module, given.which)
        return self._with(function, parameter, given.attributes) if parameter is not None else GIVEN_AWAY

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

    def _with(self, function: ProjectFunction, parameter: str, attributes: frozenset[str]) -> Conduct:
        """What a function does with what arrives in a parameter."""
        from sqla_leaklint.domain.lifetimes.arriving import may_return_holding, uses_of_parameter

        receiver = function.receiver
        if not (isinstance(receiver, ProjectInstance) and receiver.arguments):
            receiver = None
        key = (function.path, function.qualname, parameter, attributes, self._session_type, receiver)
        known = self._memo.get(key)
        if known is None:
            self._memo[key] = GIVEN_AWAY  # recursion ends in not knowing
            uses = uses_of_parameter(self.evaluator, function, parameter, attributes, self._session_type)
            known = summed_up(uses, function)
            if known.commits_last and Doing.RUNS_SQL in known.doings:
                is_left = may_return_holding(self.evaluator, function, parameter, attributes, self._session_type)
                known = replace(known, commits_last=not is_left)
            self._memo[key] = known
        return known

    def _with_receiver(self, function: ProjectFunction, attributes: frozenset[str]) -> Conduct:
        summary = self.evaluator.classes.function(function)
        module = self.evaluator.project.summary_at(function.path)
        if summary is None or module is None or not summary.parameters:
            return GIVEN_AWAY
        if not is_plain(self.evaluator, summary, module):
            return GIVEN_AWAY
        return self._with(function, summary.parameters[0].name, attributes)

    def _construction(self, cls: ProjectClass, given: _Given) -> Conduct:
        classes = self.evaluator.classes
        summary = classes.summary(cls)
        if summary is None or classes.is_mapped(cls) or classes.find(cls, "__del__", on_instance=False) is not None:
            return GIVEN_AWAY
        if classes.library_base(cls) is not None:
            return GIVEN_AWAY
        found = classes.find(cls, "__init__", on_instance=False)
        if found is not None and isinstance(found[1], t.FunctionRef):
            constructor = ProjectFunction(found[0].path, found[1].qualname, ProjectInstance(cls, Origin.PARAMETER))
            made = self._function_of_project(constructor, given)
            return Conduct(made.doings, Carry.HOLDS, made.attributes, made.commits_last, made.callee)
        which = given.which
        fields = tuple(summary.annotations)
        field = which if isinstance(which, str) else fields[which] if which < len(fields) else None
        if field is None or field not in fields or any(isinstance(base, Symbol) for base in classes.line(cls)):
            return GIVEN_AWAY
        return Conduct((), Carry.HOLDS, below(field, given.attributes))

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

    def property(self, attribute: t.Attr, attributes: frozenset[str]) -> Conduct:
        """What reading a property of an object does with a session that the object holds in those attributes."""
        holder = self.evaluator.of(attribute.base, self.frame)
        if not isinstance(holder, ProjectInstance) or not attributes:
            return GIVEN_AWAY
        found = self.evaluator.classes.find(holder.cls, attribute.name, on_instance=True)
        if found is None or not isinstance(found[1], t.FunctionRef):
            return GIVEN_AWAY
        function = ProjectFunction(found[0].path, found[1].qualname, holder)
        summary = self.evaluator.classes.function(function)
        frame = self.evaluator.classes.frame(found[0])
        if summary is None or frame is None or not is_property(self.evaluator, summary, frame):
            return GIVEN_AWAY
        return self._with_receiver(function, attributes)

    def leaving(self, holder: t.Term, attributes: frozenset[str]) -> Conduct:
        """What leaving `with holder:` does with the session that it holds."""
        value = self.evaluator.of(holder, self.frame)
        if not isinstance(value, ProjectInstance) or not attributes:
            return GIVEN_AWAY
        for name in ("__exit__", "__aexit__"):
            found = self.evaluator.classes.instance_attribute(value, name)
            if isinstance(found, ProjectFunction):
                return self._with_receiver(found, attributes)
        return GIVEN_AWAY


def _argument(call: t.Call, which: int | str) -> t.Term | None:
    return call.args[which] if isinstance(which, int) else call.keyword(which)


def below(name: str, attributes: frozenset[str]) -> frozenset[str]:
    """The paths to the session of what keeps in the attribute `name` the session itself, or an object that leads to
    it by those paths.
    """
    return frozenset(f"{name}.{path}" for path in attributes) if attributes else frozenset({name})
