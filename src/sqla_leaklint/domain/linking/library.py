"""Calls into libraries: what a function, constructor or method of the tables returns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from sqla_leaklint.domain.linking import attached, calls, construction, declarations, statements
from sqla_leaklint.domain.values import (
    Awaitable,
    BoundMethod,
    Clause,
    Dependency,
    Entity,
    Generator,
    Instance,
    Literal,
    Manager,
    ManagerFactory,
    Many,
    ModelAttribute,
    Origin,
    Partial,
    ProjectClass,
    ProjectFunction,
    ResultValue,
    Rows,
    Statement,
    Symbol,
    Unknown,
    Value,
    with_origin,
)
from sqla_leaklint.knowledge.facts import Decoration, Kind
from sqla_leaklint.knowledge.sqlalchemy import COMPOUND_SELECT, SELECT

if TYPE_CHECKING:
    from sqla_leaklint.domain.evaluation import Evaluator

Arguments = tuple[Value, ...]
Keywords = tuple[tuple[str, Value], ...]

_MAKES_A_LIST = frozenset({"builtins.list", "builtins.sorted", "builtins.set", "builtins.tuple", "builtins.frozenset"})


def call_library(evaluator: Evaluator, path: str, args: Arguments, keywords: Keywords) -> Value:
    knowledge = evaluator.knowledge
    if path in {"builtins.next", "builtins.anext"} and args:
        if _is_wrong_kind_of_generator(evaluator, args[0], is_async=path == "builtins.anext"):
            return Unknown(f"`{path}` of the wrong kind of generator")
        element = evaluator.element(args[0])
        return Awaitable(element) if path == "builtins.anext" else element
    if path in {"builtins.iter", "builtins.aiter", "builtins.reversed", "builtins.enumerate"} and args:
        return args[0] if path != "builtins.enumerate" else Unknown("enumerated")
    if path == "builtins.super":
        return construction.supers(args)
    if path in _MAKES_A_LIST and args:
        return statements.listed(evaluator, args[0])
    if (
        path == "builtins.getattr"
        and len(args) >= 2
        and isinstance(args[1], Literal)
        and isinstance(args[1].value, str)
    ):
        return evaluator.attribute(args[0], args[1].value)
    if knowledge.canonical(path) == "sqlalchemy.orm.aliased" and (len(args) > 1 or "alias" in dict(keywords)):
        return Unknown("an alias of a selectable, which may hold a part of the rows")
    decorator = knowledge.decorator(path)
    if decorator is not None and args:
        if decorator.decoration in {Decoration.CONTEXT_MANAGER, Decoration.ASYNC_CONTEXT_MANAGER}:
            return ManagerFactory(args[0])
        if decorator.decoration in {Decoration.TRANSPARENT, Decoration.CACHED} and isinstance(args[0], ProjectFunction):
            return args[0]
    if knowledge.loader_option(path) is not None:
        return Clause(knowledge.canonical(path) or path, args)
    row = knowledge.type(path)
    if row is not None:
        return _construct(evaluator, path, args, dict(keywords))
    function = knowledge.function(path)
    if function is not None:
        if function.returns == COMPOUND_SELECT:
            return statements.combined(path.rpartition(".")[2], args)
        return returned(evaluator, function.returns, None, args, keywords, Origin.FRESH)
    if path.startswith(_CLAUSES) and not path.startswith("sqlalchemy.orm."):
        return Clause(path, args)
    return Unknown(f"`{path}` is not in the tables")


def _is_wrong_kind_of_generator(evaluator: Evaluator, value: Value, *, is_async: bool) -> bool:
    """Whether `next` gets an async generator, or `anext` a plain one: that raises `TypeError`."""
    if not isinstance(value, Generator) or value.function is None:
        return False
    summary = evaluator.classes.function(value.function)
    return summary is not None and not summary.decorators and summary.is_async is not is_async


_CLAUSES = ("sqlalchemy.", "sqlmodel.")
"""Functions of these packages that no table has make SQL: `and_`, `func.count`, `cast`, `case` …"""


def _construct(evaluator: Evaluator, path: str, args: Arguments, given: dict[str, Value]) -> Value:
    row = evaluator.knowledge.type(path)
    assert row is not None
    if row.kind in {Kind.STATEMENT, Kind.LEGACY_QUERY}:
        return Statement(path, args)
    made: Value | None = Instance(row.makes, Origin.FRESH) if row.makes else None
    if row.makes_keyword and row.makes_keyword in given:
        product = given[row.makes_keyword]
        made = (
            calls.apply(evaluator, product, calls.NOT_KNOWN, ())
            if isinstance(product, Symbol | ProjectClass)
            else Unknown("its class_")
        )
        made = with_origin(made, Origin.FRESH)
    if row.makes_argument and args:
        made = calls.apply(evaluator, args[0], calls.NOT_KNOWN, ())
    if row.kind in {Kind.SESSION, Kind.ASYNC_SESSION}:
        is_expiring = _is_expiring(args, given, unless_given=True)
        return Instance(path, Origin.FRESH, made, expires_on_commit=is_expiring)
    if isinstance(made, Instance) and row.kind is Kind.SESSION_FACTORY:
        made = replace(made, expires_on_commit=_is_expiring(args, given, unless_given=True))
    return Instance(path, Origin.FRESH, made)


def _is_expiring(args: Arguments, given: Mapping[str, Value], *, unless_given: bool | None) -> bool | None:
    """What the arguments of a session or of its factory say of `expire_on_commit`; None if they cannot be read."""
    if "expire_on_commit" in given:
        said = given["expire_on_commit"]
        return said.value if isinstance(said, Literal) and isinstance(said.value, bool) else None
    # By position, or in what is unpacked, it may be anything.
    return unless_given if len(args) <= _BEFORE_OPTIONS and calls.UNPACKED not in args else None


_BEFORE_OPTIONS = 2
"""Positional arguments of a session or factory before its options: the engine, and a session's class."""


def attribute(evaluator: Evaluator, value: Instance, name: str) -> Value:
    """An attribute of a library's object."""
    row = evaluator.knowledge.method(value.type, name)
    if row is not None and row.is_attribute:
        return returned(evaluator, row.returns, value, (), (), Origin.ATTRIBUTE)
    known = evaluator.knowledge.type(value.type)
    if row is None and known is not None:
        if known.kind is Kind.STATE:  # of an application; the table has no other
            return attached.attached(evaluator, name, lambda owner: owner == value, value, word=f"state.{name}")
        for module in known.falls_back_to:
            path = evaluator.knowledge.canonical(f"{module}.{name}")
            if path is not None:
                return Symbol(path)  # db.Column, db.relationship
    return BoundMethod(value, name)


def call_instance(evaluator: Evaluator, instance: Instance, keywords: Keywords = ()) -> Value:
    if instance.makes is None:
        return Unknown(f"calling a `{instance.type}`")
    if evaluator.knowledge.is_a(instance.type, Kind.SESSION_REGISTRY):
        return with_origin(instance.makes, Origin.REGISTRY)
    if isinstance(instance.makes, Instance) and any(name == "expire_on_commit" for name, _ in keywords):
        return replace(instance.makes, expires_on_commit=_is_expiring((), dict(keywords), unless_given=None))
    return instance.makes


def call_method(evaluator: Evaluator, method: BoundMethod, args: Arguments, keywords: Keywords) -> Value:
    """A method of a library's object, a statement, a result or a collection."""
    receiver = method.receiver
    match receiver:
        case Statement() | ResultValue():
            return statements.step(evaluator, receiver, method.name, args, keywords)
        case Rows() | Many():
            return statements.of_rows(evaluator, receiver, method.name)
        case ModelAttribute() | Clause():
            return Clause(method.name, (receiver, *args))
        case Awaitable() | Generator() | Manager() | Entity():
            return Unknown(f"method `{method.name}`")
        case _:
            pass
    type_name = evaluator.classes.library_type(receiver)
    if type_name is None and isinstance(receiver, ProjectClass):
        type_name = evaluator.classes.library_base(receiver)
    if type_name is None:
        return Unknown(f"method `{method.name}`")
    found = statements.executed(evaluator, type_name, method.name, args, keywords)
    if found is not None:
        return found
    row = evaluator.knowledge.method(type_name, method.name)
    if row is None and isinstance(receiver, Instance) and receiver.makes is not None:
        # A registry passes on what its session can do.
        return call_method(
            evaluator, BoundMethod(with_origin(receiver.makes, Origin.REGISTRY), method.name), args, keywords
        )
    if row is None:
        return Unknown(f"`{type_name}.{method.name}` is not in the tables")
    return returned(evaluator, row.returns, receiver, args, keywords, Origin.FRESH)


def returned(
    evaluator: Evaluator, notation: str, receiver: Value | None, args: Arguments, keywords: Keywords, origin: Origin
) -> Value:
    """A `returns` of the tables, as a value (the notation: `knowledge.facts`)."""
    word, _, rest = notation.partition(" ")
    match word:
        case "await":
            return Awaitable(returned(evaluator, rest, receiver, args, keywords, origin))
        case "enter":
            return Manager(returned(evaluator, rest, receiver, args, keywords, origin))
        case "self":
            return receiver if receiver is not None else Unknown("self")
        case "none":
            return Literal(None)
        case "made":
            return receiver.makes if isinstance(receiver, Instance) and receiver.makes is not None else Unknown("made")
        case "entered":
            return evaluator.entered(returned(evaluator, rest, receiver, args, keywords, origin), is_async=False)
        case "element":
            return evaluator.element(returned(evaluator, rest, receiver, args, keywords, origin))
        case "select":
            return Statement(SELECT, args)
        case "dependency":
            return _dependency(args, dict(keywords))
        case "partial":
            return Partial(args[0], args[1:], keywords) if args else Unknown("a partial of nothing")
        case "arg" | "call":
            value = _argument(rest.removeprefix("arg "), args, keywords)
            return value if word == "arg" else calls.apply(evaluator, value, calls.NOT_KNOWN, ())
        case "decorator":
            return args[0] if args and isinstance(args[0], ProjectFunction) else Unknown("a decorator")
        case "class":
            extended = dict(keywords).get("cls")
            return Instance(rest, Origin.GLOBAL, extended if isinstance(extended, ProjectClass) else None)
        case _:
            row = evaluator.knowledge.type(notation)
            if row is not None and row.kind in {Kind.STATEMENT, Kind.LEGACY_QUERY}:
                return Statement(notation, args)
            if row is not None:
                return declarations.make_instance(evaluator, notation, origin)
            return Unknown(notation or "nothing is known of what it returns")


def _dependency(args: Arguments, given: dict[str, Value]) -> Dependency:
    scope = given.get("scope")
    provider = args[0] if args else given.get("dependency", Literal(None))
    word = scope.value if isinstance(scope, Literal) and isinstance(scope.value, str) else ""
    return Dependency(provider, word, given.get("use_cache") != Literal(False))


def _argument(which: str, args: Arguments, keywords: Keywords) -> Value:
    if which.isdigit():
        return args[int(which)] if int(which) < len(args) else Unknown("an argument that is not given")
    return dict(keywords).get(which, Unknown("an argument that is not given"))


def unwrapped(value: Value) -> Value:
    """What is left when everything has been awaited."""
    while isinstance(value, Awaitable):
        value = value.value
    return value
