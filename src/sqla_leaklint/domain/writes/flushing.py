"""What in a loop might flush a session: by itself, through a query, or in whatever is called."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from sqla_leaklint.domain.application.endpoints import method_name
from sqla_leaklint.domain.lifetimes.doings import Doing, Use
from sqla_leaklint.domain.lifetimes.uses import Tracker, events_within
from sqla_leaklint.domain.linking.library import unwrapped
from sqla_leaklint.domain.rows.loops import Loop, Loops
from sqla_leaklint.domain.values import BoundMethod, Instance, ProjectFunction, ProjectInstance, Statement, alternatives
from sqla_leaklint.domain.writes.autoflush import is_autoflush_off
from sqla_leaklint.knowledge import Knowledge
from sqla_leaklint.knowledge.facts import Effect, Kind
from sqla_leaklint.semantic import terms as t
from sqla_leaklint.semantic.body import Body
from sqla_leaklint.semantic.events import Deed, Event
from sqla_leaklint.semantic.summary import FunctionSummary
from sqla_leaklint.syntax import tree

if TYPE_CHECKING:
    from sqla_leaklint.domain.evaluation import Evaluator
    from sqla_leaklint.domain.module import Domain

SESSIONS = (Kind.SESSION, Kind.ASYNC_SESSION, Kind.SESSION_REGISTRY)
_DEEPEST = 3
"""Functions of the project that call each other before they are taken to flush."""
_SEEDS = (t.Param, t.Call, t.Enter, t.Await, t.Declared, t.Join, t.Local)
_LETS_GO = frozenset({Effect.FLUSHES, Effect.ENDS_TRANSACTION, Effect.RELEASES, Effect.REMOVES, Effect.BEGINS})
_SENDS = _LETS_GO | {Effect.RUNS_SQL}


class Flushes:
    """Tells for the loops of one body whether they might flush the session of a call (`session.add(…)`)."""

    def __init__(self, domain: Domain, body: Body, call: t.Call, loops: Loops) -> None:
        self._domain = domain
        self._evaluator: Evaluator = domain.evaluator
        self._body = body
        self._loops = loops
        self._uses: dict[Event, list[Use]] = {}
        base = call.func.base if isinstance(call.func, t.Attr) else None
        is_own_attribute = isinstance(base, t.Attr) and isinstance(base.base, t.Param)
        self.is_known = isinstance(call.func, t.Ref) or is_own_attribute or isinstance(base, _SEEDS)
        """Whether the session is one whose uses can be followed."""
        self._is_autoflush_off = base is not None and is_autoflush_off(self._evaluator, domain.frame, base)
        if self.is_known and base is not None:
            self._follow(call, base)

    def _follow(self, call: t.Call, base: t.Term) -> None:
        value = self._domain.value_of(call.func)
        summary = self._domain.module.summary.functions.get(self._body.qualname)
        session_type = self._evaluator.classes.library_type(value.receiver) if isinstance(value, BoundMethod) else None
        if summary is None or session_type is None:
            self.is_known = summary is None and session_type is not None  # at module level only names can be followed
            return
        module = self._domain.module.summary
        if isinstance(base, t.Attr):
            attributes = frozenset({base.name})
            tracker = Tracker(self._evaluator, module, summary, session_type, holder=base.base, attributes=attributes)
        else:
            tracker = Tracker(self._evaluator, module, summary, session_type, seed=base)
        for use in tracker.uses(events_within(self._body, self._domain.module.executor.bodies)):
            if isinstance(use.act, Event):
                self._uses.setdefault(use.act, []).append(use)

    def may_flush(self, loop: Loop) -> bool:
        """Whether something in a loop sends or lets go of what the session is given, or might."""
        is_query_harmless = self._is_autoflush_off or self._is_without_autoflush(loop)
        return any(self._may_flush(event, is_query_harmless) for event in self._loops.events_in(loop))

    def _is_without_autoflush(self, loop: Loop) -> bool:
        """Whether the loop stands in `with session.no_autoflush:`."""
        return any(
            isinstance(parent, tree.With)
            and any(
                isinstance(item.context, tree.Attribute) and item.context.attr == "no_autoflush"
                for item in parent.items
            )
            for parent, _, _ in self._loops.ancestors(loop)
        )

    def _may_flush(self, event: Event, is_query_harmless: bool) -> bool:
        for use in self._uses.get(event, ()):
            is_query = use.doing is Doing.RUNS_SQL and use.callee is None
            if use.doing in {Doing.QUEUES, Doing.LOOKS} or (is_query and is_query_harmless):
                continue  # a method that flushes by itself is looked at below
            return True
        match event.deed:
            case Deed.CALLED:
                return self._call_may_flush(event, is_query_harmless)
            case Deed.ITERATED if not is_query_harmless:
                return isinstance(unwrapped(self._domain.value_of(event.value)), Statement)
            case _:
                return False

    def _call_may_flush(self, event: Event, is_query_harmless: bool) -> bool:
        call = event.call
        name = method_name(call.func)
        knowledge = self._evaluator.knowledge
        for callee in alternatives(self._domain.value_of(call.func)):
            match callee:
                case BoundMethod(receiver=Statement() as statement):
                    is_query = knowledge.is_a(statement.type, Kind.LEGACY_QUERY)
                    if is_query and not is_query_harmless and knowledge.consumer(statement.type, name) is not None:
                        return True
                case BoundMethod(receiver=Instance() | ProjectInstance() as receiver):
                    session_type = self._evaluator.classes.library_type(receiver)
                    row = knowledge.method(session_type, name) if session_type is not None else None
                    effects = _LETS_GO if is_query_harmless else _SENDS
                    if row is not None and (row.effect in effects or name in {"merge", "merge_all"}):
                        return True
                case ProjectFunction():
                    if may_send(self._evaluator, callee):
                        return True
                case _:
                    is_of_parameter = isinstance(call.func, t.Attr) and isinstance(call.func.base, t.Param)
                    if is_of_parameter and name in sending_methods(knowledge):
                        return True
        return False


def may_send(evaluator: Evaluator, function: ProjectFunction) -> bool:
    """Whether a function, or one that it calls, calls any method by which SQL is sent, on whatever."""
    return may_call(evaluator, function, sending_methods(evaluator.knowledge))


def may_call(evaluator: Evaluator, function: ProjectFunction, names: frozenset[str], left: int = _DEEPEST) -> bool:
    """Whether a function, or one that it calls, calls a method of such a name; what cannot be looked into may."""
    summary = evaluator.classes.function(function)
    module = evaluator.project.summary_at(function.path)
    if summary is None or module is None or not left:
        return True
    frame = evaluator.frame(module)
    if _called_names(summary) & names:
        return True
    return any(
        may_call(evaluator, callee, names, left - 1)
        for act in summary.acts
        if act.deed is Deed.CALLED and isinstance(act.value, t.Call)
        for callee in alternatives(evaluator.of(act.value.func, frame))
        if isinstance(callee, ProjectFunction) and callee.qualname != function.qualname
    )


def _called_names(function: FunctionSummary) -> frozenset[str]:
    return frozenset(
        method_name(act.value.func)
        for act in function.acts
        if act.deed is Deed.CALLED
        and isinstance(act.value, t.Call)
        and not (isinstance(act.value.func, t.Ref) and act.value.func.path.startswith("builtins."))
    )


@lru_cache(maxsize=8)
def sending_methods(knowledge: Knowledge) -> frozenset[str]:
    """The names of methods that send SQL, of sessions and of queries that know their session."""
    found = {
        row.name
        for table in knowledge.tables
        for row in table.methods
        if row.effect in _SENDS
        and (knowledge.is_a(row.owner, Kind.SESSION) or knowledge.is_a(row.owner, Kind.ASYNC_SESSION))
    }
    found |= {
        row.name
        for table in knowledge.tables
        for row in table.consumers
        if knowledge.is_a(row.owner, Kind.LEGACY_QUERY)
    }
    # A dict has `get` and `update`, a text has `count`, a file has `close`.
    return frozenset(name for name in found if not name.startswith("__")) - {"get", "update", "count", "close", "begin"}


__all__ = ["SESSIONS", "Flushes", "may_call", "may_send", "sending_methods"]
