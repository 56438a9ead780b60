"""Sessions that live as long as the process, and that its functions share.

What keeps one says `kept`, which object has it `held`, who uses it `sharing`, who comes to these functions `process`.
A long-lived session is one that the world outside is served with: some request, event or task comes to a function that
uses it and does not close it.  Where nobody is known to come to any of them, the module has to be one that others
import, and no script.

    class Mailbox:
        def __init__(self):
            self.db = SessionLocal()        # held: opened by the constructor
        def unread(self):
            return self.db.scalars(…)       # shared: uses it, and leaves it open

    mailbox = Mailbox()                     # kept: by a module

    @app.get("/unread")
    def read():                             # the world outside
        return mailbox.unread()
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqla_leaklint.domain.application.callers import callers, calls_naming
from sqla_leaklint.domain.application.endpoints import decorations, method_name
from sqla_leaklint.domain.application.program import imports
from sqla_leaklint.domain.lifetimes.by_hand import NEXT, generator_taken_from, own_session_of
from sqla_leaklint.domain.lifetimes.conditions import asks_for
from sqla_leaklint.domain.lifetimes.doings import Doing
from sqla_leaklint.domain.lifetimes.holdings import Held, held_sessions, is_constructing
from sqla_leaklint.domain.lifetimes.kept import Keeper, Kept, kept_calls, main_guards
from sqla_leaklint.domain.lifetimes.opening import Opening
from sqla_leaklint.domain.lifetimes.process import Reach, reach_of
from sqla_leaklint.domain.lifetimes.sharing import SharedUse, shared_uses
from sqla_leaklint.domain.origins.provenance import Trail
from sqla_leaklint.domain.values import ProjectFunction, alternatives
from sqla_leaklint.knowledge.facts import Decoration, Kind
from sqla_leaklint.semantic import terms as t
from sqla_leaklint.semantic.body import Body
from sqla_leaklint.semantic.summary import FunctionSummary, ModuleSummary
from sqla_leaklint.syntax import tree

if TYPE_CHECKING:
    from sqla_leaklint.domain.module import Domain

_LEAVING_BLOCK = frozenset({"__exit__", "__aexit__"})
_ENDING_OBJECT = frozenset({"__init__", "__new__", "__del__"})


@dataclass(frozen=True, slots=True, eq=False)
class LongLivedSession:
    """A session that the process keeps: the call that makes what is kept, and the use that shows that it is shared.

    `trail` leads from the using function to the one that the world outside calls; None where that is not known.
    """

    domain: Domain
    kept: Kept
    held: Held
    node: tree.Call
    user: SharedUse
    trail: Trail | None

    @staticmethod
    def find(domain: Domain) -> Iterator[LongLivedSession]:
        """Every such session of the module, in the order of the text."""
        if domain.evaluator.project.is_test(domain.module.path):
            return
        found = (_Judgement(domain, kept, held).verdict() for kept, held in _candidates(domain))
        seen: dict[tree.Node, LongLivedSession] = {}
        for each in found:
            if each is not None:
                seen.setdefault(each.node, each)
        yield from seen.values()

    @property
    def is_async(self) -> bool:
        return self.held.opening.is_async

    @property
    def is_direct(self) -> bool:
        """Whether the session itself is kept, rather than an object that has it."""
        return self.held.holder is None


def _candidates(domain: Domain) -> Iterator[tuple[Kept, Held]]:
    for kept in kept_calls(domain):
        taken = _taken(domain, kept)
        if taken is not None:
            yield kept, taken
            continue
        for held in held_sessions(domain.evaluator, kept.call, domain.frame):
            yield kept, held


def _taken(domain: Domain, kept: Kept) -> Held | None:
    """`session = next(get_db())` of a module: the generator is gone at once, the session opens again and stays."""
    if kept.storing is not None or kept.keeper not in {Keeper.MODULE, Keeper.CLASS}:
        return None
    if method_name(kept.call.func) not in NEXT:
        return None
    event = domain.event_of(kept.call)
    generator = generator_taken_from(event) if event is not None else None
    found = own_session_of(domain, generator) if generator is not None else None
    if found is None:
        return None
    provider, session = found
    is_async = domain.evaluator.classes.is_a(session, Kind.ASYNC_SESSION)
    return Held(Opening(session, provider, is_async), kept.call, domain.module.summary)


class _Judgement:
    """Decides of one session that is kept."""

    def __init__(self, domain: Domain, kept: Kept, held: Held) -> None:
        self.domain = domain
        self.evaluator = domain.evaluator
        self.kept = kept
        self.held = held

    def verdict(self) -> LongLivedSession | None:
        """The long-lived session that it is, if it is one."""
        uses = list(shared_uses(self.domain, self.kept, self.held))
        leaving = [use for use in uses if use.function is not None and use.consumes and not use.releases]
        leaving = [use for use in leaving if use.function and use.function.name not in _ENDING_OBJECT]
        leaving.sort(key=lambda use: Doing.RUNS_SQL not in use.doings)  # an accessor only if nothing else is known
        event = self.domain.event_of(self.kept.call) if leaving else None
        if event is None or not isinstance(event.node, tree.Call) or self._is_renewed() or self._locks(leaving):
            return None
        if any(use.releases and self._is_closed_between(use) for use in uses):
            return None
        found = self._shared(uses, leaving)
        return LongLivedSession(self.domain, self.kept, self.held, event.node, *found) if found is not None else None

    def _shared(self, uses: list[SharedUse], leaving: list[SharedUse]) -> tuple[SharedUse, Trail | None] | None:
        """A use that the world outside comes to; where nobody is known to come to any, one that somebody may."""
        if self._is_always_given():
            return None
        unknown: SharedUse | None = None
        is_script = any(use.function is None for use in uses)
        for use in leaving:
            assert use.function is not None
            reach, trail = reach_of(self.evaluator, use.module, use.function)
            if reach is Reach.OUTSIDE:
                return use, trail
            if reach is Reach.ONCE:
                is_script = True
            else:
                unknown = unknown or use
        if unknown is None or is_script or not self._is_imported():
            return None
        return unknown, None

    def _is_always_given(self) -> bool:
        """Whether whoever calls a function with that default brings a session of his own."""
        function = self.domain.module.summary.functions.get(self.kept.owner)
        if self.kept.keeper is not Keeper.DEFAULT or function is None:
            return False
        calls = list(callers(self.evaluator, self.domain.module.summary, function))
        return bool(calls) and all(self.kept.name in call.arguments for call in calls)

    # --- it is closed, or made anew, between two uses ---

    def _is_closed_between(self, use: SharedUse) -> bool:
        """Whether a function that closes it is run between uses, not at the end of the process."""
        if use.function is None:
            return False
        if use.function.name in _LEAVING_BLOCK or self._ends_request(use):
            return True
        return self._may_be_called(use.module, use.function) and (
            reach_of(self.evaluator, use.module, use.function)[0] is Reach.OUTSIDE
        )

    def _may_be_called(self, module: ModuleSummary, function: FunctionSummary) -> bool:
        """Cheaply: whether a module that names what is kept, or its class, calls the function.

        Every second module has something to `close()`; not all of them are to be read for it.
        """
        if self.held.holder is None or function.decorators or self.evaluator.project.root is None:
            return True
        wanted = (module.path, function.qualname)
        names = (self.kept.name, self.held.holder.name)
        return any(
            isinstance(value, ProjectFunction) and (value.path, value.qualname) == wanted
            for user in self.evaluator.project.mentioning(function.name, and_any_of=names)
            for caller, call in calls_naming(user).get(function.name, ())
            if caller is not function
            for value in alternatives(self.evaluator.of(call.func, self.evaluator.frame(user)))
        )

    def _ends_request(self, use: SharedUse) -> bool:
        assert use.function is not None
        return bool(use.function.decorators) and Decoration.TEARDOWN in decorations(
            self.evaluator, use.module, use.function
        )

    def _is_renewed(self) -> bool:
        """Whether it is opened again and again: by a function that the world outside comes to, whatever is there."""
        if self.kept.storing is not None and self._stores_each_time(
            self.domain.module.summary, self.kept.storing, self.kept.name
        ):
            return True
        held = self.held
        if held.holder is None or is_constructing(held) or held.opened_in is None:
            return False
        if held.opened_in.name == held.attribute:
            return False  # a cached property
        module = self.evaluator.project.module_at(held.module.path)
        own = self.domain.module if held.module.path == self.domain.module.path else module
        body = own.executor.bodies.get(held.opened_in.qualname) if own is not None else None
        return body is None or self._stores_each_time(held.module, body, held.attribute)

    def _stores_each_time(self, module: ModuleSummary, body: Body, name: str) -> bool:
        if not isinstance(body.node, tree.Function) or asks_for(body.node, name):
            return False
        function = module.functions.get(body.qualname)
        if function is None or reach_of(self.evaluator, module, function)[0] is Reach.OUTSIDE:
            return True
        is_of_object = function.owner is not None and self.held.opened_in is function
        return is_of_object and not any(
            call.function is not None and call.function.name == "__init__"
            for call in callers(self.evaluator, module, function)
        )

    # --- what it is for ---

    def _locks(self, uses: list[SharedUse]) -> bool:
        """Whether it is held for an advisory lock, which lasts as long as its session."""
        return any(
            "advisory" in _text_of(part)
            for use in uses
            if use.function is not None
            for part in t.all_in(act.value for act in use.function.acts)
        )

    def _is_imported(self) -> bool:
        """Whether another module imports what keeps it, and its own is no script."""
        own = self.domain.module.summary
        if any(True for _ in main_guards(self.domain.module.parsed.tree)):
            return False
        if self.evaluator.project.root is None:
            return False
        name = own.name.rpartition(".")[2]
        users = self.evaluator.project.mentioning(name, and_tests=False)
        return any(imports(user, own.name) for user in users if user is not own)


def _text_of(term: t.Term) -> str:
    """The text of a constant, or the last name of a path."""
    if isinstance(term, t.Const):
        return term.value if isinstance(term.value, str) else ""
    return method_name(term)
