"""Keys of which there are only so many, whoever calls: truth values, enumerations, classes, functions, locales …"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from sqla_leaklint.domain.values import Instance, ProjectClass, ProjectFunction, Symbol, Value, alternatives
from sqla_leaklint.knowledge.facts import Kind
from sqla_leaklint.semantic import terms as t

if TYPE_CHECKING:
    from sqla_leaklint.domain.evaluation import Evaluator, Frame
    from sqla_leaklint.semantic.summary import FunctionSummary, ModuleSummary

_WORDS = (
    "locale locales lang language languages dialect currency currencies country timezone tz method status level"
    " kind type types mode env environment cls klass class func fn function callback handler hook module model"
    " models schema plugin provider backend driver engine protocol scheme region encoding codec unit feature flag"
    " setting settings config configuration role permission theme template route endpoint weekday month year app"
    " db session factory converter adapter strategy loop"
)
_CLOSED_WORDS = frozenset(_WORDS.split())
"""Words for things of which a program has a few; a name counts by its last word (`event_type`, `model_class`)."""

_HAVING_OWNERS = frozenset(
    {"role", "permission", "session", "model", "template", "theme", "feature", "handler", "hook", "callback"}
)
"""Those of them that are made for somebody: of a setting, an engine or a provider, all attributes are settings."""

_KEYS = frozenset({"id", "uuid"})
_KEYS_OF_MACHINERY = frozenset({"client", "app", "application"})
"""What `client_id` is the key of: something that is registered, not somebody who comes."""

_CLOSED_NAMES = frozenset({"status_code"})
"""Names for such things whose last word says less."""

_CLOSED_TYPES = frozenset(
    {"builtins.bool", "builtins.type", "types.ModuleType", "types.FunctionType", "typing.Callable"}
)
_CLOSED_GENERICS = frozenset(
    {"typing.Literal", "typing.Type", "typing.Callable", "builtins.type", "collections.abc.Callable"}
)
_TRANSPARENT = frozenset({"typing.Optional", "typing.Union", "typing.Annotated", "typing.Final", "typing.ClassVar"})
_SETTINGS = frozenset({"pydantic_settings.BaseSettings", "pydantic.BaseSettings", "pydantic.v1.BaseSettings"})
_MODELS = frozenset({"pydantic.BaseModel", "pydantic.main.BaseModel"})
_CAPITAL = re.compile(r"(?<=[a-z\d])(?=[A-Z])")
_NAME = re.compile(r"[A-Za-z_][\w.]*")

_PLAIN_OBJECTS = (
    Kind.SESSION,
    Kind.ASYNC_SESSION,
    Kind.SESSION_FACTORY,
    Kind.SESSION_REGISTRY,
    Kind.ENGINE,
    Kind.ASYNC_ENGINE,
    Kind.CONNECTION,
    Kind.ASYNC_CONNECTION,
    Kind.APPLICATION,
    Kind.ROUTER,
    Kind.BACKGROUND_TASKS,
    Kind.RESPONSE,
    Kind.STATE,
    Kind.EVENT_LOOP,
    Kind.EXECUTOR,
)
"""What a request is served with, rather than what it brings."""


def is_closed_name(name: str) -> bool:
    """Whether a parameter, attribute or constant key is named like a thing of which there are only so many."""
    if name.startswith(("is_", "has_", "__")) or name in _CLOSED_NAMES:
        return True
    return _last_word(name) in _CLOSED_WORDS


def is_key_of_another(name: str, part: str) -> bool:
    """Whether an attribute of a thing that is named like one of few is the key of something else: `role.tenant_id`.

    There are only so many roles, and only so many ids and names of roles, but each belongs to one of many tenants.
    """
    owner, _, key = part.lower().rpartition("_")
    word = _last_word(name)
    return (
        word in _HAVING_OWNERS
        and key in _KEYS
        and bool(owner)
        and owner not in _KEYS_OF_MACHINERY
        and not is_closed_name(owner)
    )


def _last_word(name: str) -> str:
    return name.lower().strip("_").rpartition("_")[2]


def is_plain_object(evaluator: Evaluator, value: Value) -> bool:
    """Whether a value is part of the machinery: a session, an engine, an application, a function or a class."""
    if isinstance(value, ProjectFunction | ProjectClass):
        return True
    return evaluator.classes.is_a(value, *_PLAIN_OBJECTS) if isinstance(value, Instance) else False


def is_closed_parameter(
    evaluator: Evaluator, module: ModuleSummary, function: FunctionSummary, name: str, part: str = ""
) -> bool:
    """Whether a parameter (or an attribute of it, a `part`) takes only so many values, by its annotation or by its
    name; what its class says it is, counts for more than the name of the parameter.
    """
    parameter = function.parameter(name)
    if parameter is None:
        return True
    frame = evaluator.frame(module)
    annotation = parameter.annotation
    given = list(_members(evaluator, annotation, frame)) if annotation is not None else []
    members = [each for each in given if not _is_none(each)]
    if members and all(_is_closed_type(evaluator, each, frame) for each in members):
        return True
    if not is_closed_name(name) or is_key_of_another(name, part):
        return False
    return not (members and all(_is_other_data(evaluator, each, frame) for each in members))


def _is_other_data(evaluator: Evaluator, annotation: t.Term, frame: Frame) -> bool:
    """Whether a class is one of data, and not itself called like a thing of which there are few: `role: Employee`."""
    values = alternatives(evaluator.of(annotation, frame))
    return all(
        isinstance(value, ProjectClass)
        and not is_closed_name(_CAPITAL.sub("_", value.name))
        and is_data_class(evaluator, value)
        for value in values
    )


def is_data_class(evaluator: Evaluator, cls: ProjectClass) -> bool:
    """Whether objects of a class of the project are rows or records: it is mapped, or a model of pydantic's."""
    bases = [base.path for base in evaluator.classes.line(cls) if isinstance(base, Symbol)]
    return evaluator.classes.is_mapped(cls) or not _MODELS.isdisjoint(bases)


def _is_settings(evaluator: Evaluator, value: Value) -> bool:
    return isinstance(value, ProjectClass) and any(
        isinstance(base, Symbol) and base.path in _SETTINGS for base in evaluator.classes.line(value)
    )


def is_enumeration(evaluator: Evaluator, value: Value) -> bool:
    return isinstance(value, ProjectClass) and any(
        getattr(base, "path", "").startswith("enum.") for base in evaluator.classes.line(value)
    )


def _members(evaluator: Evaluator, annotation: t.Term, frame: Frame, depth: int = 0) -> Iterator[t.Term]:
    if depth > 6:
        yield annotation
        return
    match annotation:
        case t.Const(value=str() as text) if all(_NAME.fullmatch(part.strip()) for part in text.split("|")):
            for part in text.split("|"):
                yield t.Ref(f"{frame.module.name}.{part.strip()}" if part.strip() != "None" else "builtins.None")
        case t.Collection(kind="union"):
            for element in annotation.elements:
                yield from _members(evaluator, element, frame, depth + 1)
        case t.Item() if _path(evaluator, annotation.value, frame) in _TRANSPARENT:
            key = annotation.key
            elements = key.elements if isinstance(key, t.Collection) and key.kind == "tuple" else (key,)
            is_annotated = _path(evaluator, annotation.value, frame) == "typing.Annotated"
            for element in elements[:1] if is_annotated else elements:
                yield from _members(evaluator, element, frame, depth + 1)
        case _:
            yield annotation


def _is_none(annotation: t.Term) -> bool:
    if isinstance(annotation, t.Const):
        return annotation.value is None
    return isinstance(annotation, t.Ref) and annotation.path == "builtins.None"


def _is_closed_type(evaluator: Evaluator, annotation: t.Term, frame: Frame) -> bool:
    if isinstance(annotation, t.Item):
        return _path(evaluator, annotation.value, frame) in _CLOSED_GENERICS
    path = _path(evaluator, annotation, frame)
    if path is not None:
        return path in _CLOSED_TYPES
    values = alternatives(evaluator.of(annotation, frame))
    return any(is_enumeration(evaluator, value) or _is_settings(evaluator, value) for value in values)


def _path(evaluator: Evaluator, annotation: t.Term, frame: Frame) -> str | None:
    value = evaluator.of(annotation, frame)
    return value.path.replace("typing_extensions.", "typing.") if isinstance(value, Symbol) else None
