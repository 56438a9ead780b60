"""The cyclic collector, switched off for as long as the process lives, in a program that has sessions.

    gc.disable()              no collection comes by itself any more; the same for `gc.set_threshold(0)`
    gc.freeze()               what is there at this moment is never collected: right once, before workers are forked,
                              and wrong again and again, when it takes along whatever is garbage by then

It is not off for good where something of the project switches it on again, or collects by itself now and then.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqla_leaklint.domain.application.callers import last_name, users
from sqla_leaklint.domain.application.starting import Step, way_from_start
from sqla_leaklint.domain.memo import Memo
from sqla_leaklint.domain.origins.provenance import Provenance
from sqla_leaklint.domain.rows.loops import Loops
from sqla_leaklint.domain.subjects import Excuse, Excused
from sqla_leaklint.domain.values import alternatives
from sqla_leaklint.knowledge.facts import Kind
from sqla_leaklint.semantic import terms as t
from sqla_leaklint.semantic.body import Body
from sqla_leaklint.semantic.events import Deed, Event
from sqla_leaklint.semantic.summary import ModuleSummary
from sqla_leaklint.syntax import tree
from sqla_leaklint.syntax.walk import walk

if TYPE_CHECKING:
    from sqla_leaklint.domain.evaluation import Evaluator
    from sqla_leaklint.domain.module import Domain

DISABLE, THRESHOLD, FREEZE = "gc.disable", "gc.set_threshold", "gc.freeze"
_ENABLE, _UNFREEZE, _COLLECT = "gc.enable", "gc.unfreeze", "gc.collect"
_SESSIONS = (
    Kind.SESSION,
    Kind.ASYNC_SESSION,
    Kind.SESSION_FACTORY,
    Kind.SESSION_REGISTRY,
    Kind.DATABASE_EXTENSION,
)
_PLATFORM = frozenset({"sys", "platform", "gc", "hasattr"})
"""What tells of the interpreter, not of how the program is to run."""


class CollectorExcuse(Excuse):
    """Why a call that touches the collector does no harm, as far as is known."""

    NOT_SURE = "it is not known to run at every start of the program: a condition, or no caller, stands before it"
    NOT_REACHED = "no request, event or task is known to come here, whatever a condition says"
    UNDONE = "the project switches it on again, or collects by itself, at another time than at its start"
    UNFROZEN = "the project calls `gc.unfreeze`"
    NO_SESSIONS = "the project is not seen to make a session"


@dataclass(frozen=True, slots=True, eq=False)
class DisabledCollector:
    """A call after which the collector frees nothing more, or not what is there; `way` leads to it."""

    node: tree.Call
    path: str
    way: tuple[Step, ...]

    @staticmethod
    def find(domain: Domain) -> Iterator[DisabledCollector]:
        """Every such call of the module, in the order of the text."""
        yield from (each for each in DisabledCollector.weighed(domain) if isinstance(each, DisabledCollector))

    @staticmethod
    def weighed(domain: Domain) -> Iterator[DisabledCollector | Excused]:
        """Every call of the module that switches the collector off, or freezes what is there."""
        for body in domain.bodies:
            for event in body.events:
                path = _path(event)
                if path in {FREEZE, DISABLE} or (path == THRESHOLD and _is_zero(event.call)):
                    found = _frozen(domain, body, event) if path == FREEZE else _off(domain, body, event, path)
                    if isinstance(found, tuple) and not uses_sessions(domain):
                        found = CollectorExcuse.NO_SESSIONS
                    if isinstance(found, tuple):
                        yield DisabledCollector(event.call_node, path, found)
                    else:
                        yield Excused(event.node, found)


def _frozen(domain: Domain, body: Body, event: Event) -> tuple[Step, ...] | CollectorExcuse:
    """The way to what freezes garbage again and again."""
    way = _way_from_outside(domain, body, event)
    if way is None:
        return CollectorExcuse.NOT_REACHED
    return CollectorExcuse.UNFROZEN if _mentions(domain, _UNFREEZE) else way


def _off(domain: Domain, body: Body, event: Event, path: str) -> tuple[Step, ...] | CollectorExcuse:
    """The way to what switches the collector off for good."""
    way = way_from_start(domain.evaluator, domain.module.summary, body, event, _is_of_platform)
    if way is None:
        return CollectorExcuse.NOT_SURE
    return CollectorExcuse.UNDONE if _is_switched_on(domain, path) or _is_collected(domain, body) else way


def is_off_in_project(domain: Domain) -> bool:
    """Whether some module of the project, tests apart, switches the collector off for good."""
    if domain.evaluator.project.root is None:
        return any(each.path != FREEZE for each in domain.subjects(DisabledCollector))
    return _OFF.of(domain.evaluator)


def _is_off(evaluator: Evaluator) -> bool:
    from sqla_leaklint.config import Settings
    from sqla_leaklint.domain.module import Domain

    for summary in evaluator.project.mentioning("gc", and_tests=False):
        module = evaluator.project.module_at(summary.path)
        if module is not None and any(
            each.path != FREEZE for each in DisabledCollector.find(Domain(module, evaluator, Settings()))
        ):
            return True
    return False


_OFF: Memo[Evaluator, bool] = Memo(_is_off)


def _path(event: Event) -> str:
    if event.deed is not Deed.CALLED or not isinstance(event.call.func, t.Ref):
        return ""
    return event.call.func.path


def _is_zero(call: t.Call) -> bool:
    first = call.args[0] if call.args else None
    return isinstance(first, t.Const) and first.value == 0


def _is_of_platform(test: tree.Expr) -> bool:
    """`if hasattr(gc, "freeze")`, `if sys.version_info >= …`: the same at every start."""
    names = [node.id for node in walk(test) if isinstance(node, tree.Name)]
    return bool(names) and _PLATFORM.issuperset(names)


def _way_from_outside(domain: Domain, body: Body, event: Event) -> tuple[Step, ...] | None:
    """How requests, events or tasks come to a call, whatever a setting says."""
    function = domain.module.summary.functions.get(body.qualname)
    if function is None or not isinstance(body.node, tree.Function):
        return None
    if any(isinstance(parent, tree.If) for parent, _, _ in Loops(body).ancestors(event.stmt)):
        return None
    trail = Provenance(domain.evaluator).call_trail(domain.module.summary, function)
    if trail is None or trail.entry is None:
        return None
    return tuple(Step(stop.module, stop.function) for stop in reversed(trail.stops))


# --- what undoes it ---------------------------------------------------------------------------------------------------


def _mentions(domain: Domain, path: str) -> bool:
    """Whether the project calls a function of the collector, or hands it to somebody who may."""
    return any(
        isinstance(part, t.Ref) and part.path == path
        for module in users(domain.evaluator, domain.module.summary, "gc")
        for _, act in module.mentions()
        if act.deed is Deed.CALLED
        for part in t.all_in([act.value])
    )


def _is_switched_on(domain: Domain, path: str) -> bool:
    if path == DISABLE:
        return _mentions(domain, _ENABLE)
    return any(
        isinstance(act.value, t.Call)
        and isinstance(act.value.func, t.Ref)
        and act.value.func.path == THRESHOLD
        and not _is_zero(act.value)
        for module in users(domain.evaluator, domain.module.summary, "gc")
        for _, act in module.mentions()
        if act.deed is Deed.CALLED
    )


def _is_collected(domain: Domain, own: Body) -> bool:
    """Whether the project collects by itself, other than once, when it starts."""
    evaluator = domain.evaluator
    for summary in users(domain.evaluator, domain.module.summary, "gc"):
        is_own = summary is domain.module.summary
        module = domain.module if is_own else evaluator.project.module_at(summary.path)
        for body in module.executor.bodies.values() if module is not None else ():
            if isinstance(body.node, tree.Module) or (is_own and body is own):
                continue
            if any(
                way_from_start(evaluator, summary, body, event, _is_of_platform) is None
                for event in body.events
                if event.deed is Deed.CALLED and _speaks_of_collection(event.call)
            ):
                return True
    return False


def _speaks_of_collection(call: t.Call) -> bool:
    return any(isinstance(part, t.Ref) and part.path == _COLLECT for part in t.all_in([call]))


# --- sessions ---------------------------------------------------------------------------------------------------------


def uses_sessions(domain: Domain) -> bool:
    """Whether the project makes sessions, or a factory of them."""
    if domain.evaluator.project.root is None:
        return _makes_sessions(domain.evaluator, domain.module.summary)
    return _USES.of(domain.evaluator)


def _does_use(evaluator: Evaluator) -> bool:
    libraries = ("sqlalchemy", "sqlmodel", "flask_sqlalchemy")
    return any(
        _makes_sessions(evaluator, module)
        for module in evaluator.project.mentioning("", and_any_of=libraries, and_tests=False)
    )


_USES: Memo[Evaluator, bool] = Memo(_does_use)


def _makes_sessions(evaluator: Evaluator, module: ModuleSummary) -> bool:
    frame = evaluator.frame(module)
    return any(
        evaluator.classes.is_a(value, *_SESSIONS)
        for _, act in module.mentions()
        if act.deed is Deed.CALLED and isinstance(act.value, t.Call) and last_name(act.value.func)
        for value in alternatives(evaluator.of(act.value, frame))
    )
