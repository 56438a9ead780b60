"""Resources that a function opens and leaves behind: on every way, or on some way that does not pass their close."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqla_leaklint.domain.lifetimes.acquisition import Acquisition, opened
from sqla_leaklint.domain.lifetimes.guards import Gap, YieldedSession
from sqla_leaklint.domain.lifetimes.resources import CONNECTION, Resource
from sqla_leaklint.domain.lifetimes.skipped import SkippedClose
from sqla_leaklint.syntax import tree

if TYPE_CHECKING:
    from sqla_leaklint.domain.module import Domain


@dataclass(frozen=True, slots=True, eq=False)
class Unreturned:
    """A resource that its function leaves behind, open.

    On every way, where `exits` are what is last run on them; or, with `yielded`, after the `yield`; or else on some
    way, past a close: that is `skipped`.
    """

    acquisition: Acquisition
    exits: tuple[tree.Node, ...] = ()
    yielded: YieldedSession | None = None
    skipped: SkippedClose | None = None

    @property
    def gap(self) -> Gap | None:
        """Where its guard has a gap, if it is yielded."""
        return self.yielded.gap if self.yielded is not None else None

    @property
    def closes(self) -> tuple[tree.Stmt, ...]:
        """The statements that do nothing but close it, on the ways that come by."""
        closing = self.yielded or self.skipped
        return closing.closes if closing is not None else ()


@dataclass(frozen=True, slots=True, eq=False)
class LeakedConnection(Unreturned):
    """A connection from the pool of an engine, left behind.

    A connection holds nothing but what is freed with its last name, until SQL or `begin()` starts a transaction: the
    two refer to each other until it ends.
    """

    @staticmethod
    def find(domain: Domain) -> Iterator[LeakedConnection]:
        """Every such connection of the module, in the order of the text."""
        for found in unreturned(domain, CONNECTION):
            yield LeakedConnection(found.acquisition, found.exits, found.yielded, found.skipped)


def unreturned(domain: Domain, resource: Resource) -> Iterator[Unreturned]:
    """What is left behind of the resources of a kind that the module opens, in the order of the text."""
    for acquisition in opened(domain, resource):
        found = _left_behind(acquisition)
        if found is not None and not acquisition.ends_with_process:
            yield found


def _left_behind(acquisition: Acquisition) -> Unreturned | None:
    yielded = YieldedSession.of(acquisition)
    if yielded is not None:
        is_guarded = yielded.gap is None or yielded.is_fixture
        return None if is_guarded else Unreturned(acquisition, yielded=yielded)
    if not acquisition.ends:
        exits = acquisition.leaking_exits if acquisition.first_sql is not None else ()
        return Unreturned(acquisition, exits) if exits else None
    skipped = SkippedClose.of(acquisition)
    return Unreturned(acquisition, skipped=skipped) if skipped is not None else None
