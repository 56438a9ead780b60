"""The forms that a fact about a library can take: rows, no control flow.

A row says what a class, function or method of a library *is* to us.  Names are canonical: a public path that every
supported version has ("sqlalchemy.orm.Session", not "sqlalchemy.orm.session.Session"); `aliases` are the other paths
under which programs import the very same object (or, in an older version, its twin).  Every row carries a link to the
documentation and, where it does not hold for every version that we support, the range in which it does.

`returns` is written in a small notation:

    "sqlalchemy.engine.Engine"          an instance of that class
    "self"                              the receiver itself
    "enter X"                           a context manager; entering it gives X
    "await X"                           awaiting it gives X
    "await enter X", "enter await X" …  these may be combined
    "arg 0", "arg name"                 the value of that argument
    "made"                              what calling the receiver makes (an instance of the factory's product)
    "none"                              None
    "class X"                           a new class that extends X
    "call arg 0"                        what calling the value of that argument returns
    "decorator"                         the function below it, or something that stands in for it
    "select", "result"                  a statement, a result: the arguments decide which class
    "entered X", "element X"            what entering X gives; what iterating it gives
    "dependency", "partial", "file"     a `Depends(...)`, a `partial(...)`, an open file: to be read from the
    arguments "unknown"                           something that these tables do not describe
    "column", "schema item"             a part of a mapped class or table, to be read from the arguments
    "heap"                              objects of the process, or what is told of them
    "rows", "row", "value"              what the database sent: a list of rows, one row (or None), one value (or None)
"""

from __future__ import annotations

from dataclasses import dataclass

from sqla_leaklint.knowledge.memoizers import Memoizer
from sqla_leaklint.knowledge.vocabulary import (
    Decoration,
    Effect,
    Executor,
    Fetch,
    Kind,
    LoadStrategy,
    Moment,
    Role,
    Shape,
    Wire,
)
from sqla_leaklint.knowledge.waits import Wait

__all__ = [
    "Aggregate",
    "ColumnType",
    "Consumer",
    "Decoration",
    "Decorator",
    "DependencyExit",
    "Effect",
    "Executor",
    "Fetch",
    "Function",
    "Handoff",
    "Kind",
    "LazyValue",
    "LoadStrategy",
    "LoaderOption",
    "Memoizer",
    "Method",
    "Moment",
    "Reexport",
    "Role",
    "Shape",
    "Step",
    "Table",
    "Type",
    "Versions",
    "Wait",
    "Wire",
]


@dataclass(frozen=True, slots=True)
class Versions:
    """The half-open range [`since`, `until`) of a distribution's versions; "" leaves that end open."""

    distribution: str
    since: str = ""
    until: str = ""


@dataclass(frozen=True, slots=True)
class Type:
    """A class whose instances matter.

    `makes` names the class of what *calling an instance* gives (a sessionmaker makes sessions); `makes_keyword` the
    constructor's keyword that overrides it; `makes_argument` the constructor's first argument when *that* is the
    factory (`scoped_session(factory)`).  What `with instance as x` gives, and whether leaving the block releases it,
    say the rows of its methods `__enter__` and `__exit__` (`__aenter__`, `__aexit__`).  `is_torn_down`: a framework
    releases it after each request by itself.  `falls_back_to`: modules in which an instance looks up attributes that
    it lacks (`db.Column`). `is_virtual`: a name of ours for something that the library gives no class of its own.
    """

    name: str
    kind: Kind
    docs: str
    aliases: tuple[str, ...] = ()
    bases: tuple[str, ...] = ()
    makes: str = ""
    makes_keyword: str = ""
    makes_argument: bool = False
    is_torn_down: bool = False
    falls_back_to: tuple[str, ...] = ()
    is_virtual: bool = False
    versions: Versions | None = None


@dataclass(frozen=True, slots=True)
class Reexport:
    """Another library's path for an object of these tables: `sqlmodel.create_engine` is `sqlalchemy.create_engine`."""

    name: str
    of: str


@dataclass(frozen=True, slots=True)
class Function:
    """A function (or a constructor that hands out something else than its own instance)."""

    name: str
    returns: str
    docs: str
    aliases: tuple[str, ...] = ()
    versions: Versions | None = None


@dataclass(frozen=True, slots=True)
class Method:
    """A method or, with `is_attribute`, an attribute or property of a class in the tables (its subclasses inherit
    it).

    `is_set_by_instance`: only instances have the attribute, their class does not.
    """

    owner: str
    name: str
    returns: str
    docs: str = ""
    effect: Effect | None = None
    is_attribute: bool = False
    is_set_by_instance: bool = False
    versions: Versions | None = None


@dataclass(frozen=True, slots=True)
class Step:
    """A method that makes a statement, query or result out of another; `returns` is in the notation above."""

    owner: str
    name: str
    role: Role
    docs: str = ""
    returns: str = "self"
    versions: Versions | None = None


@dataclass(frozen=True, slots=True)
class Consumer:
    """A method that brings rows to Python.

    `takes_statement`: its first argument is the statement (`session.scalar(statement)`); otherwise the receiver is.
    `is_bounded`: the database itself sends no more than the rows that are asked for (`Query.first` adds a LIMIT,
    `Result.first` does not).  `is_async`: it must be awaited, or iterated by `async for`.
    """

    owner: str
    name: str
    fetch: Fetch
    shape: Shape
    docs: str = ""
    is_bounded: bool = False
    is_async: bool = False
    takes_statement: bool = False
    versions: Versions | None = None


@dataclass(frozen=True, slots=True)
class ColumnType:
    """A type of a column; `is_large`: one value can be many kilobytes."""

    name: str
    is_large: bool
    docs: str
    aliases: tuple[str, ...] = ()
    versions: Versions | None = None


@dataclass(frozen=True, slots=True)
class Aggregate:
    """`func.<name>` is one value over a group of rows."""

    name: str
    docs: str


@dataclass(frozen=True, slots=True)
class LoaderOption:
    """A function for `statement.options(...)`, also a method of such an option."""

    name: str
    strategy: LoadStrategy
    docs: str
    aliases: tuple[str, ...] = ()
    versions: Versions | None = None


@dataclass(frozen=True, slots=True)
class LazyValue:
    """A value of `relationship(lazy=...)`."""

    value: str | bool | None
    strategy: LoadStrategy
    docs: str
    versions: Versions | None = None


@dataclass(frozen=True, slots=True)
class Decorator:
    """A function used as a decorator, or, with `owner`, a method of that class.

    `makes` is the class of the object that it puts in the place of the function ("" where it leaves a function);
    `keeps_results`: it holds the very objects that the function returned, in this process.
    """

    name: str
    decoration: Decoration
    docs: str
    owner: str = ""
    aliases: tuple[str, ...] = ()
    makes: str = ""
    keeps_results: bool = False
    versions: Versions | None = None


@dataclass(frozen=True, slots=True)
class Handoff:
    """A call that gives work to somebody else to run: a function or, with `owner`, a method of that class ("" for a
    method that is known by its name alone, on a function that a task decorator made).

    `callee` is the position of the argument that is called and `callee_keyword` its name (-1: none, the arguments are
    coroutines, iterables or plain values); `first_argument` is where the arguments for it begin.

    `wire` is how arguments get to a worker, and `wire_switches` are the functions by which a program teaches it more.
    """

    name: str
    executor: Executor
    docs: str
    owner: str = ""
    callee: int = -1
    callee_keyword: str = ""
    first_argument: int = 0
    is_constructor: bool = False
    aliases: tuple[str, ...] = ()
    wire: Wire | None = None
    wire_switches: tuple[str, ...] = ()
    versions: Versions | None = None


@dataclass(frozen=True, slots=True)
class DependencyExit:
    """When the exit code of a FastAPI `yield` dependency of that scope runs, in that range of versions."""

    scope: str
    moment: Moment
    docs: str
    versions: Versions


@dataclass(frozen=True, slots=True)
class Table:
    """The rows about one library; `distribution` is its name on the package index ("" for the standard library).

    `is_user`: the rows come from a project's settings.
    """

    distribution: str
    types: tuple[Type, ...] = ()
    reexports: tuple[Reexport, ...] = ()
    functions: tuple[Function, ...] = ()
    methods: tuple[Method, ...] = ()
    steps: tuple[Step, ...] = ()
    consumers: tuple[Consumer, ...] = ()
    column_types: tuple[ColumnType, ...] = ()
    aggregates: tuple[Aggregate, ...] = ()
    loader_options: tuple[LoaderOption, ...] = ()
    lazy_values: tuple[LazyValue, ...] = ()
    decorators: tuple[Decorator, ...] = ()
    memoizers: tuple[Memoizer, ...] = ()
    handoffs: tuple[Handoff, ...] = ()
    waits: tuple[Wait, ...] = ()
    dependency_exits: tuple[DependencyExit, ...] = ()
    is_user: bool = False
