"""What becomes of an engine in a function: who keeps it, what it serves, and how it goes on to the callers.

    def get_db():
        engine = create_engine(URL)                 # seed: an engine
        factory = sessionmaker(bind=engine)         # served: it hands out the engine's connections …
        with factory() as session:                  # … and so does what it makes
            yield session                           # a session is given away, the engine is left behind

An engine is *kept* by whoever stores it, disposes of it, or may do so: what is not followed counts as keeping it.  What
it serves keeps it, too, as long as it is stored itself; but nobody disposes of an engine by way of a session.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from sqla_leaklint.domain.lifetimes.carrying import arguments_of
from sqla_leaklint.domain.lifetimes.doings import Carry, Doing, Use
from sqla_leaklint.domain.lifetimes.uses import Tracker
from sqla_leaklint.domain.values import Awaitable, Manager, Value
from sqla_leaklint.knowledge.facts import Kind
from sqla_leaklint.semantic import terms as t
from sqla_leaklint.semantic.events import Deed, Event
from sqla_leaklint.semantic.summary import Act, FunctionSummary, ModuleSummary

if TYPE_CHECKING:
    from sqla_leaklint.domain.evaluation import Evaluator

Acts: TypeAlias = "Sequence[tuple[Act | Event, bool]]"

_FACTORIES = (Kind.SESSION_FACTORY, Kind.SESSION_REGISTRY)
_USERS = (Kind.SESSION, Kind.ASYNC_SESSION, Kind.CONNECTION, Kind.ASYNC_CONNECTION)
_STORING = frozenset({Doing.STORES, Doing.FILES})
_KEEPING_FACTORY = _STORING | {Doing.PASSES, Doing.DEFERS}
_KEEPING_ENGINE = _KEEPING_FACTORY | {Doing.CLOSES, Doing.ENTERS}
_HANDED = frozenset({Doing.RETURNS, Doing.YIELDS, Doing.HOLDS})


@dataclass(frozen=True, slots=True)
class Thing:
    """An engine, or what it serves (a factory, a session, a connection), by its class.

    `attributes` are the paths by which an object leads to it; none where it is the thing itself.
    """

    type: str
    attributes: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Handed:
    """What a function hands on to whoever calls it, and how."""

    thing: Thing
    doing: Doing


@dataclass(frozen=True, slots=True)
class Fate:
    """What a function does with an engine: `is_used` tells whether a connection is taken from it, `kept_by` what keeps
    it, or may do so.
    """

    is_used: bool
    handed: tuple[Handed, ...] = ()
    kept_by: Use | None = None

    @property
    def is_kept(self) -> bool:
        return self.kept_by is not None


def fate_of(
    evaluator: Evaluator, module: ModuleSummary, function: FunctionSummary, seed: t.Term, thing: Thing, acts: Acts
) -> Fate:
    """What a function does with what one of its terms is, or leads to."""
    pending, known = [(seed, thing)], {seed}
    is_used = False
    handed: dict[Handed, None] = {}
    while pending:
        term, current = pending.pop()
        tracker = _tracker(evaluator, module, function, term, current)
        keeping = _keeping(evaluator, current)
        for use in tracker.uses(acts):
            if use.doing in keeping or (use.doing in _HANDED and not _is_followed(use, current)):
                return Fate(is_used, kept_by=use)
            if use.doing in _HANDED and use.carry in {Carry.IS, Carry.HOLDS}:
                handed[Handed(Thing(current.type, use.attributes), use.doing)] = None
            is_used |= use.doing is Doing.RUNS_SQL
        for call, served in _served(evaluator, tracker, acts):
            if call not in known:
                known.add(call)
                pending.append((call, Thing(served)))
    return Fate(is_used, tuple(handed))


def is_user(evaluator: Evaluator, thing: Thing) -> bool:
    """Whether it is a session or connection, which uses an engine and keeps it only as long as itself is used."""
    return _is(evaluator, thing.type, _USERS)


def _is(evaluator: Evaluator, path: str, kinds: tuple[Kind, ...]) -> bool:
    return any(evaluator.knowledge.is_a(path, kind) for kind in kinds)


def _tracker(
    evaluator: Evaluator, module: ModuleSummary, function: FunctionSummary, term: t.Term, thing: Thing
) -> Tracker:
    if thing.attributes:
        return Tracker(evaluator, module, function, thing.type, holder=term, attributes=thing.attributes)
    return Tracker(evaluator, module, function, thing.type, seed=term)


def _keeping(evaluator: Evaluator, thing: Thing) -> frozenset[Doing]:
    if is_user(evaluator, thing):
        return _STORING if not thing.attributes else _KEEPING_FACTORY
    return _KEEPING_FACTORY if _is(evaluator, thing.type, _FACTORIES) else _KEEPING_ENGINE


def _is_followed(use: Use, thing: Thing) -> bool:
    """Whether it is known how what is handed on leads to the engine: by itself, or by attributes, not in a list."""
    match use.carry:
        case Carry.IS:
            return not thing.attributes or use.doing is Doing.RETURNS
        case Carry.HOLDS:
            return bool(use.attributes)
        case Carry.QUERY | Carry.TRANSACTION:
            return True
        case _:
            return False


def _served(evaluator: Evaluator, tracker: Tracker, acts: Acts) -> Iterator[tuple[t.Call, str]]:
    """The calls that make something which takes its connections from what a tracker follows, with its class."""
    for act, _ in acts:
        if act.deed is not Deed.CALLED or not isinstance(act.value, t.Call):
            continue
        call = act.value
        receiver = call.func.base if isinstance(call.func, t.Attr) else call.func
        given = (receiver, *(argument for _, argument in arguments_of(call)))
        if any(tracker.carry(each) is Carry.IS for each in given):
            path = evaluator.classes.library_type(_given(evaluator.of(call, tracker.frame)))
            if path is not None and _is(evaluator, path, (*_FACTORIES, *_USERS)):
                yield call, path


def _given(value: Value) -> Value:
    """What comes of awaiting or entering a value."""
    while isinstance(value, Awaitable | Manager):
        value = value.value
    return value
