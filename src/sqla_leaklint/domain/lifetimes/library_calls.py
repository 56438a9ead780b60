"""What functions and methods of libraries do with a session among their arguments."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqla_leaklint.domain.lifetimes.conduct import CLOSED, DEFERRED, GIVEN_AWAY, NOTHING, THE_SAME, Conduct
from sqla_leaklint.domain.lifetimes.doings import Carry, Doing
from sqla_leaklint.domain.values import BoundMethod, Statement
from sqla_leaklint.knowledge.facts import Effect, Kind

if TYPE_CHECKING:
    from sqla_leaklint.domain.evaluation import Evaluator
    from sqla_leaklint.knowledge import Knowledge

_NAMES = "print len isinstance issubclass bool id type str repr hasattr getattr callable hash vars dir format super"
_OBSERVING = "listen listens_for remove contains"
LOOKING = frozenset(f"builtins.{name}" for name in _NAMES.split()) | frozenset(
    f"sqlalchemy.event.{name}" for name in _OBSERVING.split()
)
"""Functions that do nothing with their arguments but look at them, or listen to what others do with them."""


_MADE_OF_ENGINES = frozenset({Kind.SESSION, Kind.ASYNC_SESSION, Kind.SESSION_FACTORY, Kind.SESSION_REGISTRY})
_ENGINES = (Kind.ENGINE, Kind.ASYNC_ENGINE, Kind.SESSION_FACTORY, Kind.SESSION_REGISTRY)


def conduct_of_function(evaluator: Evaluator, path: str, attributes: frozenset[str], given: str) -> Conduct:
    """What a function of a library does with a session, or with an object that holds it in some attributes.

    `given` is the class of the session; an engine, or what hands its connections out, serves what is made of it.
    """
    knowledge = evaluator.knowledge
    if not attributes and _is_engine(knowledge, given):
        made = knowledge.type(path)
        if made is not None and made.kind in _MADE_OF_ENGINES:
            return Conduct((Doing.RUNS_SQL,))
    if path == "builtins.getattr":
        return Conduct((), Carry.METHOD)
    if path in LOOKING:
        return NOTHING
    if path == "contextlib.nullcontext":
        return Conduct((), Carry.WRAPS) if not attributes else GIVEN_AWAY
    row = knowledge.function(path)
    if row is None or knowledge.handoff(path) is not None:
        return GIVEN_AWAY
    if row.returns.removeprefix("await ").startswith("arg"):
        return THE_SAME if not attributes else Conduct((), Carry.HOLDS, attributes)
    if attributes:
        return GIVEN_AWAY
    if row.returns.startswith("enter arg"):
        return CLOSED  # closing, aclosing
    return GIVEN_AWAY if row.returns in {"partial", "dependency", "decorator"} else Conduct((Doing.RUNS_SQL,))


def _is_engine(knowledge: Knowledge, path: str) -> bool:
    return any(knowledge.is_a(path, kind) for kind in _ENGINES)


def conduct_of_method(evaluator: Evaluator, method: BoundMethod, attributes: frozenset[str], given: str) -> Conduct:
    """What a method of a library's object does with one."""
    if isinstance(method.receiver, Statement) and not attributes:
        return Conduct((Doing.RUNS_SQL,))  # query.with_session(session)
    owner = evaluator.classes.library_type(method.receiver)
    if owner is not None and evaluator.knowledge.is_a(owner, Kind.EXIT_STACK):
        return DEFERRED
    if owner is not None and not attributes and _is_engine(evaluator.knowledge, given):
        row = evaluator.knowledge.method(owner, method.name)
        if row is not None and row.effect is Effect.RUNS_SQL:
            return Conduct((Doing.RUNS_SQL,))  # metadata.create_all(engine)
    return GIVEN_AWAY
