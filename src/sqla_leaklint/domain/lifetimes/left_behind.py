"""Resources that a function opens and leaves behind: on every way, or on some way that does not pass their close."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqla_leaklint.domain.application.requests import Link, way_from_request
from sqla_leaklint.domain.lifetimes.acquisition import Acquisition, opened
from sqla_leaklint.domain.lifetimes.guards import Gap, YieldedSession
from sqla_leaklint.domain.lifetimes.resources import CLIENT, CONNECTION
from sqla_leaklint.domain.lifetimes.skipped import SkippedClose
from sqla_leaklint.semantic import terms as t
from sqla_leaklint.semantic.events import Deed
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
        for acquisition in opened(domain, CONNECTION):
            found = _left_behind(acquisition)
            if found is not None and not _runs_plain_text(acquisition) and not acquisition.ends_with_process:
                yield LeakedConnection(acquisition, found.exits, found.yielded, found.skipped)


@dataclass(frozen=True, slots=True, eq=False)
class LeakedClient(Unreturned):
    """A client that is opened for every request and left behind with what it has open.

    `way` leads from the endpoint to the function that opens it.
    """

    way: tuple[Link, ...] = ()

    @staticmethod
    def find(domain: Domain) -> Iterator[LeakedClient]:
        """Every such client of the module, in the order of the text."""
        for acquisition in opened(domain, CLIENT):
            found = _left_behind(acquisition)
            if found is None or found.skipped is not None or not _is_opened_anyway(acquisition):
                continue
            way = way_from_request(domain.evaluator, domain.module.summary, acquisition.summary)
            if way is not None:
                yield LeakedClient(acquisition, found.exits, found.yielded, None, way)

    @property
    def is_streaming(self) -> bool:
        """Whether a response is asked for that is still to be read from the client."""
        for use in self.acquisition.uses:
            match use.act.value:
                case t.Call(func=t.Attr(name="stream")):
                    return True
                case t.Call() as call if call.keyword("stream") is not None:
                    return True
                case _:
                    pass
        return False


def _is_opened_anyway(acquisition: Acquisition) -> bool:
    """Whether the call stands for itself: not `client or Client()`, where the caller may have given one."""
    if acquisition.name is not None:
        return True
    return any(
        event.deed is Deed.CALLED
        and isinstance(event.call.func, t.Attr)
        and event.call.func.base is acquisition.event.value
        for event in acquisition.body.events
    )


def _runs_plain_text(acquisition: Acquisition) -> bool:
    """Whether a string is executed: only SQLAlchemy below 2.0 does that, whatever the project says that it runs on."""
    for use in acquisition.uses:
        match use.act.value:
            case t.Call(func=t.Attr(name="execute"), args=(t.Const(value=str()) | t.Collection(kind="f-string"), *_)):
                return use.callee is None
            case _:
                pass
    return False


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
