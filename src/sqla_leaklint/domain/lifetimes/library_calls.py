"""What functions and methods of libraries do with a session among their arguments."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqla_leaklint.domain.lifetimes.conduct import CLOSED, DEFERRED, GIVEN_AWAY, NOTHING, THE_SAME, Conduct
from sqla_leaklint.domain.lifetimes.doings import Carry, Doing
from sqla_leaklint.domain.values import BoundMethod, Statement
from sqla_leaklint.knowledge.facts import Kind

if TYPE_CHECKING:
    from sqla_leaklint.domain.evaluation import Evaluator

_NAMES = "print len isinstance issubclass bool id type str repr hasattr getattr callable hash vars dir format super"
LOOKING = frozenset(f"builtins.{name}" for name in _NAMES.split())
"""Functions that do nothing with their arguments but look at them."""


def conduct_of_function(evaluator: Evaluator, path: str, attributes: frozenset[str]) -> Conduct:
    """What a function of a library does with a session, or with an object that holds it in some attributes."""
    knowledge = evaluator.knowledge
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


def conduct_of_method(evaluator: Evaluator, method: BoundMethod, attributes: frozenset[str]) -> Conduct:
    """What a method of a library's object does with one."""
    if isinstance(method.receiver, Statement) and not attributes:
        return Conduct((Doing.RUNS_SQL,))  # query.with_session(session)
    owner = evaluator.classes.library_type(method.receiver)
    if owner is not None and evaluator.knowledge.is_a(owner, Kind.EXIT_STACK):
        return DEFERRED
    return GIVEN_AWAY
