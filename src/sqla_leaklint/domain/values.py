"""What an expression can be, once its names are linked: a session, a factory, a statement, rows, an entity …

Values are plain, immutable and comparable.  `Unknown` carries the reason, so that `leaklint` can say what it was
uncertain of; every question asked of an unknown value is answered by silence.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum
from typing import TypeAlias

from sqla_leaklint.knowledge.facts import Consumer, Fetch, Role, Shape


class Origin(str, Enum):
    """Who made a thing, hence who has to give it back."""

    FRESH = "fresh"
    """Made by this very call; whoever called owns it."""
    MANAGED = "managed"
    """Bound by a `with` block, which gives it back."""
    PARAMETER = "parameter"
    GLOBAL = "global"
    ATTRIBUTE = "attribute"
    REGISTRY = "registry"
    """Handed out by a registry (`scoped_session`), which keeps it."""
    PROVIDED = "provided"
    """Injected by FastAPI from a dependency provider; the request owns it."""
    DECLARED = "declared"
    """Known by its annotation alone."""


@dataclass(frozen=True, slots=True)
class Unknown:
    reason: str


@dataclass(frozen=True, slots=True)
class Literal:
    value: str | bytes | int | float | bool | None


@dataclass(frozen=True, slots=True)
class Symbol:
    """A function, class or other object of a library, by its canonical path."""

    path: str


@dataclass(frozen=True, slots=True)
class ModuleValue:
    """A module of the project, by its file."""

    path: str


@dataclass(frozen=True, slots=True)
class ProjectFunction:
    """A function of the project; `receiver` is what a method is bound to."""

    path: str
    qualname: str
    receiver: Value | None = None


@dataclass(frozen=True, slots=True)
class ProjectClass:
    path: str
    qualname: str

    @property
    def name(self) -> str:
        return self.qualname.rpartition(".")[2]


@dataclass(frozen=True, slots=True)
class Instance:
    """An instance of a library's class; `makes` is what calling it gives (a factory's session class).

    `provider` is the function that FastAPI had it from and `scope` that dependency's (None and "" for anything else).
    `expires_on_commit` tells whether the commit of a session expires its entities (None: it is not known).
    """

    type: str
    origin: Origin
    makes: Value | None = None
    provider: ProjectFunction | None = None
    scope: str = ""
    expires_on_commit: bool | None = None


@dataclass(frozen=True, slots=True)
class ProjectInstance:
    """An instance of a class of the project, with what is known of the arguments of its `__init__`."""

    cls: ProjectClass
    origin: Origin
    arguments: tuple[tuple[str, Value], ...] = ()
    provider: ProjectFunction | None = None
    scope: str = ""


@dataclass(frozen=True, slots=True)
class Super:
    """`super(cls, receiver)`: the receiver, seen as an instance of what comes after a class in its line of bases."""

    cls: ProjectClass
    receiver: ProjectInstance | ProjectClass


@dataclass(frozen=True, slots=True)
class BoundMethod:
    """A method of a library's object, not yet called."""

    receiver: Value
    name: str


@dataclass(frozen=True, slots=True)
class Partial:
    """`functools.partial(function, …)`, and a library's decorator or wrapper that calls it later."""

    function: Value
    args: tuple[Value, ...] = ()
    keywords: tuple[tuple[str, Value], ...] = ()


@dataclass(frozen=True, slots=True)
class ManagerFactory:
    """`contextmanager(function)`: calling it gives a `Manager` of what the generator yields."""

    function: Value


@dataclass(frozen=True, slots=True)
class Manager:
    """A context manager; entering it gives `value`."""

    value: Value


@dataclass(frozen=True, slots=True)
class Awaitable:
    value: Value


@dataclass(frozen=True, slots=True)
class Generator:
    """An iterator or generator; `function` is the project's generator function that made it, if one did."""

    element: Value
    function: ProjectFunction | None = None


@dataclass(frozen=True, slots=True)
class Many:
    """A list, set, tuple or other collection of unknown length of `element`."""

    element: Value


@dataclass(frozen=True, slots=True)
class TupleValue:
    elements: tuple[Value, ...]


@dataclass(frozen=True, slots=True)
class Dependency:
    """`Depends(provider, …)`; `scope` is its argument of that name ("" when not given), `is_cached` is `use_cache`."""

    provider: Value
    scope: str = ""
    is_cached: bool = True


# --- queries ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Entity:
    """An instance of a mapped class; `is_loaded` tells rows from new objects."""

    model: ProjectClass
    is_loaded: bool = True


@dataclass(frozen=True, slots=True)
class ModelAttribute:
    """`Model.name` on the class: a column, relationship or other mapped attribute."""

    model: ProjectClass
    name: str


@dataclass(frozen=True, slots=True)
class Clause:
    """A piece of SQL: an operator, method or function, and what it is applied to.

    `operator` is a comparison's ("==", "<" …), a method's name on a column ("in_", "desc"), a function's path
    ("sqlalchemy.and_", "sqlalchemy.func.count"), or "&", "|", "~".
    """

    operator: str
    operands: tuple[Value, ...]


@dataclass(frozen=True, slots=True)
class Conditional:
    """A condition of a query that is given on some paths only: an operand of AND or OR, an element of a list."""

    value: Value


@dataclass(frozen=True, slots=True)
class StepTaken:
    """A method called on a statement; `is_conditional`: on some paths, `is_alternative`: others have another filter."""

    name: str
    role: Role | None
    args: tuple[Value, ...] = ()
    keywords: tuple[tuple[str, Value], ...] = ()
    is_conditional: bool = False
    is_alternative: bool = False


@dataclass(frozen=True, slots=True)
class Statement:
    """A query as built so far; `type` is its class ("sqlalchemy.orm.Query" …), `is_whole` whether nothing that could
    not be looked into may have added to it.  `ways` are the steps of each of several ways to build it, if few.
    """

    type: str
    projections: tuple[Value, ...]
    steps: tuple[StepTaken, ...] = ()
    is_whole: bool = True
    ways: tuple[tuple[StepTaken, ...], ...] = ()


@dataclass(frozen=True, slots=True)
class ResultValue:
    """The result of a statement, before its rows are taken; `is_scalar`: one value a row; `is_async`: awaited."""

    type: str
    statement: Statement | None
    is_scalar: bool
    steps: tuple[StepTaken, ...] = ()
    is_async: bool = False


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows in Python: what a consumer brought.  `element` is one of them; `is_async`: of an async session."""

    statement: Statement | None
    consumer: Consumer
    element: Value
    steps: tuple[StepTaken, ...] = ()
    is_async: bool = False

    @property
    def is_everything(self) -> bool:
        """Whether the statement's every row is held at once."""
        return self.consumer.fetch is Fetch.ALL_ROWS and self.consumer.shape is Shape.LIST


@dataclass(frozen=True, slots=True)
class OneOf:
    """One of several values, by the path that was taken."""

    values: tuple[Value, ...]


Value: TypeAlias = (
    "Unknown | Literal | Symbol | ModuleValue | ProjectFunction | ProjectClass | Instance | ProjectInstance | Super"
    " | BoundMethod | Partial | ManagerFactory | Manager | Awaitable | Generator | Many | TupleValue | Dependency"
    " | Entity | ModelAttribute | Clause | Conditional | Statement | ResultValue | Rows | OneOf"
)


def alternatives(value: Value) -> tuple[Value, ...]:
    """The values that a value can be."""
    if isinstance(value, Conditional):
        return alternatives(value.value)
    return value.values if isinstance(value, OneOf) else (value,)


def with_origin(value: Value, origin: Origin, provider: ProjectFunction | None = None, scope: str = "") -> Value:
    """The same thing, owned by somebody else."""
    match value:
        case Instance() | ProjectInstance():
            return replace(value, origin=origin, provider=provider or value.provider, scope=scope or value.scope)
        case OneOf():
            return OneOf(tuple(with_origin(each, origin, provider, scope) for each in value.values))
        case Many():
            return Many(with_origin(value.element, origin, provider, scope))
        case TupleValue():
            return TupleValue(tuple(with_origin(each, origin, provider, scope) for each in value.elements))
        case _:
            return value
