"""What a function leaves behind of a session's rows: whether anybody can notice that the session is closed."""

from __future__ import annotations

from collections.abc import Iterable
from enum import IntEnum
from typing import TYPE_CHECKING

from sqla_leaklint.domain.values import (
    Awaitable,
    Generator,
    Literal,
    ModelAttribute,
    ResultValue,
    Rows,
    Statement,
    Value,
    alternatives,
)
from sqla_leaklint.knowledge.facts import Shape
from sqla_leaklint.semantic import terms as t
from sqla_leaklint.semantic.events import Deed, Event

if TYPE_CHECKING:
    from sqla_leaklint.domain.module import Domain


class Remains(IntEnum):
    """What outlives the function; of several things, the gravest counts."""

    VALUES = 0
    """Plain values: numbers, text, columns."""
    OBJECTS = 1
    """What may be entities: they are detached once the session is closed, and load nothing more."""
    UNREAD = 2
    """A result, query or generator that still has to be read: once the session is closed, it cannot."""


_OUTWARD = frozenset({Deed.STORED_ATTRIBUTE, Deed.STORED_ITEM, Deed.STORED_GLOBAL, Deed.AUGMENTED})
_PLAIN_RESULTS = frozenset(
    f"builtins.{name}"
    for name in ["len", "int", "str", "float", "bool", "round", "sum", "abs", "any", "all", "repr", "format"]
)
_PLAIN_OPERATIONS = ("an operation", "a comparison", "a truth value")


def remains(domain: Domain, events: Iterable[Event], session: t.Term, *, has_entities: bool = True) -> Remains:
    """What outlives a function of what its session gave it, or its connection, whose rows are plain values."""
    worst = Remains.VALUES
    for event in events:
        if event.deed in {Deed.RETURNED, Deed.YIELDED} or event.deed in _OUTWARD:
            worst = max(worst, remains_of(domain, event.value, has_entities))
        elif event.deed is Deed.CALLED and _takes_away(event.call, session):
            worst = max(worst, Remains.UNREAD if _keeps_generator(event.call) else Remains.OBJECTS)
    return worst


def remains_of(domain: Domain, term: t.Term, has_entities: bool = True) -> Remains:
    """What somebody has who has a term."""
    match term:
        case t.Const():
            return Remains.VALUES
        case t.Caught():
            return Remains.OBJECTS
        case t.Opaque():
            return Remains.VALUES if term.reason.startswith(_PLAIN_OPERATIONS) else Remains.OBJECTS
        case t.Collection(kind="f-string" | "slice"):
            return Remains.VALUES
        case t.Collection():
            return max(
                (remains_of(domain, each, has_entities) for each in (*term.elements, *term.keys)),
                default=Remains.VALUES,
            )
        case t.Join():
            return max(remains_of(domain, each, has_entities) for each in term.terms)
        case t.Star():
            return remains_of(domain, term.value, has_entities)
        case t.Declared(value=value) if value is not None:
            return remains_of(domain, value, has_entities)
        case t.Mapped(kind="generator"):
            return Remains.UNREAD
        case t.Mapped():
            return remains_of(domain, term.element, has_entities)
        case t.Call(func=t.Ref(path=path)) if path in _PLAIN_RESULTS:
            return Remains.VALUES
        case _:
            return max(_of_value(each, has_entities) for each in alternatives(domain.value_of(term)))


def _of_value(value: Value, has_entities: bool) -> Remains:
    match value:
        case Literal() | ModelAttribute():
            return Remains.VALUES
        case ResultValue() | Statement() | Generator():
            return Remains.UNREAD
        case Awaitable():
            return _of_value(value.value, has_entities)
        case Rows(consumer=consumer) if not has_entities:
            return Remains.UNREAD if consumer.shape in {Shape.ITERATOR, Shape.BATCHES} else Remains.VALUES
        case Rows(statement=Statement() as statement) if statement.projections:
            is_plain = all(isinstance(each, ModelAttribute) for each in statement.projections)
            return Remains.VALUES if is_plain else Remains.OBJECTS
        case _:
            return Remains.OBJECTS


def _takes_away(call: t.Call, session: t.Term) -> bool:
    """Whether a call may keep what came from the session: it is an argument, and not of the session itself."""
    if isinstance(call.func, t.Attr) and _derives(call.func.base, session):
        return False
    if isinstance(call.func, t.Ref) and call.func.path.startswith("builtins."):
        return False
    given = (*call.args, *(value for _, value in call.keywords))
    return any(_derives(each, session) for each in given)


def _keeps_generator(call: t.Call) -> bool:
    """Whether a call puts a generator expression into a collection, where it is read later if at all."""
    if not (isinstance(call.func, t.Attr) and call.func.name in _PUTTING):
        return False
    return any(isinstance(part, t.Mapped) and part.kind == "generator" for part in t.all_in(call.args))


_PUTTING = frozenset({"append", "appendleft", "add", "insert", "put", "put_nowait"})


def _derives(term: t.Term, session: t.Term) -> bool:
    """Whether a term is made of the session: its rows, their attributes."""
    return any(part is session for part in t.all_in([term]))
