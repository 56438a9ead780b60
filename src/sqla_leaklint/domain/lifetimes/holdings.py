"""Sessions that a new object holds: opened by its class, or given to its constructor."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqla_leaklint.domain.lifetimes.arriving import uses_of_parameter
from sqla_leaklint.domain.lifetimes.carrying import arguments_of
from sqla_leaklint.domain.lifetimes.doings import Doing
from sqla_leaklint.domain.lifetimes.opening import Opening, opening, roots_of
from sqla_leaklint.domain.linking.decorators import decoration_of
from sqla_leaklint.domain.memo import Memo
from sqla_leaklint.domain.values import (
    Origin,
    ProjectClass,
    ProjectFunction,
    ProjectInstance,
    Symbol,
    alternatives,
)
from sqla_leaklint.knowledge.facts import Decoration
from sqla_leaklint.semantic import terms as t
from sqla_leaklint.semantic.events import Deed
from sqla_leaklint.semantic.summary import FunctionSummary, ModuleSummary
from sqla_leaklint.syntax.tree import ParameterKind

if TYPE_CHECKING:
    from sqla_leaklint.domain.evaluation import Evaluator, Frame

_DEEPEST = 3
"""Objects inside of objects that are looked into."""
_CONSTRUCTORS = ("__init__", "__new__", "__post_init__")
_POSITIONAL = frozenset({ParameterKind.POSITIONAL, ParameterKind.POSITIONAL_ONLY})


@dataclass(frozen=True, slots=True, eq=False)
class Held:
    """A session that a value is, or that an object in it holds.

    `call` opens it, in `module`; `holder` is the class of the object that has it in `attribute` (None: the value is
    the session).  `opened_in` is the method that opens it there, None where the constructor is given it.
    """

    opening: Opening
    call: t.Call
    module: ModuleSummary
    holder: ProjectClass | None = None
    attribute: str = ""
    opened_in: FunctionSummary | None = None


@dataclass(frozen=True, slots=True, eq=False)
class _Stored:
    """A call whose value a method stores in its object; `parameters` are those that would be stored instead."""

    call: t.Call
    module: ModuleSummary
    method: FunctionSummary
    attribute: str
    parameters: frozenset[str]


_STORED: Memo[Evaluator, dict[ProjectClass, tuple[_Stored, ...]]] = Memo(lambda _: {})


def held_sessions(evaluator: Evaluator, call: t.Call, frame: Frame, depth: int = 0) -> Iterator[Held]:
    """The sessions that the value of a call is or holds, as far as it is known to."""
    found = opening(evaluator, call, frame)
    if found is not None:
        yield Held(found, call, frame.module)
        return
    if depth >= _DEEPEST:
        return
    for callee in alternatives(evaluator.of(call.func, frame)):
        if isinstance(callee, ProjectClass) and not evaluator.classes.is_mapped(callee):
            yield from _given(evaluator, callee, call, frame, depth)
            yield from _opened(evaluator, callee, call, depth)


def _given(evaluator: Evaluator, cls: ProjectClass, call: t.Call, frame: Frame, depth: int) -> Iterator[Held]:
    """Sessions, and objects with sessions, that the constructor is given and keeps."""
    for which, argument in arguments_of(call):
        for root in roots_of(argument):
            for held in held_sessions(evaluator, root, frame, depth + 1):
                constructor, parameter = _parameter(evaluator, cls, which)
                if constructor is None or parameter is None:
                    continue
                session_type = evaluator.classes.library_type(held.opening.instance)
                if held.holder is not None:
                    if _keeps(evaluator, constructor, parameter):
                        yield held
                    continue
                if session_type is None:
                    continue
                for use in uses_of_parameter(evaluator, constructor, parameter, frozenset(), session_type):
                    if use.doing is Doing.HOLDS:
                        for attribute in sorted(use.attributes):
                            yield Held(held.opening, held.call, held.module, cls, attribute)


def _keeps(evaluator: Evaluator, constructor: ProjectFunction, parameter: str) -> bool:
    """Whether a constructor stores what it is given for a parameter."""
    summary = evaluator.classes.function(constructor)
    return summary is not None and any(
        isinstance(part, t.Param) and part.name == parameter
        for act in summary.acts
        if act.deed is Deed.STORED_ATTRIBUTE
        for part in t.all_in([act.value])
    )


def _parameter(evaluator: Evaluator, cls: ProjectClass, which: int | str) -> tuple[ProjectFunction | None, str | None]:
    """The constructor of a class, and its parameter for the argument of that position or name."""
    found = evaluator.classes.find(cls, "__init__", on_instance=False)
    if found is None or not isinstance(found[1], t.FunctionRef):
        return None, None
    constructor = ProjectFunction(found[0].path, found[1].qualname, ProjectInstance(cls, Origin.PARAMETER))
    summary = evaluator.classes.function(constructor)
    if summary is None:
        return None, None
    if isinstance(which, str):
        parameter = summary.parameter(which)
        return constructor, parameter.name if parameter is not None else None
    positional = [each.name for each in summary.parameters[1:] if each.kind in _POSITIONAL]
    return constructor, positional[which] if which < len(positional) else None


def _opened(evaluator: Evaluator, cls: ProjectClass, call: t.Call, depth: int) -> Iterator[Held]:
    """Sessions that the class opens, and those of objects that it makes."""
    given = {_parameter(evaluator, cls, which)[1] for which, _ in arguments_of(call)}
    for stored in _stored_calls(evaluator, cls):
        if stored.parameters & given:
            continue
        for held in held_sessions(evaluator, stored.call, evaluator.frame(stored.module), depth + 1):
            if held.holder is None:
                yield Held(held.opening, held.call, held.module, cls, stored.attribute, stored.method)
            else:
                yield held


def _stored_calls(evaluator: Evaluator, cls: ProjectClass) -> tuple[_Stored, ...]:
    known = _STORED.of(evaluator)
    if cls not in known:
        known[cls] = tuple(_find_stored(evaluator, cls))
    return known[cls]


def _find_stored(evaluator: Evaluator, cls: ProjectClass) -> Iterator[_Stored]:
    for base in evaluator.classes.line(cls):
        module = evaluator.project.summary_at(base.path) if isinstance(base, ProjectClass) else None
        if module is None or not isinstance(base, ProjectClass):
            continue
        for method in module.functions.values():
            if method.owner == base.qualname and method.parameters:
                yield from _stored_by(evaluator, module, method)


def _stored_by(evaluator: Evaluator, module: ModuleSummary, method: FunctionSummary) -> Iterator[_Stored]:
    receiver = t.Param(method.qualname, method.parameters[0].name)
    for act in method.acts:
        if act.deed is not Deed.STORED_ATTRIBUTE or not isinstance(act.key, str):
            continue
        is_own = isinstance(act.base, t.Param) and (act.base.function, act.base.name) == (
            receiver.function,
            receiver.name,
        )
        if not is_own and method.name != "__new__":
            continue
        parameters = frozenset(part.name for part in t.all_in([act.value]) if isinstance(part, t.Param))
        for root in roots_of(act.value):
            yield _Stored(root, module, method, act.key, parameters - {receiver.name})
    if method.decorators and _is_kept_property(evaluator, module, method):
        for term in method.returns:
            for root in roots_of(term):
                yield _Stored(root, module, method, method.name, frozenset())


def _is_kept_property(evaluator: Evaluator, module: ModuleSummary, method: FunctionSummary) -> bool:
    frame = evaluator.frame(module)
    return any(
        evaluator.of(decorator, frame) == Symbol("functools.cached_property")
        or decoration_of(evaluator, decorator, frame) is Decoration.CACHED
        for decorator in method.decorators
    )


def is_constructing(held: Held) -> bool:
    """Whether the session is opened as the object is made, so once for each object."""
    return held.opened_in is None or held.opened_in.name in _CONSTRUCTORS
