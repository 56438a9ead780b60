"""Resources: the kinds of things that whoever opens one has to give back, and by what they come to hold something.

What is dropped is no leak by itself: CPython frees most things at once.  A *session* or *connection* refers to its
transaction and the transaction to it, so that it outlives its last name from the first SQL until the transaction ends;
what a *client* keeps open after its first request refers back to the client in the same way.  So a row says which
methods begin that (measured, like the pages of the rules); what has no row holds nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING

from sqla_leaklint.domain.application.versions import VersionRange, versions_below
from sqla_leaklint.domain.lifetimes.library_openings import (
    opens_client,
    opens_connection,
    opens_engine,
    opens_session,
)
from sqla_leaklint.domain.values import Value
from sqla_leaklint.knowledge import Knowledge
from sqla_leaklint.knowledge.facts import Effect, Kind, Method
from sqla_leaklint.semantic import terms as t

if TYPE_CHECKING:
    from sqla_leaklint.domain.evaluation import Evaluator, Frame

Opens = Callable[["Evaluator", Value, t.Call, "Frame"], bool]


@dataclass(frozen=True, slots=True)
class Resource:
    """A kind of resource: the classes that it has, and how one of them is opened and comes to hold something.

    `takes`: the effects of the methods after which it is kept alive; `idle`: methods of such an effect that do nothing
    of the kind; `opens`: whether a call into a library opens one; `has_entities`: whether what it gives may load more
    from it later; `is_kept_on_file`: whether one is filed in a container to be used again.
    """

    noun: str
    kinds: tuple[Kind, ...]
    takes: frozenset[Effect]
    idle: frozenset[str]
    opens: Opens = field(compare=False)
    has_entities: bool = False
    is_kept_on_file: bool = False

    def is_taken_by(self, method: Method) -> bool:
        """Whether a method makes it hold what has to be given back."""
        return method.effect in self.takes and method.name not in self.idle

    def includes(self, knowledge: Knowledge, path: str) -> bool:
        """Whether instances of a library's class are such a resource."""
        return any(knowledge.is_a(path, kind) for kind in self.kinds)


SESSION = Resource(
    "session",
    (Kind.SESSION, Kind.ASYNC_SESSION),
    frozenset({Effect.RUNS_SQL, Effect.FLUSHES, Effect.BEGINS}),
    # `begin` alone sends nothing; `connection`, `begin_nested` do.
    frozenset({"begin"}),
    opens_session,
    has_entities=True,
)
CONNECTION = Resource(
    "connection",
    (Kind.CONNECTION, Kind.ASYNC_CONNECTION),
    frozenset({Effect.RUNS_SQL, Effect.BEGINS}),
    frozenset(),
    opens_connection,
)
CONNECTION_BEFORE_2_0 = Resource(
    "connection",
    (Kind.CONNECTION,),
    # There is no transaction before somebody begins one, and SQL alone is no reason to stay alive.
    frozenset({Effect.BEGINS}),
    frozenset({"begin_nested"}),
    opens_connection,
)
CLIENT = Resource(
    "client",
    (Kind.RESOURCE,),
    frozenset({Effect.CONNECTS}),
    frozenset(),
    opens_client,
)
ENGINE = Resource(
    "engine",
    (Kind.ENGINE, Kind.ASYNC_ENGINE),
    frozenset({Effect.CONNECTS, Effect.BEGINS, Effect.RUNS_SQL}),
    frozenset(),
    opens_engine,
    is_kept_on_file=True,
)


def resource_of(evaluator: Evaluator, path: str) -> Resource:
    """The resource that instances of a library's class are; sessions are what anything unknown is taken for."""
    if CONNECTION.includes(evaluator.knowledge, path):
        return connections(evaluator) if evaluator.knowledge.is_a(path, Kind.CONNECTION) else CONNECTION
    return next((each for each in (CLIENT, ENGINE) if each.includes(evaluator.knowledge, path)), SESSION)


def connections(evaluator: Evaluator) -> Resource:
    """What a plain connection is on the SQLAlchemy of the project; a range that goes beyond 1.4 means 2.x."""
    found = versions_below(evaluator.project.root, "sqlalchemy")
    return CONNECTION_BEFORE_2_0 if not found.overlaps(VersionRange(since=(2,))) else CONNECTION


@lru_cache(maxsize=16)
def telling_methods(knowledge: Knowledge, resource: Resource) -> frozenset[str]:
    """The methods by which a resource comes to hold something, gets work to do, or ends that, and those that a chain
    of calls goes on with.
    """
    effects = {*resource.takes, Effect.QUEUES, Effect.ENDS_TRANSACTION}
    return frozenset(
        row.name
        for table in knowledge.tables
        for row in table.methods
        if (row.effect in effects or _goes_on(knowledge, row))
        and resource.includes(knowledge, row.owner)
        and not row.is_attribute
    )


def _goes_on(knowledge: Knowledge, row: Method) -> bool:
    is_itself = row.returns.removeprefix("await ") == "self" and not row.name.startswith("__")
    return is_itself or knowledge.is_a(row.returns, Kind.LEGACY_QUERY)
