"""One session in two hands: work that runs beside other work, or beside its creator, with the same session.

Along the ways through a function each step is told which work is running there with a session in hand:

    first = asyncio.create_task(load(session, 1))      # running: load(1)
    if wanted:
        second = asyncio.create_task(load(session, 2)) # running: load(1) and load(2): shared
    await first

A session in coroutines of one event loop is shared only if it is async: a plain one is never left in the middle of
what it does.  In threads both kinds are.  Work that is still running where the session ends outlives it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

from sqla_leaklint.domain.concurrency.owners import closes_at_once, owner_that_ends
from sqla_leaklint.domain.concurrency.starts import Start, starts
from sqla_leaklint.domain.concurrency.suspension import is_asked_at_once, unawaited
from sqla_leaklint.domain.concurrency.work import Piece, Rider
from sqla_leaklint.domain.lifetimes.paths import UNASKED, nodes_of
from sqla_leaklint.domain.subjects import Excuse
from sqla_leaklint.domain.values import Origin
from sqla_leaklint.flow import Edge, Graph, Step, StepKind, build_cfg, solve_forward
from sqla_leaklint.semantic import terms as t
from sqla_leaklint.semantic.body import Body
from sqla_leaklint.semantic.events import Deed
from sqla_leaklint.syntax import tree
from sqla_leaklint.syntax.walk import walk

if TYPE_CHECKING:
    from sqla_leaklint.domain.module import Domain


class Sharing(Enum):
    """With whom a piece of work shares its session."""

    EACH_OTHER = "with others like it"
    OTHER_WORK = "with other work"
    CREATOR = "with the function that started it"
    NOBODY = "with nobody: the session ends before it does"


@dataclass(frozen=True, slots=True, eq=False)
class SharedSession:
    """A session that a piece of work shares, or outlives.

    `other` is where the session is named or used that the work shares it with; `owner` says whose session it is, for
    one that ends too early.
    """

    body: Body
    start: Start
    rider: Rider
    piece: Piece
    sharing: Sharing
    other: tree.Node | None = None
    owner: Origin = Origin.PARAMETER

    @property
    def node(self) -> tree.Expr:
        return self.rider.passenger.node

    @staticmethod
    def find(domain: Domain) -> Iterator[SharedSession]:
        """Every such session of the module: one report for each start and session."""
        for body in domain.bodies:
            if isinstance(body.node, tree.Function):
                found = tuple(starts(domain, body))
                if found:
                    yield from _Function(domain, body, found).shared()


class SharingExcuse(Excuse):
    """Why a session of a piece of work is not shared, as far as is known."""

    OWN_END = "the work closes it itself"
    AT_REST = "it is no async session, and coroutines of one event loop never leave it in the middle of something"
    ALONE = "no other work has it meanwhile, and the function waits"
    ASKED_AT_ONCE = "the work has asked it for everything before it first waits, and until then nobody closes it"
    IN_TIME = "nothing is known to use or end it before the work is done"


def excuse_of(domain: Domain, start: Start | None, piece: Piece, rider: Rider) -> SharingExcuse:
    """Why a session that is not found to be shared is not."""
    if rider.ends:
        return SharingExcuse.OWN_END
    is_joined = start is not None and start.joined
    if is_joined and not _at_once(piece, rider, piece):
        return SharingExcuse.AT_REST
    if is_joined:
        return SharingExcuse.ALONE
    is_plain = not (rider.is_async or piece.in_thread)
    is_asked = is_plain and is_asked_at_once(domain, piece.node, rider.key)
    return SharingExcuse.ASKED_AT_ONCE if is_asked else SharingExcuse.IN_TIME


class _Function:
    """Judges one function."""

    def __init__(self, domain: Domain, body: Body, found: tuple[Start, ...]) -> None:
        assert isinstance(body.node, tree.Function)
        self._domain = domain
        self._body = body
        self._starts = found
        self._graph: Graph = build_cfg(body.node)

    def shared(self) -> Iterator[SharedSession]:
        keys = dict.fromkeys(rider.key for start in self._starts for piece in start.pieces for rider in piece.riders)
        for key in keys:
            yield from _Session(self._domain, self._body, self._graph, self._starts, key).shared()


class _Session:
    """Follows one session through a function."""

    def __init__(self, domain: Domain, body: Body, graph: Graph, found: tuple[Start, ...], key: t.Term) -> None:
        self._domain = domain
        self._body = body
        self._graph = graph
        self._key = key
        self._work = {
            place: riding
            for place, start in enumerate(found)
            if (riding := [(piece, rider) for piece in start.pieces for rider in piece.riders if rider.key is key])
        }
        self._starts = found
        self._births = frozenset(self._born())
        self._uses = dict(self._used())
        self._steps = {place: self._steps_of(found[place].node) for place in self._work}

    def _born(self) -> Iterator[tree.Node]:
        """Where a new session comes under the same key: what opens it, enters it, or is its loop."""
        parts = list(t.all_in([self._key]))
        entered = [part.value for part in parts if isinstance(part, t.Enter)]
        iterated = [part.value for part in parts if isinstance(part, t.Element)]
        for event in self._body.events:
            match event.deed:
                case Deed.CALLED if event.value in parts:
                    yield event.node
                case Deed.ENTERED if event.value in entered:
                    yield event.node
                case Deed.ITERATED if event.value in iterated:
                    yield event.node
                case _:
                    pass

    def _used(self) -> Iterator[tuple[tree.Node, bool]]:
        """Where the function itself has the session do something, and whether it awaits that."""
        started = {node for place in self._work for node in walk(self._starts[place].node)}
        awaited = {node.value for node in walk(self._body.node) if isinstance(node, tree.Await)}
        for event in self._body.events:
            if event.deed is Deed.CALLED and event.node not in started:
                func = event.call.func
                given = (*event.call.args, *(value for _, value in event.call.keywords))
                if (isinstance(func, t.Attr) and func.base is self._key) or self._key in given:
                    yield event.node, event.node in awaited

    def _steps_of(self, node: tree.Node) -> frozenset[Step]:
        """The steps that evaluate a call: those of its `await`, where it has steps of its own."""
        steps = [step for step in self._graph.steps if any(each is node for each in nodes_of(step))]
        awaits = [step for step in steps if step.kind is StepKind.AWAIT]
        return frozenset(awaits or steps)

    # --- the judgement ---

    def shared(self) -> Iterator[SharedSession]:
        told: set[tree.Node] = set()
        for place, riding in self._work.items():
            found = self._within(self._starts[place], riding)
            if found is not None:
                told.add(found.node)
                yield found
        if all(self._starts[place].joined for place in self._work):
            return
        before = solve_forward(
            self._graph, initial=frozenset[int](), flow=self._flow, join=lambda one, other: one | other
        )
        for place in self._work:
            found = self._outliving(before, place) or self._overlapping(before, place)
            if found is not None and found.node not in told:
                told.add(found.node)
                yield found

    def _within(self, start: Start, riding: list[tuple[Piece, Rider]]) -> SharedSession | None:
        """Pieces of one start that share it."""
        for place, (piece, rider) in enumerate(riding):
            for earlier, other in riding[:place]:
                if _at_once(piece, rider, earlier) and piece.node is not earlier.node:
                    return SharedSession(self._body, start, rider, piece, Sharing.OTHER_WORK, other.passenger.node)
            if self._is_many(piece) and _at_once(piece, rider, piece):
                return SharedSession(self._body, start, rider, piece, Sharing.EACH_OTHER)
        return None

    def _is_many(self, piece: Piece) -> bool:
        if piece.is_mapped:
            return True
        return piece.repeated_by is not None and not self._is_renewed_in(piece.repeated_by)

    def _is_renewed_in(self, loop: tree.Node) -> bool:
        """Whether each round of a loop has a session of its own."""
        return any(node in self._births for node in walk(loop))

    def _overlapping(self, before: dict[Step, frozenset[int]], place: int) -> SharedSession | None:
        """Work that is started while other work with the session runs, or besides which its creator uses it."""
        start = self._starts[place]
        for piece, rider in self._work[place]:
            is_many = start.repeated_by is not None and not self._is_renewed_in(start.repeated_by)
            if is_many and _at_once(piece, rider, piece):
                return SharedSession(self._body, start, rider, piece, Sharing.EACH_OTHER)
            running = frozenset[int]().union(*(before.get(step, frozenset()) for step in self._steps[place]))
            for other in sorted(running):
                for earlier, others_rider in self._work[other]:
                    if _at_once(piece, rider, earlier):
                        if other == place:
                            return SharedSession(self._body, start, rider, piece, Sharing.EACH_OTHER)
                        return SharedSession(
                            self._body, start, rider, piece, Sharing.OTHER_WORK, others_rider.passenger.node
                        )
            if not start.joined and (rider.is_async or piece.in_thread):
                use = self._use_beside(before, place, in_thread=piece.in_thread)
                if use is not None:
                    return SharedSession(self._body, start, rider, piece, Sharing.CREATOR, use)
        return None

    def _use_beside(self, before: dict[Step, frozenset[int]], place: int, *, in_thread: bool) -> tree.Node | None:
        """What the function does with the session while the work runs: beside a task, what it awaits."""
        for step in self._graph.steps:
            if place in before.get(step, frozenset()):
                for node in nodes_of(step):
                    if node in self._uses and (in_thread or self._uses[node]):
                        return node
        return None

    def _outliving(self, before: dict[Step, frozenset[int]], place: int) -> SharedSession | None:
        """Work that nobody waits for until the session's owner has closed it."""
        start = self._starts[place]
        piece, rider = self._work[place][0]
        if start.joined or rider.ends:
            return None
        owner = owner_that_ends(self._domain, rider.passenger, self._key, is_entered_here=bool(self._births))
        if owner is None:
            return None
        ends = {
            step
            for step in self._graph.steps
            if step is self._graph.exit
            or (step.kind is StepKind.WITH_EXIT and step.node in self._births and not _is_exceptional(step))
        }
        if not (rider.is_async or piece.in_thread) and is_asked_at_once(self._domain, piece.node, self._key):
            if not closes_at_once(self._domain.evaluator, rider.passenger, owner):
                return None
            assert isinstance(self._body.node, tree.Function)
            ends &= unawaited(self._body.node, self._graph, self._steps[place])
        if any(place in before.get(step, frozenset()) for step in ends):
            return SharedSession(self._body, start, rider, piece, Sharing.NOBODY, owner=owner)
        return None

    def _flow(self, edge: Edge, running: frozenset[int]) -> frozenset[int] | None:
        step = edge.source
        if edge.kind in UNASKED or edge.is_exceptional:
            return None
        if step.kind is StepKind.WITH_EXIT:
            return frozenset(place for place in running if self._starts[place].left is not step.node)
        nodes = set(nodes_of(step))
        if nodes & self._births and step.kind is not StepKind.WITH_BIND:
            running = frozenset()
        running = frozenset(place for place in running if not self._starts[place].joins & nodes)
        begun = {place for place, steps in self._steps.items() if step in steps and not self._starts[place].joined}
        return running | begun


def _is_exceptional(step: Step) -> bool:
    return step.completion is not None and step.completion.is_exceptional


def _at_once(piece: Piece, rider: Rider, other: Piece) -> bool:
    """Whether two pieces can be in the middle of something on one session at once."""
    return not rider.ends and (rider.is_async or piece.in_thread or other.in_thread)
