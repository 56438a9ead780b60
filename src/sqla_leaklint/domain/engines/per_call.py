"""Engines that are made for every request, event or task, and left behind with the connections of their pools.

Terms
    *way*: the functions by which the world outside comes to the one that lets go of the engine.  *Losing* function: the
    last that has the engine, or what leads to it, and neither keeps it nor hands it on.

A function that makes an engine and returns it is no concern; each of its callers is: that call makes an engine, too.
What a function returns instead (a session factory on the engine, an object that holds it) is followed to its callers.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqla_leaklint.domain.application.callers import callers
from sqla_leaklint.domain.application.dependents import dependents
from sqla_leaklint.domain.application.endpoints import method_name
from sqla_leaklint.domain.application.entries import Entry, entry_of
from sqla_leaklint.domain.application.once import asks_whether_done, is_done_once
from sqla_leaklint.domain.application.requests import Link, way_from_outside
from sqla_leaklint.domain.engines.fate import Acts, Fate, Handed, Thing, fate_of, is_user
from sqla_leaklint.domain.lifetimes.acquisition import candidates
from sqla_leaklint.domain.lifetimes.arriving import uses_of_receiver
from sqla_leaklint.domain.lifetimes.doings import Doing, Use
from sqla_leaklint.domain.lifetimes.library_openings import makes_engine
from sqla_leaklint.domain.lifetimes.opening import Opening, opening, roots_of, stands_for_itself
from sqla_leaklint.domain.lifetimes.resources import ENGINE
from sqla_leaklint.domain.lifetimes.self_opened import HARMLESS_BASES
from sqla_leaklint.domain.lifetimes.uses import acts_within, events_within
from sqla_leaklint.domain.linking.decorators import is_memoised
from sqla_leaklint.domain.subjects import Excuse, InFunction
from sqla_leaklint.domain.values import ProjectClass, ProjectFunction, Symbol
from sqla_leaklint.semantic import terms as t
from sqla_leaklint.semantic.body import Body
from sqla_leaklint.semantic.events import Deed, Event
from sqla_leaklint.semantic.summary import ClassSummary, FunctionSummary, ModuleSummary
from sqla_leaklint.syntax import tree

if TYPE_CHECKING:
    from sqla_leaklint.domain.evaluation import Evaluator
    from sqla_leaklint.domain.module import Domain

_DEEPEST = 4
"""Callers of callers that what leads to an engine is followed to."""
_RELEASING = frozenset({Doing.CLOSES, Doing.ENTERS, Doing.DEFERS})


class EngineExcuse(Excuse):
    """Why an engine that a function makes is not left behind, as far as is known."""

    PERHAPS = "it is made only where nobody has given one"
    ONCE = "it is made only as long as there is none yet"
    KEPT = "the function keeps it, disposes of it, or hands it to somebody who may"
    KEPT_ABOVE = "those who call the function keep it, dispose of it, or may do so"
    MEMOISED = "what the function gives is memoised, so that it is made once"
    HANDED_ON = "it is handed on as it is: ask where the function is called"
    OF_OBJECT = "the class that holds it is there once, or disposes of it"
    UNUSED = "nothing is seen to take a connection from it"
    NOT_REACHED = "no request, event or task is known to come here, anew each time"


@dataclass(frozen=True, slots=True, eq=False)
class SparedEngine:
    """A call that makes an engine, and why that is no concern; `kept_by` is how the function itself keeps it."""

    event: Event
    opening: Opening
    excuse: EngineExcuse
    kept_by: Use | None = None

    @property
    def node(self) -> tree.Call:
        return self.event.call_node


@dataclass(frozen=True, slots=True, eq=False)
class EnginePerCall(InFunction):
    """A call that makes an engine, with a pool of its own, which nobody keeps and nobody disposes of."""

    event: Event
    opening: Opening
    way: tuple[Link, ...]

    @staticmethod
    def find(domain: Domain) -> Iterator[EnginePerCall]:
        """Every such call of the module, in the order of the text."""
        yield from (each for each in EnginePerCall.weighed(domain) if isinstance(each, EnginePerCall))

    @staticmethod
    def weighed(domain: Domain) -> Iterator[EnginePerCall | SparedEngine]:
        """Every call in a function that makes an engine with a pool, and what becomes of that."""
        for body in domain.bodies:
            if not isinstance(body.node, tree.Function):
                continue
            for event in _candidates(domain, body):
                found = opening(domain.evaluator, event.call, domain.frame, ENGINE)
                if found is not None:
                    yield _weighed(domain, body, event, found)

    @property
    def node(self) -> tree.Call:
        return self.event.call_node

    @property
    def name(self) -> str | None:
        """The variable or attribute that the engine is assigned to, by a statement that does just that."""
        match self.event.stmt:
            case tree.Assign(targets=(tree.Name(id=name),), value=value) if value is self.node:
                return name
            case tree.Assign(targets=(tree.Attribute(value=tree.Name(id=owner), attr=name),), value=value) if (
                value is self.node
            ):
                return f"{owner}.{name}"
            case tree.AnnAssign(target=tree.Name(id=name), value=value) if value is self.node:
                return name
            case _:
                return None

    @property
    def entry(self) -> Entry | None:
        """Which call from outside makes the engine."""
        return entry_of(self.domain.evaluator, self.way[0].module, self.way[0].function)


def _candidates(domain: Domain, body: Body) -> Iterator[Event]:
    """The calls of a body that may make an engine: by their name, or by what is done with what they return."""
    wanted = {event.value for event in candidates(body, domain.evaluator.knowledge, ENGINE)}
    for event in body.events:
        if event.deed in {Deed.STORED_ATTRIBUTE, Deed.RETURNED}:
            wanted.update(roots_of(event.value))
    for event in body.events:
        if event.deed is Deed.CALLED and (event.value in wanted or _is_plain(domain, event.call)):
            yield event


def _is_plain(domain: Domain, call: t.Call) -> bool:
    return isinstance(call.func, t.Ref) and makes_engine(domain.evaluator, call.func.path)


def _weighed(domain: Domain, body: Body, event: Event, found: Opening) -> EnginePerCall | SparedEngine:
    """What becomes of an engine that a function makes."""
    module = domain.module.summary
    function = module.functions[body.qualname]
    made = domain.evaluator.classes.library_type(found.instance)
    assert isinstance(body.node, tree.Function)
    if made is None or not stands_for_itself(function, event):
        return SparedEngine(event, found, EngineExcuse.PERHAPS)
    if is_done_once(function, body.node.body, event.node):
        return SparedEngine(event, found, EngineExcuse.ONCE)
    acts = tuple(events_within(body, domain.module.executor.bodies))
    search = _Search(domain.evaluator)
    fate = fate_of(domain.evaluator, module, function, event.value, Thing(made), acts)
    lost = search.lost_by(module, function, fate, is_engine_judged_above=True)
    if isinstance(lost, EngineExcuse):
        return SparedEngine(event, found, lost, fate.kept_by)
    return EnginePerCall(domain, body, event, found, lost)


class _Search:
    """Follows what leads to an engine from function to function."""

    def __init__(self, evaluator: Evaluator) -> None:
        self.evaluator = evaluator
        self._is_used = False

    def lost_by(
        self,
        module: ModuleSummary,
        function: FunctionSummary,
        fate: Fate,
        depth: int = 0,
        *,
        is_engine_judged_above: bool,
    ) -> tuple[Link, ...] | EngineExcuse:
        """The way to the function that loses it: this one, or one that calls it; or why none does."""
        evaluator = self.evaluator
        self._is_used |= fate.is_used
        if fate.is_kept:
            return EngineExcuse.KEPT
        if is_memoised(evaluator, function.decorators, evaluator.frame(module)):
            return EngineExcuse.MEMOISED
        if depth > _DEEPEST:
            return EngineExcuse.NOT_REACHED
        if not fate.handed or all(self._is_let_go(module, function, each) for each in fate.handed):
            if not self._is_used:
                return EngineExcuse.UNUSED
            return way_from_outside(evaluator, module, function) or EngineExcuse.NOT_REACHED
        for each in fate.handed:
            is_engine = ENGINE.includes(evaluator.knowledge, each.thing.type) and not each.thing.attributes
            if each.doing is Doing.YIELDS or (is_engine and is_engine_judged_above):
                return EngineExcuse.HANDED_ON
        return self._lost_by_callers(module, function, fate, depth)

    def _is_let_go(self, module: ModuleSummary, function: FunctionSummary, handed: Handed) -> bool:
        """Whether what is handed on ends with who gets it: FastAPI, or, of a session that is yielded, anybody."""
        if handed.doing is Doing.YIELDS and is_user(self.evaluator, handed.thing) and not handed.thing.attributes:
            return True
        if entry_of(self.evaluator, module, function) is not Entry.DEPENDENCY:
            return False
        if handed.doing is Doing.HOLDS and self._is_released_by_class(module, function, handed):
            return False
        found = dependents(self.evaluator, module, function)
        return not any(each.function is not None and _disposes(each.function) for each in found)

    def _lost_by_callers(
        self, module: ModuleSummary, function: FunctionSummary, fate: Fate, depth: int
    ) -> tuple[Link, ...] | EngineExcuse:
        if any(self._is_released_by_class(module, function, each) for each in fate.handed):
            return EngineExcuse.OF_OBJECT
        excuse = EngineExcuse.NOT_REACHED
        for call in callers(self.evaluator, module, function):
            if call.call is None or call.function is None:
                continue
            if _disposes(call.function) or asks_whether_done(self.evaluator, call.module, call.function):
                excuse = EngineExcuse.KEPT_ABOVE
                continue
            acts: Acts = tuple(acts_within(call.module, call.function))
            fates = [
                fate_of(self.evaluator, call.module, call.function, call.call, each.thing, acts) for each in fate.handed
            ]
            if any(each.is_kept for each in fates):
                excuse = EngineExcuse.KEPT_ABOVE
                continue
            joined = Fate(
                is_used=any(each.is_used for each in fates),
                handed=tuple(dict.fromkeys(handed for each in fates for handed in each.handed)),
            )
            found = self.lost_by(call.module, call.function, joined, depth + 1, is_engine_judged_above=False)
            if not isinstance(found, EngineExcuse):
                return found
            excuse = found
        return excuse

    def _is_released_by_class(self, module: ModuleSummary, constructor: FunctionSummary, handed: Handed) -> bool:
        """Whether the class that holds it is kept by itself, or some method of it disposes of the engine."""
        if handed.doing is not Doing.HOLDS or constructor.owner is None:
            return False
        for base in self.evaluator.classes.line(ProjectClass(module.path, constructor.owner)):
            owner = self.evaluator.project.summary_at(base.path)
            if isinstance(base, Symbol) or owner is None:
                if not base.path.startswith(HARMLESS_BASES):
                    return True  # a class of a library may do anything
                continue
            if _is_one_for_all(owner.classes[base.qualname]):
                return True
            for method in owner.functions.values():
                if method.owner != base.qualname or method.name == "__init__":
                    continue
                receiver = ProjectFunction(base.path, method.qualname)
                uses = uses_of_receiver(self.evaluator, receiver, handed.thing.attributes, handed.thing.type)
                if _disposes(method) or any(use.doing in _RELEASING for use in uses):
                    return True
                self._is_used |= any(use.doing is Doing.RUNS_SQL for use in uses)
        return False


def _is_one_for_all(cls: ClassSummary) -> bool:
    """Whether calling a class may give the object that was made before: by `__new__`, a metaclass or a decorator."""
    metaclass = dict(cls.keywords).get("metaclass")
    is_plain = metaclass is None or (isinstance(metaclass, t.Ref) and metaclass.path == "abc.ABCMeta")
    return not is_plain or "__new__" in cls.attributes or bool(cls.decorators)


def _disposes(function: FunctionSummary) -> bool:
    """Whether a function disposes of some engine, whichever."""
    return any(
        isinstance(part, t.Attr | t.Ref) and method_name(part) == "dispose"
        for act in function.acts
        if act.deed is Deed.CALLED
        for part in t.all_in([act.value])
    )
