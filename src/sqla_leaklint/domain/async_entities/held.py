"""What a function knows of an entity that one of its variables holds, as long as the entity belongs to a session.

Terms
    *holder*: the variable, or the loop that runs over rows which have no name.  *Standing*: how the entity stands with
    the session.  *Known*: the attributes that can be read although the entity as a whole is expired or lazy.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from sqla_leaklint.domain.values import ProjectClass, Statement
from sqla_leaklint.semantic.terms import Term
from sqla_leaklint.syntax import tree


class Standing(Enum):
    """How an entity stands with a session."""

    NEW = "made, and in no session"
    ADDED = "added to the session"
    LOADED = "loaded in the transaction that is open"
    KEPT = "loaded in a transaction that is over"
    EXPIRED = "expired"
    UNKNOWN = "not known"


@dataclass(frozen=True, slots=True)
class Held:
    """An entity, or rows of entities (`is_rows`), in a holder.

    `statement` is the query that loaded it, where one did and is known.  `by` is the call that expired it, or after
    which it was loaded again; `is_renewed` tells the latter.  `is_of_loop`: it is one of several, by turns.
    `is_new`: it was made here, so that only `refresh` loads it.
    """

    holder: str | tree.For
    term: Term
    model: ProjectClass
    standing: Standing
    is_rows: bool = False
    statement: Statement | None = None
    known: frozenset[str] = frozenset()
    by: tree.Node | None = None
    is_renewed: bool = False
    is_of_loop: bool = False
    is_new: bool = False

    @property
    def is_expired(self) -> bool:
        return self.standing is Standing.EXPIRED


State = frozenset[Held]
"""What may be held at a step: one element for each way to get there that makes a difference."""
