"""New objects that a session is given in a loop of unbounded length, with nothing in the loop that sends them.

A session refers to what it loaded weakly, but to what it is yet to insert strongly: a new object stays until the next
flush.  A commit and, unless it is switched off, each query flush as well.

    for row in csv.reader(file):            # the loop, its source unbounded
        user = User(name=row[0])
        session.add(user)                   # the addition: of a new object, made in the loop
        audit(session, user)                # is followed: if `audit` runs SQL, there is nothing to say

Whatever might flush, let the object go, or keep it alive anyway (a list, an unknown callee) ends the question.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqla_leaklint.domain.application.endpoints import method_name
from sqla_leaklint.domain.mapped.models import LOOKUP_NAME, models_of
from sqla_leaklint.domain.rows.loops import Loop, Loops
from sqla_leaklint.domain.rows.unbounded_sources import UnboundedSource, unbounded_source
from sqla_leaklint.domain.values import BoundMethod, Entity, ProjectClass, alternatives
from sqla_leaklint.domain.writes.flushing import SESSIONS, Flushes
from sqla_leaklint.knowledge.facts import Kind
from sqla_leaklint.semantic import terms as t
from sqla_leaklint.semantic.body import Body
from sqla_leaklint.semantic.events import Deed, Event
from sqla_leaklint.syntax import tree
from sqla_leaklint.syntax.walk import walk

if TYPE_CHECKING:
    from sqla_leaklint.domain.module import Domain

_ADDING = frozenset({"add", "add_all"})


@dataclass(frozen=True, slots=True, eq=False)
class BulkAdd:
    """An addition without end: `node` is the call of `add` or `add_all`, `model` what is added.

    `loop` is the unbounded loop (None: `add_all` is given one comprehension, or a list that was filled in a loop).
    """

    domain: Domain
    body: Body
    event: Event
    model: ProjectClass
    source: UnboundedSource
    loop: Loop | None
    place: tree.Node
    """What is looped over."""

    @property
    def node(self) -> tree.Call:
        return self.event.call_node

    @property
    def is_async(self) -> bool:
        value = self.domain.value_of(self.event.call.func)
        return isinstance(value, BoundMethod) and self.domain.evaluator.classes.is_a(value.receiver, Kind.ASYNC_SESSION)

    @staticmethod
    def find(domain: Domain) -> Iterator[BulkAdd]:
        """Every such addition of the module, one for each loop, in the order of the text."""
        for body in domain.bodies:
            if not isinstance(body.node, tree.Function | tree.Module):
                continue
            candidates = [
                event
                for event in body.events
                if event.deed is Deed.CALLED and method_name(event.call.func) in _ADDING and len(event.call.args) == 1
            ]
            if candidates:
                yield from _Finder(domain, body).of(candidates)


class _Finder:
    def __init__(self, domain: Domain, body: Body) -> None:
        self._domain = domain
        self._body = body
        self._loops = Loops(body)

    def of(self, candidates: list[Event]) -> Iterator[BulkAdd]:
        seen: set[Loop] = set()
        for event in candidates:
            if method_name(event.call.func) == "add":
                loops = list(self._loops.around(event.stmt))
                found = self._added(event, loops) if loops and not seen.intersection(loops) else None
                if found is not None and found.loop is not None:
                    seen.add(found.loop)
            else:
                found = self._all_added(event)
            if found is not None:
                yield found

    # --- one by one ---

    def _added(self, event: Event, loops: list[Loop]) -> BulkAdd | None:
        made = _made(event.call.args[0])
        if made is None or not self._is_of_session(event):
            return None
        model = self._new(made)
        if model is None or LOOKUP_NAME.search(model.name) is not None:
            return None
        flushes = Flushes(self._domain, self._body, event.call, self._loops)
        for loop in loops:
            if not flushes.is_known or self._opens_session(event, loop) or self._loops.is_left_after(event.stmt, loop):
                return None
            if not self._is_made_in(made, loop) or self._is_kept(made, event, loop) or flushes.may_flush(loop):
                return None
            source = self._source(loop)
            if source is not None:
                place = loop.iter if isinstance(loop, tree.For) else loop.test
                return BulkAdd(self._domain, self._body, event, model, source, loop, place)
        return None

    def _is_of_session(self, event: Event) -> bool:
        value = self._domain.value_of(event.call.func)
        return isinstance(value, BoundMethod) and self._domain.evaluator.classes.is_a(value.receiver, *SESSIONS)

    def _new(self, term: t.Term) -> ProjectClass | None:
        """The model of which a term is a new object."""
        values = alternatives(self._domain.value_of(term))
        models = [each.model for each in values if isinstance(each, Entity) and not each.is_loaded]
        return models[0] if len(models) == len(values) else None

    def _source(self, loop: Loop) -> UnboundedSource | None:
        if isinstance(loop, tree.For):
            term = self._domain.term(loop.iter)
            return unbounded_source(self._domain.evaluator, self._domain.frame, term) if term is not None else None
        is_endless = isinstance(loop.test, tree.Constant) and bool(loop.test.value)
        is_asked = any(
            event.deed is Deed.CALLED and isinstance(event.call.func, t.Ref) and event.call.func.path in _BY_HAND
            for event in self._loops.events_in(loop)
        )
        return UnboundedSource("") if is_endless and not is_asked else None

    def _opens_session(self, event: Event, loop: Loop) -> bool:
        """Whether each round has a session of its own."""
        parts = set(t.all_in([event.call.func]))
        return any(each.deed is Deed.CALLED and each.value in parts for each in self._loops.events_in(loop))

    def _is_made_in(self, made: t.Call, loop: Loop) -> bool:
        return any(each.value is made for each in self._loops.events_in(loop) if each.deed is Deed.CALLED)

    def _is_kept(self, made: t.Call, event: Event, loop: Loop) -> bool:
        """Whether something else than the session may keep the object, or may know more of it."""
        for each in self._body.events:
            match each.deed:
                case Deed.CALLED if each is not event:
                    given = (*each.call.args, *(value for _, value in each.call.keywords))
                    if any(_made(argument) is made for argument in given) and not self._is_constructor(each):
                        return True
                case Deed.COLLECTED | Deed.YIELDED | Deed.CAPTURED | Deed.STORED_ITEM | Deed.STORED_GLOBAL:
                    if _made(each.value) is made:
                        return True
                case Deed.STORED_ATTRIBUTE if _made(each.value) is made:
                    if each.base is None or self._new(each.base) is None:
                        return True
                case Deed.ITERATED if self._loops.is_within(each.stmt, loop) or each.stmt is loop:
                    if self._loads_lazily(each.value):
                        return True
                case _:
                    pass
        return False

    def _is_constructor(self, event: Event) -> bool:
        return self._new(event.value) is not None

    def _loads_lazily(self, term: t.Term) -> bool:
        """Whether a relationship of a row is looped over: loading it flushes."""
        if not isinstance(term, t.Attr):
            return False
        for each in alternatives(self._domain.value_of(term.base)):
            if isinstance(each, Entity) and each.is_loaded:
                model = models_of(self._domain.evaluator).of(each.model)
                if model is None or term.name in model.relationships:
                    return True
        return False

    # --- all at once ---

    def _all_added(self, event: Event) -> BulkAdd | None:
        (argument,) = event.call.args
        if not self._is_of_session(event):
            return None
        mapped = _unwrapped(argument)
        if isinstance(mapped, t.Mapped) and mapped.kind in {"list", "generator"}:
            model = self._new(mapped.element)
            source = unbounded_source(self._domain.evaluator, self._domain.frame, mapped.source)
            if model is None or source is None:
                return None
            return BulkAdd(self._domain, self._body, event, model, source, None, event.node)
        return self._filled(event)

    def _filled(self, event: Event) -> BulkAdd | None:
        """A list that is filled in an unbounded loop, then added as a whole."""
        assert isinstance(event.node, tree.Call)
        given = event.node.args[0].value
        if not isinstance(given, tree.Name):
            return None
        for each in self._body.events:
            if each.deed is not Deed.CALLED or method_name(each.call.func) != "append" or len(each.call.args) != 1:
                continue
            assert isinstance(each.node, tree.Call)
            receiver = each.node.func.value if isinstance(each.node.func, tree.Attribute) else None
            if not isinstance(receiver, tree.Name) or receiver.id != given.id:
                continue
            model = self._new(each.call.args[0])
            for loop in self._loops.around(each.stmt):
                if model is None or self._loops.is_within(event.stmt, loop) or self._is_renewed(given.id, each, loop):
                    break
                source = self._source(loop)
                if source is not None:
                    place = loop.iter if isinstance(loop, tree.For) else loop.test
                    return BulkAdd(self._domain, self._body, event, model, source, None, place)
        return None

    def _is_renewed(self, name: str, append: Event, loop: Loop) -> bool:
        """Whether a loop does anything with a list but append to it: empties it, hands it on, makes it anew."""
        assert isinstance(append.node, tree.Call)
        appending = set(walk(append.node.func))
        return any(
            isinstance(node, tree.Name) and node.id == name and node not in appending
            for stmt in loop.body
            for node in walk(stmt)
        )


_BY_HAND = frozenset({"builtins.input", "time.sleep", "asyncio.sleep"})
"""What makes an endless loop one that waits: for a person, or for the next round of work."""


def _unwrapped(term: t.Term) -> t.Term:
    while isinstance(term, t.Declared | t.Await) and term.value is not None:
        term = term.value
    return term


def _made(term: t.Term) -> t.Call | None:
    """The call that makes an object, as far as it is one call."""
    inner = _unwrapped(term)
    return inner if isinstance(inner, t.Call) else None
