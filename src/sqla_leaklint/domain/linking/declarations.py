"""Annotations to values: what a parameter or attribute is, as far as its annotation says.

An annotation is evaluated as a term, never by its text: aliases (`SessionDep = Annotated[Session, Depends(get_db)]`,
`type X = …`)
are followed into the modules that define them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from sqla_leaklint.domain.values import (
    Awaitable,
    Dependency,
    Entity,
    Generator,
    Instance,
    Literal,
    Manager,
    Many,
    Origin,
    ProjectClass,
    ProjectInstance,
    Symbol,
    TupleValue,
    Unknown,
    Value,
    alternatives,
    with_origin,
)
from sqla_leaklint.knowledge.facts import Kind
from sqla_leaklint.semantic import terms as t
from sqla_leaklint.semantic.project import binding
from sqla_leaklint.semantic.terms import Term

if TYPE_CHECKING:
    from sqla_leaklint.domain.evaluation import Evaluator, Frame

_NAME = re.compile(r"[A-Za-z_][\w.]*")
_OPTIONAL = frozenset({"typing.Optional", "typing.Union", "types.UnionType"})
_WRAPPERS = frozenset(
    {"typing.ClassVar", "typing.Final", "typing.Required", "typing.NotRequired", "sqlalchemy.orm.Mapped"}
)
_GENERATORS = frozenset(
    f"{module}.{name}"
    for module in ("typing", "collections.abc")
    for name in ("Generator", "AsyncGenerator", "Iterator", "AsyncIterator", "Iterable", "AsyncIterable")
)
_COLLECTIONS = frozenset(
    [f"builtins.{name}" for name in ("list", "set", "tuple", "frozenset")]
    + [
        f"{m}.{name}"
        for m in ("typing", "collections.abc")
        for name in ("List", "Set", "Sequence", "Tuple", "Collection")
    ]
)
_TUPLES = frozenset({"builtins.tuple", "typing.Tuple"})
_MANAGERS = frozenset(
    f"{module}.{name}"
    for module in ("typing", "contextlib")
    for name in ("ContextManager", "AsyncContextManager", "AbstractContextManager", "AbstractAsyncContextManager")
)


def instance_of(evaluator: Evaluator, annotation: Term, frame: Frame, origin: Origin) -> Value:
    """An instance of what an annotation names; `Unknown` when it names nothing that is known."""
    for part, scope in expanded(evaluator, annotation, frame):
        value = _instance(evaluator, part, scope, origin)
        if value != Literal(None):
            return value
    return Unknown("its annotation")


def class_of(evaluator: Evaluator, annotation: Term, frame: Frame) -> Value:
    """The class that an annotation names (`Depends()` takes it as the provider)."""
    for part, scope in expanded(evaluator, annotation, frame):
        if isinstance(part, t.Item) and _path(evaluator, part.value, scope) == "typing.Annotated":
            return class_of(evaluator, arguments_of(part)[0], scope)
        value = evaluator.of(part, scope)
        if isinstance(value, ProjectClass | Symbol):
            return value
    return Unknown("its annotation")


def dependency(evaluator: Evaluator, annotation: Term, frame: Frame) -> Dependency | None:
    """The `Depends(...)` in an `Annotated[...]`, if there is one."""
    for part, scope in expanded(evaluator, annotation, frame):
        if not isinstance(part, t.Item) or _path(evaluator, part.value, scope) != "typing.Annotated":
            continue
        first, *metadata = arguments_of(part)
        for each in metadata:
            value = evaluator.of(each, scope)
            if isinstance(value, Dependency):
                if value.provider == Literal(None):
                    return replace(value, provider=class_of(evaluator, first, scope))
                return value
        inner = dependency(evaluator, first, scope)
        if inner is not None:
            return inner
    return None


def _instance(evaluator: Evaluator, part: Term, frame: Frame, origin: Origin) -> Value:
    if isinstance(part, t.Const) and part.value is None:
        return Literal(None)
    if isinstance(part, t.Item):
        return _generic_instance(evaluator, part, frame, origin)
    found: Value = Unknown("its annotation")
    for value in alternatives(evaluator.of(part, frame)):
        match value:
            case Symbol():
                if evaluator.knowledge.type(value.path) is not None:
                    return make_instance(evaluator, value.path, origin)
            case ProjectClass():
                if evaluator.classes.is_mapped(value):
                    return Entity(value)
                return ProjectInstance(value, origin)
            case Instance(makes=makes) if makes is not None and evaluator.knowledge.is_a(
                value.type, Kind.SESSION_FACTORY
            ):
                return with_origin(makes, origin)  # `db: SessionLocal` names the factory and means what it makes
            case _:
                found = value if isinstance(value, Unknown) else found
    return found


def make_instance(evaluator: Evaluator, path: str, origin: Origin) -> Instance:
    """An instance of a class of the tables, with what calling it makes by default."""
    row = evaluator.knowledge.type(path)
    makes = Instance(row.makes, Origin.FRESH) if row is not None and row.makes else None
    return Instance(path, origin, makes)


def _generic_instance(evaluator: Evaluator, part: t.Item, frame: Frame, origin: Origin) -> Value:
    path = _path(evaluator, part.value, frame)
    arguments = arguments_of(part)
    if path is None:
        return _instance(evaluator, part.value, frame, origin)
    if path == "typing.Annotated" or path in _WRAPPERS or path in _OPTIONAL:
        for argument in arguments[:1] if path == "typing.Annotated" else arguments:
            value = instance_of(evaluator, argument, frame, origin)
            if not isinstance(value, Unknown) and value != Literal(None):
                return value
        return Unknown("its annotation")
    if path in _GENERATORS:
        return Generator(instance_of(evaluator, arguments[0], frame, origin))
    if path in _TUPLES and len(arguments) > 1 and not _is_ellipsis(arguments[-1]):
        return TupleValue(tuple(instance_of(evaluator, argument, frame, origin) for argument in arguments))
    if path in _COLLECTIONS:
        return Many(instance_of(evaluator, arguments[0], frame, origin))
    if path in _MANAGERS:
        return Manager(instance_of(evaluator, arguments[0], frame, origin))
    if path in {"typing.Awaitable", "collections.abc.Awaitable", "typing.Coroutine", "collections.abc.Coroutine"}:
        return Awaitable(instance_of(evaluator, arguments[-1], frame, origin))
    if path in {"typing.Callable", "collections.abc.Callable", "typing.Type", "builtins.type"}:
        return Unknown("a callable")
    row = evaluator.knowledge.type(path)
    if row is None:
        return Unknown("its annotation")
    made = instance_of(evaluator, arguments[0], frame, Origin.FRESH) if row.makes else None
    if isinstance(made, Instance | ProjectInstance) and row.makes:
        return Instance(path, origin, made)
    return make_instance(evaluator, path, origin)


def _is_ellipsis(argument: Term) -> bool:
    """`tuple[User, ...]`: as many of one kind as there are."""
    return isinstance(argument, t.Opaque)


def arguments_of(item: t.Item) -> tuple[Term, ...]:
    """What stands in the brackets of an annotation."""
    key = item.key
    return key.elements if isinstance(key, t.Collection) and key.kind == "tuple" and key.elements else (key,)


def _path(evaluator: Evaluator, term: Term, frame: Frame) -> str | None:
    value = evaluator.of(term, frame)
    if not isinstance(value, Symbol):
        return None
    return value.path.replace("typing_extensions.", "typing.")


def expanded(evaluator: Evaluator, annotation: Term, frame: Frame, depth: int = 0) -> Iterator[tuple[Term, Frame]]:
    """The members of an annotation's union, aliases and strings resolved, each with the frame of its module."""
    if depth > 8:
        return
    match annotation:
        case t.Const(value=str() as text):
            for part in text.split("|"):
                name = part.strip()
                if _NAME.fullmatch(name) and name != "None":
                    yield from expanded(evaluator, t.Ref(f"{frame.module.name}.{name}"), frame, depth + 1)
        case t.Collection(kind="union"):
            for element in annotation.elements:
                yield from expanded(evaluator, element, frame, depth + 1)
        case t.Ref():
            alias = _alias(evaluator, annotation, frame)
            if alias is None:
                yield annotation, frame
                return
            key = (frame.module.path, annotation.path)
            if key in evaluator.aliases_in_progress:
                evaluator.progress.cut_short()
                return  # JSON = dict[str, "JSON"] | str
            evaluator.aliases_in_progress.add(key)
            try:
                yield from expanded(evaluator, *alias, depth + 1)
            finally:
                evaluator.aliases_in_progress.discard(key)
        case t.Join():
            for element in annotation.terms:
                yield from expanded(evaluator, element, frame, depth + 1)
        case t.Declared():
            if annotation.value is not None:
                yield from expanded(evaluator, annotation.value, frame, depth + 1)
        case _:
            yield annotation, frame


def _alias(evaluator: Evaluator, ref: t.Ref, frame: Frame) -> tuple[Term, Frame] | None:
    """The annotation that a name stands for (`SessionDep`), with the frame of the module that defines it."""
    if evaluator.knowledge.canonical(ref.path) is not None:
        return None
    target = evaluator.project.resolve(ref.path, frame.module)
    if target is None or len(target[1]) != 1:
        return None
    found = binding(evaluator.project, target[0], target[1][0])
    if found is None or isinstance(found[1], t.ClassRef | t.FunctionRef | t.Call):
        return None
    return found[1], evaluator.frame(found[0])
