"""Who calls a function of the project, and with what: looked for backward, in every module that mentions its name."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from sqla_leaklint.domain.application.endpoints import is_depends, is_provider, method_name
from sqla_leaklint.domain.values import ProjectClass, ProjectFunction, Value, alternatives
from sqla_leaklint.semantic import terms as t
from sqla_leaklint.semantic.events import Deed
from sqla_leaklint.semantic.summary import FunctionSummary, ModuleSummary
from sqla_leaklint.syntax.tree import ParameterKind

if TYPE_CHECKING:
    from sqla_leaklint.domain.evaluation import Evaluator

_POSITIONAL = frozenset({ParameterKind.POSITIONAL, ParameterKind.POSITIONAL_ONLY})


@dataclass(frozen=True, slots=True)
class CallFrom:
    """A call of the function in question: the module and function that make it (None: the module's own body), and the
    arguments, by parameter, as terms of that module.

    `call` is its term; None where the function is handed over, for somebody else to call.
    """

    module: ModuleSummary
    function: FunctionSummary | None
    arguments: Mapping[str, t.Term]
    call: t.Call | None = None


def callers(
    evaluator: Evaluator, module: ModuleSummary, function: FunctionSummary, *, heir: ProjectClass | None = None
) -> Iterator[CallFrom]:
    """The calls of a function, and where it is handed over together with arguments (`add_task(function, x)`); of an
    `__init__`, what makes objects of an `heir`, the class that has inherited it, if one is given.

    Only calls whose callee is known to be this function; tests do not count, and neither does `Depends(function)`,
    which says who calls it for every request, and calls nothing itself.
    """
    wanted, name = called_for(module, function) if heir is None else (heir, heir.name)
    for user in users(evaluator, module, name):
        frame = evaluator.frame(user)
        for caller, call in calls_naming(user).get(name, ()):
            if caller is not None and caller is function:
                continue
            for value in alternatives(evaluator.of(call.func, frame)):
                if is_same(value, wanted):
                    yield CallFrom(user, caller, bound_arguments(function, value, call.args, call.keywords), call)
            for position, argument in enumerate(() if is_depends(call) else call.args):
                if last_name(argument) != name:
                    continue
                for value in alternatives(evaluator.of(argument, frame)):
                    if is_same(value, wanted):
                        given = bound_arguments(function, value, call.args[position + 1 :], call.keywords)
                        yield CallFrom(user, caller, given)


def initialisations(
    evaluator: Evaluator, heir: ProjectClass, module: ModuleSummary, init: FunctionSummary
) -> Iterator[CallFrom]:
    """What runs the `__init__` of a base for the objects of a class: what makes them, where the class has inherited it,
    or else the `super().__init__(…)` of the class's own.
    """
    found = evaluator.classes.find(heir, "__init__", on_instance=False)
    if found is None or not isinstance(found[1], t.FunctionRef):
        return
    own = evaluator.project.summary_at(found[0].path)
    runs = own.functions.get(found[1].qualname) if own is not None else None
    if runs is init:
        yield from callers(evaluator, module, init, heir=heir)
    elif own is not None and runs is not None and found[0] == heir:
        wanted, frame = ProjectFunction(module.path, init.qualname), evaluator.frame(own)
        for _, call in (each for each in calls_naming(own).get("__init__", ()) if each[0] is runs):
            for value in alternatives(evaluator.of(call.func, frame)):
                if is_same(value, wanted):
                    yield CallFrom(own, runs, bound_arguments(init, value, call.args, call.keywords), call)


def is_only_called(evaluator: Evaluator, module: ModuleSummary, function: FunctionSummary) -> bool:
    """Whether the project calls a function, and does not leave that to FastAPI or to nobody who is known."""
    is_called = any(True for _ in callers(evaluator, module, function))
    return is_called and not is_provider(evaluator, module, function)


def is_given_to_library(evaluator: Evaluator, module: ModuleSummary, function: FunctionSummary) -> bool:
    """Whether a function is handed, for itself, to what the project does not define (`adapter.run(bot.on_turn)`)."""
    wanted = ProjectFunction(module.path, function.qualname)
    for user in users(evaluator, module, function.name):
        frame = evaluator.frame(user)
        for _, call in calls_naming(user).get(function.name, ()):
            given = [argument for argument in call.args if last_name(argument) == function.name]
            if any(
                is_same(value, wanted) for argument in given for value in alternatives(evaluator.of(argument, frame))
            ):
                callees = alternatives(evaluator.of(call.func, frame))
                return not any(isinstance(callee, ProjectFunction | ProjectClass) for callee in callees)
    return False


def decorated_by(
    evaluator: Evaluator, module: ModuleSummary, decorator: FunctionSummary
) -> Iterator[tuple[ModuleSummary, FunctionSummary]]:
    """The functions of the project, outside of tests, that stand below a decorator of the project."""
    wanted = ProjectFunction(module.path, decorator.qualname)
    for user in users(evaluator, module, decorator.name):
        frame = evaluator.frame(user)
        for function in user.functions.values():
            for term in function.decorators:
                applied = term.func if isinstance(term, t.Call) else term
                if last_name(applied) == decorator.name and any(
                    is_same(value, wanted) for value in alternatives(evaluator.of(applied, frame))
                ):
                    yield user, function


@lru_cache(maxsize=2048)
def calls_naming(module: ModuleSummary) -> Mapping[str, list[tuple[FunctionSummary | None, t.Call]]]:
    """The calls of a module by the last name of what they call, and of what they are given by position."""
    found: dict[str, list[tuple[FunctionSummary | None, t.Call]]] = {}
    for function, act in module.mentions():
        if act.deed is not Deed.CALLED or not isinstance(act.value, t.Call):
            continue
        names = {last_name(act.value.func), *(last_name(argument) for argument in act.value.args)}
        for name in names:
            if name:
                found.setdefault(name, []).append((function, act.value))
    return found


def last_name(term: t.Term) -> str:
    """The name under which its module knows what a term names, local functions and classes included."""
    if isinstance(term, t.FunctionRef | t.ClassRef):
        return term.qualname.rpartition(".")[2].partition("#")[0]
    return method_name(term)


def users(
    evaluator: Evaluator, module: ModuleSummary | None, name: str, *, and_calls: Iterable[str] = ()
) -> Iterator[ModuleSummary]:
    """The modules that may use a name of a module: those that mention it (and call one of some others, if any are
    given), and itself where there is no project.
    """
    if evaluator.project.root is not None:
        yield from evaluator.project.mentioning(name, and_calls=and_calls, and_tests=False)
    elif module is not None:
        yield module


def called_for(module: ModuleSummary, function: FunctionSummary) -> tuple[ProjectFunction | ProjectClass, str]:
    """What is called to have a function run, and its name: the function itself, or the class whose `__init__` it is."""
    if function.owner is not None and function.name == "__init__":
        cls = ProjectClass(module.path, function.owner)
        return cls, cls.name
    return ProjectFunction(module.path, function.qualname), function.name


def is_same(value: Value, wanted: ProjectFunction | ProjectClass) -> bool:
    """Whether a value is that function, bound to whatever object, or that class."""
    match value:
        case ProjectFunction():
            return isinstance(wanted, ProjectFunction) and (value.path, value.qualname) == (
                wanted.path,
                wanted.qualname,
            )
        case ProjectClass():
            return value == wanted
        case _:
            return False


def bound_arguments(
    function: FunctionSummary, callee: Value, args: tuple[t.Term, ...], keywords: tuple[tuple[str, t.Term], ...]
) -> dict[str, t.Term]:
    """Arguments by parameter; what `*args` unpacks may be any of the parameters that follow."""
    bound: dict[str, t.Term] = {}
    positional = [p.name for p in function.parameters if p.kind in _POSITIONAL]
    if isinstance(callee, ProjectClass) or (isinstance(callee, ProjectFunction) and callee.receiver is not None):
        positional = positional[1:]
    variadic = next((p.name for p in function.parameters if p.kind is ParameterKind.VAR_POSITIONAL), None)
    rest: list[t.Term] = []
    for position, argument in enumerate(args):
        if isinstance(argument, t.Star):
            if argument.depth == 1:
                bound.update(dict.fromkeys(positional[position:], argument.value))
            rest.append(argument.value)
        elif position < len(positional):
            bound[positional[position]] = argument
        else:
            rest.append(argument)
    if variadic is not None and rest:
        bound[variadic] = t.Collection("tuple", tuple(rest))
    names = {parameter.name for parameter in function.parameters}
    collected = next((p.name for p in function.parameters if p.kind is ParameterKind.VAR_KEYWORD), None)
    others = tuple(value for name, value in keywords if name not in names)
    bound.update({name: value for name, value in keywords if name in names})
    if collected is not None and others:
        bound[collected] = t.Collection("tuple", others)
    return bound
