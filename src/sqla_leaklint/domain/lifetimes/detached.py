"""Attributes of entities that are read after their session was closed, and that are not loaded.

Not loaded are a lazy relationship and a deferred column that nobody has read before; and, once a commit or rollback has
expired the entity, every attribute, unless the factory says `expire_on_commit=False` or something has read it since.

    with SessionLocal() as session:
        user = session.get(User, 1)          # attached
        session.commit()                     # expired
    print(user.name)                         # detached: raises `DetachedInstanceError`

The way is looked for along the graph of the function, from the call that loads the entity.  Whatever else may have
loaded it (loader options, a call that is given the entity, a statement that another function makes) ends the question.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

from sqla_leaklint.domain.lifetimes.acquisition import Acquisition
from sqla_leaklint.domain.lifetimes.blocks import binds_name, block_acquisition, is_committing_block
from sqla_leaklint.domain.lifetimes.conditions import can_follow
from sqla_leaklint.domain.lifetimes.doings import RELEASES, Doing
from sqla_leaklint.domain.lifetimes.entities import DetachedCandidate, candidates_among
from sqla_leaklint.domain.lifetimes.library_openings import factory_call
from sqla_leaklint.domain.lifetimes.paths import UNASKED, Course, is_closed_in, nodes_of
from sqla_leaklint.domain.lifetimes.skipped import is_at_once
from sqla_leaklint.domain.mapped.columns import Column, Relationship
from sqla_leaklint.domain.values import Symbol
from sqla_leaklint.flow import Edge, Step
from sqla_leaklint.semantic import terms as t
from sqla_leaklint.semantic.events import Deed, Event
from sqla_leaklint.syntax import tree
from sqla_leaklint.syntax.walk import walk

if TYPE_CHECKING:
    from sqla_leaklint.domain.module import Domain


@dataclass(frozen=True, slots=True, eq=False)
class DetachedRead:
    """The read of an attribute that is not loaded; `expired_by` is the commit that has expired it, if one has."""

    acquisition: Acquisition
    node: tree.Attribute
    attribute: Column | Relationship
    closing: tree.Node
    expired_by: tree.Node | None

    @staticmethod
    def find(domain: Domain) -> Iterator[DetachedRead]:
        """The first such read of each attribute of each entity of the module."""
        for acquisition in _closed_sessions(domain):
            attributes = [node for node in walk(acquisition.function) if isinstance(node, tree.Attribute)]
            candidates = list(candidates_among(acquisition, attributes))
            if candidates:
                yield from _Search(acquisition, candidates).find()


def _closed_sessions(domain: Domain) -> Iterator[Acquisition]:
    for acquisition in domain.subjects(Acquisition):
        if any(use.doing in RELEASES for use in acquisition.uses):
            yield acquisition
    for body in domain.bodies:
        if isinstance(body.node, tree.Function):
            for event in body.events:
                if event.deed is Deed.ENTERED and binds_name(event) and _goes_on_behind(body.node, event):
                    found = block_acquisition(domain, body, event)
                    if found is not None:
                        yield found


def _goes_on_behind(function: tree.Function, entered: Event) -> bool:
    """Cheaply: whether anything comes after a `with` statement in its function."""
    return bool(function.body) and function.body[-1] is not entered.stmt


class _Phase(Enum):
    ATTACHED = "attached"
    EXPIRED = "attached, and expired"
    DETACHED = "detached, with what is loaded"
    EMPTY = "detached, with nothing loaded"


class _State(NamedTuple):
    step: Step
    phase: _Phase
    closing: tree.Node | None = None
    expired_by: tree.Node | None = None


class _Search:
    def __init__(self, acquisition: Acquisition, candidates: list[DetachedCandidate]) -> None:
        self.acquisition = acquisition
        self.candidates = candidates
        self.course = Course(acquisition.function, acquisition.node, acquisition.uses)

    def find(self) -> Iterator[DetachedRead]:
        course = self.course
        if course.start is None or any(
            use.doing in RELEASES and (course.is_off_course(use) or not is_at_once(self.acquisition, use))
            for use in course.uses
        ):
            return
        told: set[tuple[t.Term, str]] = set()
        for candidate in self.candidates:
            key = (candidate.entity, candidate.attribute.name)
            if key not in told:
                found = self._read(candidate)
                if found is not None:
                    told.add(key)
                    yield found

    def _read(self, candidate: DetachedCandidate) -> DetachedRead | None:
        """The read as a detached one; None when it may be attached there, or loaded."""
        reads = {each.node for each in self.candidates if each.entity is candidate.entity}
        name = candidate.attribute.name
        same: set[tree.Node] = {
            each.node for each in self.candidates if each.node in reads and each.attribute.name == name
        }
        assert self.course.start is not None
        loads = [step for step in self.course.graph.steps if any(node in candidate.loads for node in nodes_of(step))]
        seen: set[_State] = set()
        waiting = deque(_State(step, _Phase.ATTACHED) for step in loads)
        found: DetachedRead | None = None
        while waiting:
            state = waiting.popleft()
            for edge in self.course.graph.successors(state.step):
                following = self._next(edge, state, candidate, reads)
                if following is None or following in seen:
                    continue
                seen.add(following)
                waiting.append(following)
                nodes = set(nodes_of(following.step))
                if following.phase is not _Phase.ATTACHED and nodes & candidate.assigns:
                    return None
                read = nodes & same
                is_attached = following.phase in {_Phase.ATTACHED, _Phase.EXPIRED}
                if is_attached and (candidate.node in read or (read and candidate.is_lazy)):
                    return None  # it is loaded by being read
                if candidate.node in read and not is_attached:
                    found = found or self._judged(candidate, following)
        return found

    def _judged(self, candidate: DetachedCandidate, state: _State) -> DetachedRead | None:
        if state.closing is None or not can_follow(self.acquisition.function, state.closing, candidate.node):
            return None
        if state.phase is _Phase.EMPTY:
            expired_by = state.expired_by
            return DetachedRead(self.acquisition, candidate.node, candidate.attribute, state.closing, expired_by)
        if candidate.is_lazy:
            return DetachedRead(self.acquisition, candidate.node, candidate.attribute, state.closing, None)
        return None

    def _next(
        self, edge: Edge, state: _State, candidate: DetachedCandidate, reads: set[tree.Attribute]
    ) -> _State | None:
        if edge.kind in UNASKED or edge.is_exceptional:
            return None
        step = state.step
        phase, closing, expired_by = state.phase, state.closing, state.expired_by
        nodes = set(nodes_of(step))
        if nodes & candidate.loads:
            phase, closing, expired_by = _Phase.ATTACHED, None, None
        elif phase is _Phase.EXPIRED and any(read in nodes for read in reads):
            phase, expired_by = _Phase.ATTACHED, None  # reading one attribute loads all columns
        for use in self.course.uses_at(step):
            node = use.act.node if isinstance(use.act, Event) else None
            if is_closed_in(step, use) and phase in {_Phase.ATTACHED, _Phase.EXPIRED}:
                is_empty = phase is _Phase.EXPIRED or (self._commits_when_left and self._expires)
                if phase is not _Phase.EXPIRED and is_empty:
                    expired_by = node
                phase, closing = (_Phase.EMPTY if is_empty else _Phase.DETACHED), node
            elif (
                use.doing is Doing.ENDS_TRANSACTION
                and phase is _Phase.ATTACHED
                and use.callee is None
                and self._expires
            ):
                phase, expired_by = _Phase.EXPIRED, node
        return _State(edge.target, phase, closing, expired_by)

    @cached_property
    def _commits_when_left(self) -> bool:
        return is_committing_block(self.acquisition)

    @cached_property
    def _expires(self) -> bool:
        """Whether a commit is known to expire what is loaded: every call that makes the session is known in full."""
        opening, call = self.acquisition.opening, self.acquisition.event.call
        domain = self.acquisition.domain
        if not opening.is_plain or opening.factory is not None:
            return False
        function = _before_last_name(call.func) if self._commits_when_left else call.func
        maker = factory_call(domain.evaluator, function, domain.frame)
        is_class = isinstance(domain.value_of(function), Symbol)
        return (maker is not None or is_class) and all(_lets_expire(each) for each in (call, maker) if each is not None)


def _before_last_name(function: t.Term) -> t.Term:
    if isinstance(function, t.Attr):
        return function.base
    return t.Ref(function.path.rpartition(".")[0]) if isinstance(function, t.Ref) else function


def _lets_expire(call: t.Call) -> bool:
    """Whether the arguments of a call are all there to see, and none says `expire_on_commit=False`."""
    given = call.keyword("expire_on_commit")
    if given is not None and not (isinstance(given, t.Const) and given.value is True):
        return False
    return not any(isinstance(value, t.Star) for value in (*call.args, *(value for _, value in call.keywords)))
