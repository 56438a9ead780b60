"""Session factories and registries that are made for every request, event or task, used at once and dropped."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqla_leaklint.domain.application.once import is_done_once
from sqla_leaklint.domain.application.requests import Link, way_from_outside
from sqla_leaklint.domain.engines.fate import Thing, fate_of, is_user
from sqla_leaklint.domain.lifetimes.doings import Carry
from sqla_leaklint.domain.lifetimes.opening import stands_for_itself
from sqla_leaklint.domain.lifetimes.uses import Tracker, events_within
from sqla_leaklint.domain.subjects import Excuse, Excused, InFunction
from sqla_leaklint.domain.values import Instance, Origin, Symbol, alternatives
from sqla_leaklint.knowledge.facts import Kind
from sqla_leaklint.semantic import terms as t
from sqla_leaklint.semantic.body import Body
from sqla_leaklint.semantic.events import Deed, Event
from sqla_leaklint.semantic.summary import FunctionSummary
from sqla_leaklint.syntax import tree

if TYPE_CHECKING:
    from sqla_leaklint.domain.module import Domain

_CONNECTING = (Kind.ENGINE, Kind.ASYNC_ENGINE, Kind.CONNECTION, Kind.ASYNC_CONNECTION)


class FactoryExcuse(Excuse):
    """Why a factory that a function makes is left alone."""

    PERHAPS = "it is made only where nobody has given one"
    GIVEN = "it is made of what the call is given, or has opened itself: it has to be made there"
    ONCE = "it is made only as long as there is none yet"
    UNUSED = "the function does not call it"
    KEPT = "the function keeps it, or hands it on"
    NOT_REACHED = "no request, event or task is known to come here, anew each time"


@dataclass(frozen=True, slots=True, eq=False)
class FactoryPerCall(InFunction):
    """A call that makes a session factory, or a registry, which only this call of its function uses.

    What it is made of is the same for every call: a factory for the engine or connection that the function was given,
    or opened itself, has to be made there.
    """

    event: Event
    is_registry: bool
    way: tuple[Link, ...]

    @staticmethod
    def find(domain: Domain) -> Iterator[FactoryPerCall]:
        """Every such call of the module, in the order of the text."""
        yield from (each for each in FactoryPerCall.weighed(domain) if isinstance(each, FactoryPerCall))

    @staticmethod
    def weighed(domain: Domain) -> Iterator[FactoryPerCall | Excused]:
        """Every call in a function that makes a session factory or registry, but those that a registry is made of."""
        for body in domain.bodies:
            if not isinstance(body.node, tree.Function):
                continue
            made = {event.call: kind for event in body.events for kind in _kinds_made(domain, event)}
            inner = {part for call in made for part in t.all_in(_arguments(call)) if part in made}
            for event in body.events:
                if event.deed is not Deed.CALLED or event.call not in made or event.call in inner:
                    continue
                way = _way(domain, body, event)
                if isinstance(way, FactoryExcuse):
                    yield Excused(event.node, way)
                else:
                    yield FactoryPerCall(domain, body, event, made[event.call] is Kind.SESSION_REGISTRY, way)

    @property
    def node(self) -> tree.Call:
        return self.event.call_node

    @property
    def name(self) -> str | None:
        """The variable that it is assigned to, if its statement does just that."""
        match self.event.stmt:
            case tree.Assign(targets=(tree.Name(id=name),), value=value) if value is self.node:
                return name
            case _:
                return None


def _kinds_made(domain: Domain, event: Event) -> Iterator[Kind]:
    if event.deed is not Deed.CALLED or not isinstance(event.call.func, t.Ref | t.Item):
        return
    callee = domain.value_of(event.call.func)
    row = domain.evaluator.knowledge.type(callee.path) if isinstance(callee, Symbol) else None
    if row is not None and row.kind in {Kind.SESSION_FACTORY, Kind.SESSION_REGISTRY}:
        yield row.kind


def _arguments(call: t.Call) -> tuple[t.Term, ...]:
    return (*call.args, *(value for _, value in call.keywords))


def _way(domain: Domain, body: Body, event: Event) -> tuple[Link, ...] | FactoryExcuse:
    """The way on which the outside world comes to a factory that only its call uses; or why it is left alone."""
    evaluator, module = domain.evaluator, domain.module.summary
    function = module.functions[body.qualname]
    path = evaluator.classes.library_type(domain.value_of(event.call))
    assert isinstance(body.node, tree.Function)
    if path is None or not stands_for_itself(function, event):
        return FactoryExcuse.PERHAPS
    if not _is_settled(domain, function, event.call):
        return FactoryExcuse.GIVEN
    if is_done_once(function, body.node.body, event.node):
        return FactoryExcuse.ONCE
    acts = tuple(events_within(body, domain.module.executor.bodies))
    tracker = Tracker(evaluator, module, function, path, seed=event.call)
    if not any(act.deed is Deed.CALLED and _is_called(tracker, act.value) for act, _ in acts):
        return FactoryExcuse.UNUSED
    fate = fate_of(evaluator, module, function, event.call, Thing(path), acts)
    if fate.is_kept or not all(is_user(evaluator, each.thing) for each in fate.handed):
        return FactoryExcuse.KEPT
    return way_from_outside(evaluator, module, function) or FactoryExcuse.NOT_REACHED


def _is_called(tracker: Tracker, term: t.Term) -> bool:
    """Whether a call makes a session, or asks the factory or registry for something else."""
    if not isinstance(term, t.Call):
        return False
    receiver = term.func.base if isinstance(term.func, t.Attr) else term.func
    return tracker.carry(receiver) is Carry.IS


def _is_settled(domain: Domain, function: FunctionSummary, call: t.Call) -> bool:
    """Whether every call of the function makes it of the same things."""
    receiver = function.parameters[0].name if function.owner is not None and function.parameters else None
    for part in t.all_in(_arguments(call)):
        match part:
            case t.Param(name=name) if name != receiver:
                return False
            case t.Local() | t.Enter() | t.Star() | t.Element() | t.Opaque():
                return False
            case t.Call():
                made = alternatives(domain.evaluator.awaited(domain.value_of(part)))
                if any(_is_own(domain, each) for each in made):
                    return False
            case _:
                pass
    return True


def _is_own(domain: Domain, value: object) -> bool:
    """Whether a call opens an engine or connection of its own, or may do so, for all that is known."""
    if not isinstance(value, Instance):
        return True
    return value.origin is Origin.FRESH and domain.evaluator.classes.is_a(value, *_CONNECTING)
