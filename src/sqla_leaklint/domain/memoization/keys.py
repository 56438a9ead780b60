"""What a memo's key is made of that no later call has again: a session, a request, an entity.

Each hashes by its identity, and each request has its own: what one of them keeps, no other finds.  The annotation of a
parameter is believed where no call says better; where the calls are known, they decide.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

from sqla_leaklint.domain.linking.mapping import is_made_declarative
from sqla_leaklint.domain.linking.parameters import dependency_of, undetermined
from sqla_leaklint.domain.memoization.memoized import Memoized
from sqla_leaklint.domain.origins.provenance import Provenance
from sqla_leaklint.domain.values import (
    Entity,
    Instance,
    Origin,
    ProjectClass,
    ProjectInstance,
    Symbol,
    Unknown,
    Value,
    alternatives,
)
from sqla_leaklint.knowledge.facts import Kind
from sqla_leaklint.semantic.summary import FunctionSummary, ModuleSummary, ParameterSummary

if TYPE_CHECKING:
    from sqla_leaklint.domain.evaluation import Evaluator


class Passing(Enum):
    """What is another thing for each request."""

    SESSION = "session"
    REQUEST = "request"
    ENTITY = "entity"


@dataclass(frozen=True, slots=True)
class KeyPart:
    """A parameter that is never the same thing twice; `caller` is a function that is known to pass it, in `module`."""

    parameter: str
    what: Passing
    value: Value
    module: ModuleSummary | None = None
    caller: FunctionSummary | None = None


_OF_REQUESTS = {
    Passing.SESSION: (Kind.SESSION, Kind.ASYNC_SESSION),
    Passing.REQUEST: (Kind.REQUEST, Kind.WEBSOCKET),
}


def passing_parts(memoized: Memoized) -> Iterator[KeyPart]:
    """The parts of the key that are another thing for each request: sessions first, entities last."""
    found = [part for parameter in memoized.parameters for part in _parts(memoized, parameter)]
    for what in Passing:
        yield from (part for part in found if part.what is what)


def is_given_session(evaluator: Evaluator, module: ModuleSummary, function: FunctionSummary) -> bool:
    """Whether a parameter of a function is a session or a request, as far as the function itself says."""
    frame = evaluator.frame(module)
    declared = (undetermined(evaluator, function, parameter.name, frame) for parameter in function.parameters)
    return any(_what(evaluator, value) in _OF_REQUESTS for value in declared)


def _parts(memoized: Memoized, parameter: ParameterSummary) -> Iterator[KeyPart]:
    evaluator = memoized.domain.evaluator
    frame = evaluator.frame(memoized.module)
    declared = undetermined(evaluator, memoized.function, parameter.name, frame)
    what = _what(evaluator, declared)
    provenance = Provenance(evaluator)
    if dependency_of(evaluator, memoized.function, parameter.name, frame) is not None or not memoized.calls:
        is_sure = what is not Passing.ENTITY or provenance.call_trail(memoized.module, memoized.function) is not None
        if what is not None and is_sure:
            yield KeyPart(parameter.name, what, declared)
        return
    for call in memoized.calls:
        argument = call.arguments.get(parameter.name)
        if argument is None or call.function is None:
            continue
        for value in alternatives(evaluator.of(argument, evaluator.frame(call.module))):
            passed = what if isinstance(value, Unknown) else _what(evaluator, value)
            if passed is None or (
                _may_last(passed, value) and provenance.call_trail(call.module, call.function) is None
            ):
                continue
            known = declared if isinstance(value, Unknown) else value
            yield KeyPart(parameter.name, passed, known, call.module, call.function)
            return


def _may_last(passed: Passing, value: Value) -> bool:
    """Whether a thing is as long as the function that passes it, which may be a whole script."""
    if passed is Passing.SESSION:
        return isinstance(value, Instance | ProjectInstance) and value.origin in {Origin.MANAGED, Origin.FRESH}
    return passed is Passing.ENTITY


def _what(evaluator: Evaluator, value: Value) -> Passing | None:
    for each in alternatives(value):
        if isinstance(each, Entity) and is_hashed_by_identity(evaluator, each.model):
            return Passing.ENTITY
        if isinstance(each, Instance | ProjectInstance) and each.origin is not Origin.GLOBAL:
            for what, kinds in _OF_REQUESTS.items():
                if evaluator.classes.is_a(each, *kinds):
                    return what
    return None


# --- how objects hash -------------------------------------------------------------------------------------------------

_HASHED_BY_VALUE = frozenset({"enum", "pydantic", "pydantic_settings", "sqlmodel", "attr", "attrs", "msgspec"})
"""Packages whose classes compare by value, hence hash by value or not at all."""

_PLAIN_BUILTINS = frozenset({"builtins.object", "builtins.Exception", "builtins.BaseException"})
_BY_VALUE = frozenset({"typing.NamedTuple", "collections.namedtuple", "sqlalchemy.orm.MappedAsDataclass"})


def is_hashed_by_identity(evaluator: Evaluator, cls: ProjectClass) -> bool:
    """Whether two objects of a class are two keys, whatever is in them: nothing in its line says otherwise."""
    for base in evaluator.classes.line(cls):
        if isinstance(base, Symbol):
            package = base.path.partition(".")[0]
            is_builtin = package == "builtins" and base.path not in _PLAIN_BUILTINS
            if package in _HASHED_BY_VALUE or base.path in _BY_VALUE or is_builtin:
                return False
            continue
        summary, frame = evaluator.classes.summary(base), evaluator.classes.frame(base)
        if summary is None or frame is None or {"__eq__", "__hash__"} & summary.attributes.keys():
            return False
        if summary.decorators and not is_made_declarative(evaluator, summary, frame):
            return False  # `@dataclass` and the like
    return True
