"""The vocabulary of lifetimes: what a program does with a resource, and how a term has to do with it.

It is told in the words of sessions, most of which are about connections, too; what a client sends counts as SQL.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from sqla_leaklint.domain.values import ProjectFunction
from sqla_leaklint.semantic.events import Event
from sqla_leaklint.semantic.summary import Act


class Doing(str, Enum):
    """One thing that is done with a session."""

    LOOKS = "looks at it"
    QUEUES = "queues work for its next flush"
    RUNS_SQL = "runs SQL, so a connection is taken"
    ENDS_TRANSACTION = "ends its transaction, so the connection is given back"
    TRANSACTS = "enters a block that ends its transaction"
    HOLDS = "stores it in the object that is being made"
    RETURNS = "returns it"
    YIELDS = "yields it"
    ENTERS = "enters it by `with`"
    CLOSES = "closes it"
    DEFERS = "arranges for it to be closed later"
    STORES = "stores it"
    FILES = "files it in a container out of which nobody closes it"
    PASSES = "hands it on to somebody who may close or keep it"


RELEASES = frozenset({Doing.ENTERS, Doing.CLOSES})
HANDED_ON = frozenset({Doing.ENTERS, Doing.CLOSES, Doing.DEFERS, Doing.HOLDS, Doing.STORES, Doing.PASSES, Doing.YIELDS})
"""After these a session is closed, or is somebody else's."""
ENDS = HANDED_ON | {Doing.RETURNS, Doing.FILES, Doing.HOLDS}


class Carry(Enum):
    """How a term has to do with the session; of several, the highest counts."""

    NO = 0
    TRANSACTION = 1
    """The transaction that it began, by which it can be ended."""
    QUERY = 2
    """A query that will run on it."""
    WRAPS = 3
    """A context manager that gives it and does not close it."""
    METHOD = 4
    """A bound method of it or of what holds it."""
    HOLDS = 5
    IS = 6


TRACED = frozenset({Carry.WRAPS, Carry.METHOD, Carry.HOLDS, Carry.IS})
LEADS_TO = TRACED | {Carry.QUERY, Carry.TRANSACTION}
"""Who is given one of these can go on with the resource, or end what it holds."""


@dataclass(frozen=True, slots=True, eq=False)
class Use:
    """Something that is done with a session, by which act, and by which function of the project on the caller's behalf.

    `carry` tells whether what is returned is the session, holds it or is a query on it; `attributes` are where what is
    returned, or an object under construction, keeps it ("db"; "repo.db" where its `repo` keeps it).
    """

    doing: Doing
    act: Act | Event
    callee: ProjectFunction | None = None
    carry: Carry = Carry.IS
    attributes: frozenset[str] = frozenset()
