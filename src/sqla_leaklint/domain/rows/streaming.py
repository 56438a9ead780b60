"""Streams: loads whose rows are to come in batches, what asks for that, and what stands against it.

Only `yield_per` makes the ORM build entities batch by batch, and it makes the driver send them so:

    session.execute(select(User).execution_options(yield_per=500))         # streams
    await session.stream(select(User))                                     # loads every row before the first
    session.execute(select(User)).partitions(500)                          # so does this
    session.execute(select(User).execution_options(stream_results=True))   # and this, unless it is read in partitions

The options are those of the statement, wherever it was built, and of the call that executes it in this module.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqla_leaklint.domain.linking.library import unwrapped
from sqla_leaklint.domain.rows.bounds import Bound, statement_bound
from sqla_leaklint.domain.rows.interruptions import may_end_result
from sqla_leaklint.domain.rows.queries import Load
from sqla_leaklint.domain.rows.usage import Deal
from sqla_leaklint.domain.values import (
    BoundMethod,
    Clause,
    ModelAttribute,
    ProjectClass,
    Statement,
    StepTaken,
    Value,
)
from sqla_leaklint.knowledge.facts import Fetch, Kind, Role
from sqla_leaklint.semantic.body import Body
from sqla_leaklint.semantic.events import Deed
from sqla_leaklint.syntax import tree

if TYPE_CHECKING:
    from sqla_leaklint.domain.module import Domain

STREAMING = frozenset({"stream", "stream_scalars"})
BUFFERING = frozenset({"execute", "scalars"})
_EXECUTING = STREAMING | BUFFERING | {"exec"}
_IN_PARTS = frozenset({"partitions", "fetchmany"})
_ASKING = frozenset({"yield_per", "stream_results"})


@dataclass(frozen=True, slots=True, eq=False)
class Stream:
    """A load that asks for batches in some way.

    `execution` is the session's call that runs the statement, `method` its name (None and "" for a legacy query);
    `options` are the names of the execution options; `is_known`: there can be no others.
    """

    load: Load
    execution: tree.Call | None
    method: str
    is_async: bool
    options: frozenset[str]
    is_known: bool

    @property
    def consumer(self) -> str:
        return self.load.rows.consumer.name

    @property
    def is_in_parts(self) -> bool:
        """Whether the program takes the rows in parts of a fixed size."""
        return self.consumer in _IN_PARTS

    @property
    def is_batched(self) -> bool:
        """Whether `yield_per()` is called on the result."""
        return any(step.name == "yield_per" for step in self.load.rows.steps)

    @property
    def is_unique(self) -> bool:
        return any(step.name == "unique" for step in self.load.rows.steps)

    @property
    def bound(self) -> Bound:
        """What bounds the statement, however many of its rows are taken at a time."""
        statement = self.load.statement
        return statement_bound(self.load.domain.evaluator, statement) if statement is not None else Bound.UNKNOWN

    @property
    def is_orm(self) -> bool:
        """Whether the ORM makes the rows: of mapped classes, or of their columns."""
        statement = self.load.statement
        return statement is not None and any(_is_mapped(each) for each in statement.projections)

    @property
    def loops(self) -> list[tree.For]:
        """The `for` statements that go through the rows."""
        return [use.node for use in self.load.usage.of(Deal.ITERATED) if isinstance(use.node, tree.For)]

    @property
    def may_be_cut_off(self) -> bool:
        """Whether a loop over the rows may commit: that closes what is still to be read."""
        return any(may_end_result(self.load, loop.body) for loop in self.loops)

    @staticmethod
    def find(domain: Domain) -> Iterator[Stream]:
        """The streams of the module, in the order of its loads."""
        for load in domain.subjects(Load):
            if _asks(load):
                yield _stream(load)


@dataclass(frozen=True, slots=True, eq=False)
class MisplacedStream:
    """An `AsyncSession.execute()` or `scalars()` (`node`) with an option (`option`) that only `stream()` takes."""

    domain: Domain
    body: Body
    node: tree.Call
    method: str
    option: str

    @property
    def loads(self) -> list[Load]:
        """What takes the rows out of it."""
        return [load for load in self.domain.subjects(Load) if self.node in load.calls]

    @staticmethod
    def find(domain: Domain) -> Iterator[MisplacedStream]:
        """Every such call of the module, in the order of the text."""
        text = domain.module.parsed.source.text
        if not any(option in text for option in _ASKING):
            return
        for body in domain.bodies:
            for event in body.events:
                if event.deed is not Deed.CALLED or not isinstance(event.node, tree.Call) or not event.call.args:
                    continue
                method = executing_method(domain, event.node)
                if method is None or method[0] not in BUFFERING or not method[1]:
                    continue
                names, is_known = _given(event.node)
                statement = unwrapped(domain.value_of(event.call.args[0]))
                if isinstance(statement, Statement):
                    names |= _options(statement.steps)[0]
                option = next((each for each in ("yield_per", "stream_results") if each in names), None)
                if option is not None and is_known:
                    yield MisplacedStream(domain, body, event.node, method[0], option)


def executing_method(domain: Domain, call: tree.Call) -> tuple[str, bool] | None:
    """The name of the session's method that a call runs a statement by, and whether the session is async."""
    if not isinstance(call.func, tree.Attribute) or call.func.attr not in _EXECUTING:
        return None
    value = domain.value(call.func)
    if not isinstance(value, BoundMethod):
        return None
    classes = domain.evaluator.classes
    if classes.is_a(value.receiver, Kind.ASYNC_SESSION):
        return call.func.attr, True
    return (call.func.attr, False) if classes.is_a(value.receiver, Kind.SESSION, Kind.SESSION_REGISTRY) else None


# --- what asks for batches --------------------------------------------------------------------------------------------


def _asks(load: Load) -> bool:
    rows = load.rows
    if rows.statement is None:
        return False
    if rows.consumer.name in _IN_PARTS or rows.consumer.fetch is Fetch.STREAMED:
        return True
    return any(step.role is Role.STREAMS for step in (*rows.statement.steps, *rows.steps))


def _stream(load: Load) -> Stream:
    statement = load.statement
    assert statement is not None
    options, is_known = _options(statement.steps)
    for call in load.calls:
        method = executing_method(load.domain, call)
        if method is not None:
            given, is_given_known = _given(call)
            return Stream(load, call, *method, options | given, is_known and is_given_known and statement.is_whole)
    is_legacy = load.is_legacy
    return Stream(
        load, None, "", is_async=False, options=options, is_known=is_known and is_legacy and statement.is_whole
    )


def _options(steps: tuple[StepTaken, ...]) -> tuple[frozenset[str], bool]:
    """The names of a statement's execution options, and whether there can be no others."""
    names: set[str] = set()
    is_known = True
    for step in steps:
        if step.name == "yield_per":
            names.add("yield_per")
        elif step.name == "execution_options":
            names.update(name for name, _ in step.keywords)
            is_known = is_known and not step.args and not step.is_conditional
    return frozenset(names), is_known


def _given(call: tree.Call) -> tuple[frozenset[str], bool]:
    """The names of the execution options that a call is given, and whether there can be no others."""
    for argument in call.args:
        if argument.star:
            return frozenset(), False
        if argument.keyword != "execution_options":
            continue
        if not isinstance(argument.value, tree.DictDisplay):
            return frozenset(), False
        keys = [key.value if isinstance(key, tree.Constant) else None for key, _ in argument.value.items]
        return frozenset(key for key in keys if isinstance(key, str)), None not in keys
    return frozenset(), True


def _is_mapped(value: Value) -> bool:
    match value:
        case ProjectClass() | ModelAttribute():
            return True
        case Clause():
            return any(_is_mapped(each) for each in value.operands)
        case _:
            return False
