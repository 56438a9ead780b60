"""What can be done with a container."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from typing import TypeAlias

from sqla_leaklint.semantic import terms as t
from sqla_leaklint.semantic.summary import FunctionSummary, ModuleSummary

_READING = (
    "get items keys values copy count index sort reverse move_to_end most_common elements issubset issuperset"
    " union intersection difference isdisjoint fromkeys __contains__ __len__ __getitem__ __iter__ total empty"
    " qsize"
)
START_FROM_NOTHING = frozenset({"collections.Counter", "collections.defaultdict"})
"""In which `container[key] += 1` needs no entry to be there."""

DISPLAYS = frozenset({"tuple", "list", "set", "dict"})
READING_METHODS = frozenset(_READING.split())
_READERS = (
    "list sorted set tuple dict str repr print iter enumerate min max sum any all isinstance id bool zip map"
    " filter reversed frozenset type hash format"
)
READING_BUILTINS = frozenset(_READERS.split())
"""They read a container and do not keep it."""

_CALLS = "debug info warning warn error exception critical log dumps deepcopy choice choices sample join"
READING_CALLS = frozenset(_CALLS.split())
"""Last names of functions and methods that do the same."""


@dataclass(frozen=True, slots=True)
class Growth:
    """Something is put in.  `data` is the key, or the element where there are no keys."""

    module: ModuleSummary
    function: FunctionSummary | None
    data: t.Term
    value: t.Term | None = None


class Other(Enum):
    """What else is done with it."""

    READ = "read"
    REMOVED = "something is taken out, or it is replaced"
    MEASURED = "its length is asked for"
    OUT_OF_SIGHT = "somebody else has it"


@dataclass(frozen=True, slots=True)
class OtherUse:
    module: ModuleSummary
    function: FunctionSummary | None
    what: Other
    term: t.Term


Use: TypeAlias = "Growth | OtherUse"

_STATEFUL = frozenset({"asyncio", "threading", "multiprocessing", "queue", "anyio", "collections"})
"""Modules of locks, queues and collections: objects that somebody holds, not values that can be made again."""


def put_in(method: str, call: t.Call) -> Iterator[t.Term]:
    """The keys or elements that a call of a growing method puts in."""
    if method == "setdefault":
        yield from call.args[:1]
    elif method == "insert":
        yield from call.args[-1:]
    else:
        for argument in call.args:
            keys = argument.keys if isinstance(argument, t.Collection) and method == "update" else ()
            yield from keys or (argument,)


def can_be_made_again(value: t.Term) -> bool:
    """Whether a value can be made a second time without anybody noticing: it is no lock, queue or collection."""
    match value:
        case t.Await():
            return can_be_made_again(value.value)
        case t.Declared():
            return value.value is not None and can_be_made_again(value.value)
        case t.Call(func=t.Ref(path=path)):
            return path.partition(".")[0] not in _STATEFUL
        case t.Collection():
            return bool(value.elements)
        case t.Join():
            return all(can_be_made_again(part) for part in value.terms)
        case _:
            return not isinstance(value, t.Const)
