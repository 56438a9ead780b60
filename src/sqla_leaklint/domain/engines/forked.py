"""Engines that have connections when a process is forked, and that both processes go on using.

    engine = create_engine(URL)

    def work():                            # in the new process, whose copy of the pool holds the same sockets
        with engine.connect() as c: ...

    def main():
        with engine.begin() as c: ...      # a connection is in the pool now
        Process(target=work).start()

Nothing is said where the program chooses how processes start (`set_start_method`, `get_context`), where something in it
is done after each fork, or where the new process disposes of an engine, or is told what to do first (`initializer`).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from sqla_leaklint.domain.application.endpoints import called_names, method_name
from sqla_leaklint.domain.handed_over.handoffs import Handoff
from sqla_leaklint.domain.lifetimes.databases import database_of
from sqla_leaklint.domain.lifetimes.opening import opening
from sqla_leaklint.domain.lifetimes.resources import ENGINE
from sqla_leaklint.domain.linking.attached import place_of_term
from sqla_leaklint.domain.memo import Memo
from sqla_leaklint.domain.values import BoundMethod, Instance, ProjectFunction, alternatives
from sqla_leaklint.knowledge.facts import Executor, Kind
from sqla_leaklint.semantic import terms as t
from sqla_leaklint.semantic.events import Deed
from sqla_leaklint.semantic.questions import receiver_of
from sqla_leaklint.semantic.summary import ModuleSummary
from sqla_leaklint.syntax import tree

if TYPE_CHECKING:
    from sqla_leaklint.domain.evaluation import Evaluator
    from sqla_leaklint.domain.module import Domain

_DEEPEST = 3
"""Functions of functions of the new process that are looked into."""
_TAKING = frozenset({"connect", "begin"})
_CHOOSING = ("set_start_method", "get_context", "register_at_fork", "register_after_fork")
_TOLD = frozenset({"initializer", "mp_context"})
_DISPOSING = "dispose"

_Place: TypeAlias = tuple[str, str]
"""The module that binds an engine, by its path, and its name there."""

_CHOOSES: Memo[Evaluator, list[bool]] = Memo(lambda _: [])


@dataclass(frozen=True, slots=True, eq=False)
class ForkedEngine:
    """A call that starts a process; `used` is what has taken a connection of the engine `name` before, `child` the
    function of the new process that takes one, too.
    """

    domain: Domain
    node: tree.Call
    name: str
    used: tree.Node
    child: ProjectFunction

    @staticmethod
    def find(domain: Domain) -> Iterator[ForkedEngine]:
        """Every such call of the module, in the order of the text."""
        for handoff in domain.subjects(Handoff):
            if handoff.executor is Executor.PROCESS and handoff.callee is not None:
                child = domain.value(handoff.callee)
                if isinstance(child, ProjectFunction) and not _chooses(domain.evaluator):
                    yield from _shared(domain, handoff, child)


def _shared(domain: Domain, handoff: Handoff, child: ProjectFunction) -> Iterator[ForkedEngine]:
    evaluator = domain.evaluator
    theirs = set(_engines_of(evaluator, child, 0))
    if not theirs:
        return
    taken: dict[_Place, tree.Node] = {}
    for event in handoff.body.events:
        if event is handoff.event:
            break
        if event.deed is not Deed.CALLED:
            continue
        if not _TOLD.isdisjoint(dict(event.call.keywords)):
            return
        if method_name(event.call.func) == _DISPOSING:
            taken.clear()  # whichever engine: it may be the one that matters
        for place in _engines_taken(evaluator, event.call, domain.module.summary):
            taken[place] = event.node
    for place, node in taken.items():
        if place in theirs:
            yield ForkedEngine(domain, handoff.node, place[1], node, child)
            return


def _engines_of(evaluator: Evaluator, function: ProjectFunction, depth: int) -> Iterator[_Place]:
    """The engines that a function takes connections of, and those that it calls; none where one is disposed of."""
    summary = evaluator.classes.function(function)
    module = evaluator.project.summary_at(function.path)
    if summary is None or module is None or depth > _DEEPEST:
        return
    found: list[_Place] = []
    for act in summary.acts:
        if act.deed is not Deed.CALLED or not isinstance(act.value, t.Call):
            continue
        if method_name(act.value.func) == _DISPOSING:
            return
        found.extend(_engines_taken(evaluator, act.value, module, depth))
    yield from found


def _engines_taken(evaluator: Evaluator, call: t.Call, module: ModuleSummary, depth: int = 0) -> Iterator[_Place]:
    """The engines that a call takes connections of: by `connect`, by opening a session, in a function."""
    callees = alternatives(evaluator.of(call.func, evaluator.frame(module)))
    for callee in callees:
        match callee:
            case BoundMethod(receiver=Instance() as receiver, name=name) if name in _TAKING and evaluator.classes.is_a(
                receiver, Kind.ENGINE
            ):
                term = receiver_of(call.func)
                place = place_of_term(evaluator, term, module) if term is not None else None
                if place is not None:
                    yield from _pooling(evaluator, (place[0].path, place[1]))
            case ProjectFunction():
                yield from _engines_of(evaluator, callee, depth + 1)
            case _:
                pass
    database = database_of(evaluator, call, module)
    if database is not None:
        yield from _pooling(evaluator, database)


def _pooling(evaluator: Evaluator, place: _Place) -> Iterator[_Place]:
    """The same, if an engine is made there whose pool keeps connections."""
    module = evaluator.project.summary_at(place[0])
    term = module.bindings.get(place[1]) if module is not None else None
    made = term.value if isinstance(term, t.Declared) else term
    if module is not None and isinstance(made, t.Call) and opening(evaluator, made, evaluator.frame(module), ENGINE):
        yield place


def _chooses(evaluator: Evaluator) -> bool:
    """Whether the program chooses how its processes start, or does something after each fork."""
    known = _CHOOSES.of(evaluator)
    if not known:
        users = (user for word in _CHOOSING for user in evaluator.project.mentioning(word, and_tests=False))
        known.append(any(called_names(user).intersection(_CHOOSING) for user in users))
    return known[0]
