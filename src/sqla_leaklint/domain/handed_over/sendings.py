"""What is sent to workers in other processes: arguments of tasks, through the project's own wrappers too.

resize.delay(photo)                 # Celery, RQ, dramatiq, arq: the row of the tables says which form it takes
def enqueue(job, *args):            # a wrapper: what it is given goes on as it is
    queue.enqueue(job, *args)
def announce(order):                # none: what it sends is a key
    notify.delay(order.id)
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, TypeAlias

from sqla_leaklint.domain.application.callers import users
from sqla_leaklint.domain.application.endpoints import method_name
from sqla_leaklint.domain.handed_over.cargo import Cargo, cargo_of
from sqla_leaklint.domain.handed_over.handoffs import Handoff, handoff_row
from sqla_leaklint.domain.memo import Memo
from sqla_leaklint.domain.values import ProjectFunction, Symbol, alternatives
from sqla_leaklint.knowledge import Knowledge
from sqla_leaklint.knowledge.facts import Executor
from sqla_leaklint.knowledge.facts import Handoff as HandoffRow
from sqla_leaklint.semantic import terms as t
from sqla_leaklint.semantic.body import Body
from sqla_leaklint.semantic.events import Deed, Event
from sqla_leaklint.semantic.summary import FunctionSummary, ModuleSummary
from sqla_leaklint.syntax import tree
from sqla_leaklint.syntax.tree import ParameterKind

if TYPE_CHECKING:
    from sqla_leaklint.domain.evaluation import Evaluator, Frame
    from sqla_leaklint.domain.module import Domain

_POSITIONAL = frozenset({ParameterKind.POSITIONAL, ParameterKind.POSITIONAL_ONLY})
_COLLECTING = (ParameterKind.VAR_POSITIONAL, ParameterKind.VAR_KEYWORD)
_SHORTEST_NAME = 5
"""Shorter methods of tasks (`s`, `send`) are called on too much else to look for wrappers by them."""
_DEEPEST = 2
"""Wrappers of wrappers that are looked into."""


@dataclass(frozen=True, slots=True)
class Wrapper:
    """A function of the project that hands some of its parameters to a worker as they are."""

    function: ProjectFunction
    parameters: Mapping[str, HandoffRow]


@dataclass(frozen=True, eq=False)
class Sending:
    """A call that sends work to another process; `through` is the wrapper of the project that does it."""

    domain: Domain
    body: Body
    event: Event
    row: HandoffRow
    handoff: Handoff | None = None
    through: Wrapper | None = None

    @property
    def node(self) -> tree.Call:
        return self.event.call_node

    @property
    def callee(self) -> tree.Expr | None:
        """The argument that will be called."""
        return self.handoff.callee if self.handoff is not None else None

    @cached_property
    def arguments(self) -> tuple[tree.Argument, ...]:
        """What goes to the worker."""
        if self.handoff is not None:
            return self.handoff.arguments
        return tuple(_handed_on(self))

    @property
    def cargo(self) -> Iterator[Cargo]:
        """Everything that goes to the worker."""
        return cargo_of(self)

    @property
    def is_taught(self) -> bool:
        """Whether the program may have taught the library to send objects of its own."""
        return any(_is_called(self.domain.evaluator, switch) for switch in self.row.wire_switches)

    @staticmethod
    def find(domain: Domain) -> Iterator[Sending]:
        """Every sending of a module, in the order of the text."""
        handoffs = {each.event: each for each in domain.subjects(Handoff) if each.executor is Executor.WORKER}
        names = _wrappers(domain)
        if not handoffs and not names:
            return
        for body in domain.bodies:
            for event in body.events:
                if event.deed is not Deed.CALLED:
                    continue
                handoff = handoffs.get(event)
                if handoff is not None:
                    if not _is_run_here(body, event):
                        yield Sending(domain, body, event, handoff.row, handoff)
                elif _name(event.call.func) in names:
                    yield from _wrapped(domain, body, event, names[_name(event.call.func)])


def _wrapped(domain: Domain, body: Body, event: Event, wrappers: tuple[Wrapper, ...]) -> Iterator[Sending]:
    values = alternatives(domain.value_of(event.call.func))
    called = {(each.path, each.qualname) for each in values if isinstance(each, ProjectFunction)}
    for wrapper in wrappers:
        if (wrapper.function.path, wrapper.function.qualname) in called and isinstance(event.node, tree.Call):
            row = next(iter(wrapper.parameters.values()))
            yield Sending(domain, body, event, row, through=wrapper)
            return


def _handed_on(sending: Sending) -> Iterator[tree.Argument]:
    """The arguments of a call that its callee hands on."""
    domain, wrapper = sending.domain, sending.through
    assert wrapper is not None
    summary = domain.evaluator.classes.function(wrapper.function)
    if summary is None:
        return
    values = alternatives(domain.value_of(sending.event.call.func))
    is_bound = any(isinstance(each, ProjectFunction) and each.receiver is not None for each in values)
    taken = summary.parameters[1 if is_bound else 0 :]
    by_place = [parameter.name for parameter in taken if parameter.kind in _POSITIONAL]
    rest, others = (next((each.name for each in taken if each.kind is kind), "") for kind in _COLLECTING)
    place = 0
    for argument in sending.node.args:
        if argument.keyword is not None:
            name = argument.keyword if summary.parameter(argument.keyword) is not None else others
        else:
            name = by_place[place] if place < len(by_place) else rest
            place += 1
        if name in wrapper.parameters:
            yield argument


def _is_run_here(body: Body, event: Event) -> bool:
    """Whether a signature (`task.s(x)`) is called on the spot: then nothing is sent."""
    return any(
        other.deed is Deed.CALLED
        and (
            other.call.func is event.value
            or (
                isinstance(other.call.func, t.Attr)
                and other.call.func.base is event.value
                and other.call.func.name == "apply"
            )
        )
        for other in body.events
    )


# --- wrappers ---

_Wrappers: TypeAlias = "dict[str, tuple[Wrapper, ...]]"
_MEMO: Memo[Evaluator, dict[str, _Wrappers]] = Memo(lambda _: {})
_SWITCHES: Memo[Evaluator, dict[str, bool]] = Memo(lambda _: {})


def _wrappers(domain: Domain) -> _Wrappers:
    """The project's wrappers, by their name."""
    evaluator, own = domain.evaluator, domain.module.summary
    key = "" if evaluator.project.root is not None else own.path
    memo = _MEMO.of(evaluator)
    if key not in memo:
        found: dict[tuple[str, str], Wrapper] = {}
        words = _worker_methods(evaluator.knowledge)
        modules = [own] if key else list(users(evaluator, None, "", and_calls=words))
        for _ in range(_DEEPEST):
            known = {each.function.qualname.rpartition(".")[2] for each in found.values()}
            for module in modules:
                for function in module.functions.values():
                    handed = dict(_handing(evaluator, module, function, words, known, found))
                    if handed:
                        place = (module.path, function.qualname)
                        found[place] = Wrapper(ProjectFunction(*place), handed)
        by_name: dict[str, list[Wrapper]] = {}
        for wrapper in found.values():
            by_name.setdefault(wrapper.function.qualname.rpartition(".")[2], []).append(wrapper)
        memo[key] = {name: tuple(each) for name, each in by_name.items()}
    return memo[key]


def _handing(
    evaluator: Evaluator,
    module: ModuleSummary,
    function: FunctionSummary,
    words: frozenset[str],
    known: set[str],
    found: Mapping[tuple[str, str], Wrapper],
) -> Iterator[tuple[str, HandoffRow]]:
    """The parameters that a function hands to a worker as they are."""
    frame = evaluator.frame(module)
    for act in function.acts:
        if act.deed is not Deed.CALLED or not isinstance(act.value, t.Call):
            continue
        name = _name(act.value.func)
        given = [*act.value.args, *(value for _, value in act.value.keywords)]
        if name not in words and name not in known:
            continue
        parameters = [each for term in given for each in _parameters(term) if each.function == function.qualname]
        row = _row(evaluator, act.value, frame, found) if parameters else None
        if row is not None:
            yield from ((each.name, row) for each in parameters)


def _row(
    evaluator: Evaluator, call: t.Call, frame: Frame, found: Mapping[tuple[str, str], Wrapper]
) -> HandoffRow | None:
    row = handoff_row(evaluator, call, frame)
    if row is not None:
        return row if row.executor is Executor.WORKER else None
    for value in alternatives(evaluator.of(call.func, frame)):
        wrapper = found.get((value.path, value.qualname)) if isinstance(value, ProjectFunction) else None
        if wrapper is not None:
            return next(iter(wrapper.parameters.values()))
    return None


def _parameters(term: t.Term) -> Iterator[t.Param]:
    """The parameters that an argument is, unpacks or collects."""
    match term:
        case t.Param():
            yield term
        case t.Star() | t.Declared() if term.value is not None:
            yield from _parameters(term.value)
        case t.Collection():
            for element in term.elements:
                yield from _parameters(element)
        case _:
            pass


def _name(function: t.Term) -> str:
    if isinstance(function, t.FunctionRef):
        return function.qualname.rpartition(".")[2]
    return method_name(function)


@lru_cache(maxsize=8)
def _worker_methods(knowledge: Knowledge) -> frozenset[str]:
    rows = [row for table in knowledge.tables for row in table.handoffs if row.executor is Executor.WORKER]
    return frozenset(row.name for row in rows if len(row.name) >= _SHORTEST_NAME and row.name != "message")


def _is_called(evaluator: Evaluator, path: str) -> bool:
    """Whether the project calls a function of a library."""
    memo = _SWITCHES.of(evaluator)
    if path not in memo:
        name = path.rpartition(".")[2]
        memo[path] = any(
            act.deed is Deed.CALLED
            and isinstance(act.value, t.Call)
            and method_name(act.value.func) == name
            and evaluator.of(act.value.func, evaluator.frame(module)) == Symbol(path)
            for module in users(evaluator, None, name)
            for _, act in module.mentions()
        )
    return memo[path]
