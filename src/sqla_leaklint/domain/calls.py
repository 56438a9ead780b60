"""Calls: what a call returns, by the tables for a library and by the body for a function of the project."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqla_leaklint.domain import declarations, statements
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
    OneOf,
    Origin,
    Partial,
    ProjectClass,
    ProjectFunction,
    ProjectInstance,
    ResultValue,
    Rows,
    Statement,
    Symbol,
    Unknown,
    Value,
    alternatives,
    merge,
    with_origin,
)
from sqla_leaklint.knowledge.facts import Decoration, Kind
from sqla_leaklint.knowledge.sqlalchemy import SELECT
from sqla_leaklint.semantic import terms as t
from sqla_leaklint.semantic.summary import FunctionSummary
from sqla_leaklint.syntax.tree import ParameterKind

if TYPE_CHECKING:
    from sqla_leaklint.domain.evaluation import Evaluator, Frame

Arguments = tuple[Value, ...]
Keywords = tuple[tuple[str, Value], ...]

DEEPEST_CALL = 12
"""Functions of the project called inside each other before the value is given up as unknown."""

_MAKES_A_LIST = frozenset({"builtins.list", "builtins.sorted", "builtins.set", "builtins.tuple", "builtins.frozenset"})


def call(evaluator: Evaluator, term: t.Call, frame: Frame) -> Value:
    """The value of a call term."""
    function = evaluator.of(term.func, frame)
    args = tuple(evaluator.of(each, frame) for each in term.args)
    keywords = tuple((name, evaluator.of(each, frame)) for name, each in term.keywords)
    return apply(evaluator, function, args, keywords)


def apply(evaluator: Evaluator, function: Value, args: Arguments, keywords: Keywords) -> Value:
    """The value of calling a value."""
    match function:
        case OneOf():
            callables = [each for each in function.values if each != Literal(None)]
            return merge([apply(evaluator, each, args, keywords) for each in callables])
        case Symbol():
            return _call_library(evaluator, function.path, args, keywords)
        case ProjectFunction():
            return call_function(evaluator, function, args, keywords)
        case ProjectClass():
            return _construct(evaluator, function, args, keywords)
        case BoundMethod():
            return call_method(evaluator, function, args, keywords)
        case Instance():
            return _call_instance(evaluator, function)
        case ProjectInstance():
            method = evaluator.classes.instance_attribute(function, "__call__")
            return apply(evaluator, method, args, keywords) if isinstance(method, ProjectFunction) else Unknown("calling it")
        case ManagerFactory():
            made = apply(evaluator, function.function, args, keywords)
            return Manager(evaluator.element(made)) if not isinstance(made, Unknown) else made
        case Partial():
            return apply(evaluator, function.function, (*function.args, *args), (*function.keywords, *keywords))
        case _:
            return function if isinstance(function, Unknown) else Unknown("calling it")


# --- libraries --------------------------------------------------------------------------------------------------------


def _call_library(evaluator: Evaluator, path: str, args: Arguments, keywords: Keywords) -> Value:
    knowledge = evaluator.knowledge
    if path in {"builtins.next", "builtins.anext"} and args:
        element = evaluator.element(args[0])
        return Awaitable(element) if path == "builtins.anext" else element
    if path in {"builtins.iter", "builtins.aiter", "builtins.reversed", "builtins.enumerate"} and args:
        return args[0] if path != "builtins.enumerate" else Unknown("enumerated")
    if path in _MAKES_A_LIST and args:
        return statements.listed(evaluator, args[0])
    if path == "builtins.getattr" and len(args) >= 2 and isinstance(args[1], Literal) and isinstance(args[1].value, str):
        return evaluator.attribute(args[0], args[1].value)
    decorator = knowledge.decorator(path)
    if decorator is not None and args:
        if decorator.decoration in {Decoration.CONTEXT_MANAGER, Decoration.ASYNC_CONTEXT_MANAGER}:
            return ManagerFactory(args[0])
        if decorator.decoration in {Decoration.TRANSPARENT, Decoration.CACHED} and isinstance(args[0], ProjectFunction):
            return args[0]
    row = knowledge.type(path)
    if row is not None:
        return _construct_library(evaluator, path, args, dict(keywords))
    function = knowledge.function(path)
    if function is not None:
        return returned(evaluator, function.returns, None, args, keywords, Origin.FRESH)
    if path.startswith(_CLAUSES) and not path.startswith("sqlalchemy.orm."):
        return Clause(path, args)
    return Unknown(f"`{path}` is not in the tables")


_CLAUSES = ("sqlalchemy.", "sqlmodel.")
"""Functions of these packages that no table has make SQL: `and_`, `func.count`, `cast`, `case` …"""


def _construct_library(evaluator: Evaluator, path: str, args: Arguments, given: dict[str, Value]) -> Value:
    row = evaluator.knowledge.type(path)
    assert row is not None
    if row.kind in {Kind.STATEMENT, Kind.LEGACY_QUERY}:
        return Statement(path, args)
    made: Value | None = Instance(row.makes, Origin.FRESH) if row.makes else None
    if row.makes_keyword and row.makes_keyword in given:
        product = given[row.makes_keyword]
        made = apply(evaluator, product, (), ()) if isinstance(product, Symbol | ProjectClass) else Unknown("its class_")
        made = with_origin(made, Origin.FRESH)
    if row.makes_argument and args:
        made = apply(evaluator, args[0], (), ())
    return Instance(path, Origin.FRESH, made)


def _call_instance(evaluator: Evaluator, instance: Instance) -> Value:
    if instance.makes is None:
        return Unknown(f"calling a `{instance.type}`")
    if evaluator.knowledge.is_a(instance.type, Kind.SESSION_REGISTRY):
        return with_origin(instance.makes, Origin.REGISTRY)
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
    found = statements.executed(evaluator, receiver, type_name, method.name, args, keywords)
    if found is not None:
        return found
    row = evaluator.knowledge.method(type_name, method.name)
    if row is None and isinstance(receiver, Instance) and receiver.makes is not None:
        # A registry passes on what its session can do.
        return call_method(evaluator, BoundMethod(with_origin(receiver.makes, Origin.REGISTRY), method.name), args, keywords)
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
            return value if word == "arg" else apply(evaluator, value, (), ())
        case "decorator":
            return args[0] if args and isinstance(args[0], ProjectFunction) else Unknown("a decorator")
        case "class":
            return Instance(rest, Origin.GLOBAL)
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
    return Dependency(provider, scope.value if isinstance(scope, Literal) and isinstance(scope.value, str) else "")


def _argument(which: str, args: Arguments, keywords: Keywords) -> Value:
    if which.isdigit():
        return args[int(which)] if int(which) < len(args) else Unknown("an argument that is not given")
    return dict(keywords).get(which, Unknown("an argument that is not given"))


def unwrapped(value: Value) -> Value:
    """What is left when everything has been awaited."""
    while isinstance(value, Awaitable):
        value = value.value
    return value


# --- the project ------------------------------------------------------------------------------------------------------


def _construct(evaluator: Evaluator, cls: ProjectClass, args: Arguments, keywords: Keywords) -> Value:
    if evaluator.classes.is_mapped(cls):
        return Entity(cls, is_loaded=False)
    found = evaluator.classes.find(cls, "__init__", on_instance=False)
    bound: tuple[tuple[str, Value], ...] = ()
    if found is not None and isinstance(found[1], t.FunctionRef) and found[0] == cls:
        summary = evaluator.classes.function(ProjectFunction(cls.path, found[1].qualname))
        if summary is not None:
            instance = ProjectInstance(cls, Origin.FRESH)
            bound = tuple((name, value) for (_, name), value in bind(summary, (instance, *args), keywords).items())
            bound = bound[1:]
    return ProjectInstance(cls, Origin.FRESH, bound)


def bind(function: FunctionSummary, args: Arguments, keywords: Keywords) -> dict[tuple[str, str], Value]:
    """Arguments by parameter."""
    bound: dict[tuple[str, str], Value] = {}
    positional = [p for p in function.parameters if p.kind in {ParameterKind.POSITIONAL, ParameterKind.POSITIONAL_ONLY}]
    for parameter, value in zip(positional, args, strict=False):
        if value == Unknown("unpacked"):
            break
        bound[function.qualname, parameter.name] = value
    names = {parameter.name for parameter in function.parameters}
    for name, value in keywords:
        if name in names:
            bound[function.qualname, name] = value
    return bound


def call_function(evaluator: Evaluator, function: ProjectFunction, args: Arguments, keywords: Keywords) -> Value:
    """What a function of the project returns, its decorators included."""
    summary = evaluator.classes.function(function)
    module = evaluator.project.summary_at(function.path)
    if summary is None or module is None:
        return Unknown(f"function `{function.qualname}`")
    if function.receiver is not None:
        args = (function.receiver, *args)
    value = _body(evaluator, function, summary, args, keywords)
    frame = evaluator.frame(module)
    for decorator in reversed(summary.decorators):
        value = _decorated(evaluator, decorator, value, frame)
    return value


def _body(
    evaluator: Evaluator, function: ProjectFunction, summary: FunctionSummary, args: Arguments, keywords: Keywords
) -> Value:
    from sqla_leaklint.domain.evaluation import Frame

    key = (function.path, function.qualname)
    module = evaluator.project.summary_at(function.path)
    assert module is not None
    if key in evaluator.calls_in_progress or len(evaluator.calls_in_progress) > DEEPEST_CALL:
        return Unknown(f"`{function.qualname}` calls itself")
    needed = evaluator.classes.parameters_returned(function.path, summary)
    bound = {name: value for name, value in bind(summary, args, keywords).items() if name in needed} if needed else {}
    memo_key = (*key, tuple(sorted(bound.items(), key=lambda item: item[0])))
    known = evaluator.results.get(memo_key)
    if known is not None:
        return known
    value = _result(evaluator, function, summary, Frame(module, bound) if bound else evaluator.frame(module))
    if not isinstance(value, Unknown) or not evaluator.calls_in_progress:
        # In the middle of other calls, "unknown" may only mean that one of them is this function.
        evaluator.results[memo_key] = value
    return value


def _result(evaluator: Evaluator, function: ProjectFunction, summary: FunctionSummary, frame: Frame) -> Value:
    evaluator.calls_in_progress.append((function.path, function.qualname))
    try:
        if summary.is_generator:
            return Generator(merge([evaluator.of(term, frame) for term in summary.yields]), function)
        if not summary.returns:
            value: Value = Literal(None)
        else:
            value = merge([evaluator.of(term, frame) for term in summary.returns])
        if isinstance(value, Unknown) and summary.returns_annotation is not None:
            declared = declarations.instance_of(evaluator, summary.returns_annotation, frame, Origin.DECLARED)
            value = value if isinstance(declared, Unknown) else declared
        return Awaitable(value) if summary.is_async else value
    finally:
        evaluator.calls_in_progress.pop()


def _decorated(evaluator: Evaluator, decorator: t.Term, value: Value, frame: Frame) -> Value:
    """What is left of a function's value when a decorator stands above it."""
    decoration = decoration_of(evaluator, decorator, frame)
    if decoration in {Decoration.CONTEXT_MANAGER, Decoration.ASYNC_CONTEXT_MANAGER}:
        element = evaluator.element(value)
        return Manager(element)
    if decoration is Decoration.CACHED:
        return with_origin(value, Origin.GLOBAL)
    if decoration is not None:
        return value
    function = evaluator.of(decorator.func if isinstance(decorator, t.Call) else decorator, frame)
    if isinstance(function, Symbol) and function.path in PLAIN_DECORATORS:
        return value
    # A decorator that nobody knows: the type of the value may be kept, its owner is not known.
    return _disowned(value)


def _disowned(value: Value) -> Value:
    match value:
        case Awaitable():
            return Awaitable(_disowned(value.value))
        case Generator():
            return Generator(_disowned(value.element), value.function)
        case _:
            return with_origin(value, Origin.DECLARED)


PLAIN_DECORATORS = frozenset(
    {"builtins.staticmethod", "builtins.classmethod", "builtins.property", "functools.cached_property",
    "abc.abstractmethod"}
)


def decoration_of(evaluator: Evaluator, decorator: t.Term, frame: Frame) -> Decoration | None:
    """What a decorator does, by the tables; `@decorator(...)` and `@object.decorator(...)` too."""
    func = decorator.func if isinstance(decorator, t.Call) else decorator
    value = evaluator.of(func, frame)
    match value:
        case Symbol():
            row = evaluator.knowledge.decorator(value.path)
            return row.decoration if row is not None else None
        case BoundMethod():
            owner = evaluator.classes.library_type(value.receiver)
            row = evaluator.knowledge.decorator_method(owner, value.name) if owner is not None else None
            return row.decoration if row is not None else None
        case _:
            return None


def function_attribute(evaluator: Evaluator, function: ProjectFunction, name: str) -> Value:
    """`function.name`, where a decorator has made an object of the function: `@click.group()` a group with `command`."""
    summary = evaluator.classes.function(function)
    module = evaluator.project.summary_at(function.path)
    if summary is not None and module is not None and evaluator.knowledge.decorator_method(COMMAND_GROUP, name) is not None:
        frame = evaluator.frame(module)
        if any(decoration_of(evaluator, decorator, frame) is Decoration.COMMAND for decorator in summary.decorators):
            return BoundMethod(Instance(COMMAND_GROUP, Origin.GLOBAL), name)
    return Unknown(f"attribute `{name}` of a function")


COMMAND_GROUP = "click.Group"


def _has_decorator(evaluator: Evaluator, function: FunctionSummary, frame: Frame, *paths: str) -> bool:
    return any(
        isinstance(value, Symbol) and value.path in paths
        for value in (evaluator.of(decorator, frame) for decorator in function.decorators)
    )


def is_static(evaluator: Evaluator, function: FunctionSummary, frame: Frame) -> bool:
    return _has_decorator(evaluator, function, frame, "builtins.staticmethod")


def is_class_method(evaluator: Evaluator, function: FunctionSummary, frame: Frame) -> bool:
    return function.name in {"__init_subclass__", "__class_getitem__"} or _has_decorator(
        evaluator, function, frame, "builtins.classmethod"
    )


def is_property(evaluator: Evaluator, function: FunctionSummary, frame: Frame) -> bool:
    return _has_decorator(evaluator, function, frame, "builtins.property", "functools.cached_property")


# --- dependency injection ---------------------------------------------------------------------------------------------


def provided(evaluator: Evaluator, dependency: Dependency) -> Value:
    """What FastAPI injects for a dependency: what its provider yields or returns, owned by the request."""
    provider = dependency.provider
    made = apply(evaluator, provider, (), ())
    value: Value = merge([_injected(evaluator, each) for each in alternatives(unwrapped(made))])
    function = provider if isinstance(provider, ProjectFunction) else None
    return with_origin(value, Origin.PROVIDED, function, dependency.scope)


def _injected(evaluator: Evaluator, value: Value) -> Value:
    match value:
        case Generator():
            return value.element
        case Awaitable():
            return value.value
        case Manager():
            return value
        case Many():
            return value
        case _:
            return value
