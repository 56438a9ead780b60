"""Lifetimes: where a resource is opened, who owns it, what ends it, and which ways lead past the end.

Terms
    *resource*: a session, a connection, a client: what `resources` says of its kind is all that differs.
    *acquisition*: a call whose value is a resource that whoever called has to give back.  *Use*: one thing that the
    program does with it.  *End*: a use after which somebody else has it, or nobody (`with`, `close()`, `return`, a
    container).  *Release*: an end that closes it.  *Holder*: an object, collection or bound method that holds it.

`acquisition` finds the first, `uses` the second, in the function itself and through the functions that it is handed to,
in whatever module; `paths` asks the control-flow graph what is still held where the function is left.
"""

from __future__ import annotations

from sqla_leaklint.domain.lifetimes.acquisition import Acquisition
from sqla_leaklint.domain.lifetimes.by_hand import CutOffLoop, TakenSession
from sqla_leaklint.domain.lifetimes.factories import DependedFactory
from sqla_leaklint.domain.lifetimes.guards import Gap, YieldedSession
from sqla_leaklint.domain.lifetimes.held import HeldSession
from sqla_leaklint.domain.lifetimes.left_behind import LeakedClient, LeakedConnection
from sqla_leaklint.domain.lifetimes.owned import OwnedSession
from sqla_leaklint.domain.lifetimes.remains import Remains
from sqla_leaklint.domain.lifetimes.returned import ReturnedSession
from sqla_leaklint.domain.lifetimes.skipped import SkippedClose, Way
from sqla_leaklint.domain.lifetimes.swallowed import SwallowedError
from sqla_leaklint.domain.lifetimes.waiting import WaitInTransaction

__all__ = [
    "Acquisition",
    "CutOffLoop",
    "DependedFactory",
    "Gap",
    "HeldSession",
    "LeakedClient",
    "LeakedConnection",
    "OwnedSession",
    "Remains",
    "ReturnedSession",
    "SkippedClose",
    "SwallowedError",
    "TakenSession",
    "WaitInTransaction",
    "Way",
    "YieldedSession",
]
