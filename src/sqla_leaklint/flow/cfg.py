"""The control-flow graph of one body: steps, the edges between them, and what can be reached from where."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field
from enum import Enum

from sqla_leaklint.syntax import tree


class StepKind(Enum):
    """What happens in a step; in brackets, the tree node that it carries."""

    ENTRY = "entry"  # the body begins [the function, lambda or module]
    STATEMENT = "statement"  # a simple statement, nested `def` or `class` [the statement], a lambda's body [Expr]
    TEST = "test"  # the truth of an operand of a condition is asked for [the expression, without `not`, `and`, `or`]
    ITERATOR = "iterator"  # the iterable of a loop is evaluated [For]
    NEXT = "next"  # the next item is asked for and bound: TRUE = there is one, FALSE = exhausted [For, CompFor]
    WITH_ENTER = "with enter"  # the context is evaluated and entered, a plain name bound [WithItem]
    WITH_BIND = "with bind"  # the result is bound to a target that is no plain name [WithItem]
    WITH_EXIT = "with exit"  # the context is left; there is one such step for every `Completion` [WithItem]
    HANDLER = "handler"  # does this handler take the exception? TRUE = yes, and its body begins [ExceptHandler]
    SUBJECT = "subject"  # the subject of a `match` is evaluated [Match]
    CASE = "case"  # does this pattern match? [MatchCase]
    AWAIT = "await"  # an operand is evaluated and awaited [Await]
    YIELD = "yield"  # a value is handed out, the function sleeps and is woken up [Yield]
    RESUME = "resume"  # the end of a `finally` block or of `except*`: what was interrupted goes on [Try]
    EXIT = "exit"  # the function returned [the function …], as in the following
    RAISE_EXIT = "raise exit"  # an exception left the function
    CANCEL_EXIT = "cancel exit"  # a cancellation left the function
    CLOSE_EXIT = "close exit"  # the generator was closed: GeneratorExit left it


class EdgeKind(Enum):
    """Why control goes from one step to the next."""

    NORMAL = "normal"
    TRUE = "true"
    FALSE = "false"
    JUMP = "jump"  # return, break or continue
    EXCEPTION = "exception"  # the step raised, or passes on, an `Exception`
    CANCELLATION = "cancellation"  # the task was cancelled in this await
    GENERATOR_EXIT = "generator exit"  # the generator was closed at this yield
    INTERRUPT = "interrupt"  # SystemExit, KeyboardInterrupt: only where the text raises it


class Completion(Enum):
    """How the execution of a block ended, and so what goes on after the `finally` or `__exit__` that guards it."""

    NORMAL = "normal"
    RETURN = "return"
    BREAK = "break"
    CONTINUE = "continue"
    EXCEPTION = "exception"
    CANCELLATION = "cancellation"
    GENERATOR_EXIT = "generator exit"
    INTERRUPT = "interrupt"

    @property
    def is_exceptional(self) -> bool:
        return self in EXCEPTIONAL

    @property
    def edge_kind(self) -> EdgeKind:
        """The kind of the edge on which this completion goes on."""
        if self is Completion.NORMAL:
            return EdgeKind.NORMAL
        return EdgeKind(self.value) if self.is_exceptional else EdgeKind.JUMP


EXCEPTIONAL = frozenset(
    {Completion.EXCEPTION, Completion.CANCELLATION, Completion.GENERATOR_EXIT, Completion.INTERRUPT}
)
_EXCEPTIONAL_EDGES = frozenset(EdgeKind(completion.value) for completion in EXCEPTIONAL)


@dataclass(frozen=True, slots=True, eq=False)
class Step:
    """One unit of execution.

    A block that is guarded by `finally` or `with` is left in several ways; the steps of the `finally` block, and the
    WITH_EXIT, exist once for each way, and `completion` says which; in nested ones it is the innermost's.  In a HANDLER
    it is the kind of exception that arrives.  It is None in other steps, and where the ways share one copy.
    """

    index: int
    kind: StepKind
    node: tree.Node
    completion: Completion | None = None

    def __repr__(self) -> str:
        return f"<Step {self.index} {self.kind.value} {type(self.node).__name__}>"


@dataclass(frozen=True, slots=True)
class Edge:
    source: Step
    target: Step
    kind: EdgeKind
    is_back: bool = False  # back to the head of a loop

    @property
    def is_exceptional(self) -> bool:
        return self.kind in _EXCEPTIONAL_EDGES


def _nowhere(_: Edge) -> bool:
    return False


@dataclass(frozen=True, slots=True, eq=False)
class Graph:
    """The control flow of one body; every step but the four exits can be reached from `entry`."""

    steps: tuple[Step, ...]
    exit: Step
    raise_exit: Step
    cancel_exit: Step
    close_exit: Step
    outgoing: tuple[tuple[Edge, ...], ...] = field(repr=False)
    _incoming: list[tuple[Edge, ...]] = field(default_factory=list, init=False, repr=False)
    _by_node: dict[tree.Node, tuple[Step, ...]] = field(default_factory=dict, init=False, repr=False)

    @property
    def entry(self) -> Step:
        return self.steps[0]

    @property
    def exits(self) -> tuple[Step, ...]:
        return (self.exit, self.raise_exit, self.cancel_exit, self.close_exit)

    def successors(self, step: Step) -> tuple[Edge, ...]:
        return self.outgoing[step.index]

    def predecessors(self, step: Step) -> tuple[Edge, ...]:
        if not self._incoming:
            incoming: list[list[Edge]] = [[] for _ in self.steps]
            for edges in self.outgoing:
                for edge in edges:
                    incoming[edge.target.index].append(edge)
            self._incoming.extend(map(tuple, incoming))
        return self._incoming[step.index]

    def steps_of(self, node: tree.Node) -> tuple[Step, ...]:
        """Return the steps that carry `node`: none if it is never reached, several in a `finally` block."""
        if not self._by_node:
            by_node: dict[tree.Node, list[Step]] = {}
            for step in self.steps:
                by_node.setdefault(step.node, []).append(step)
            self._by_node.update((key, tuple(steps)) for key, steps in by_node.items())
        return self._by_node.get(node, ())

    def reachable(self, start: Step | Iterable[Step], avoiding: Callable[[Edge], bool] = _nowhere) -> frozenset[Step]:
        """Return the steps that can follow `start` over edges that are not to be avoided.

        `start` itself belongs to them only if it can be reached again.
        """
        waiting = [start] if isinstance(start, Step) else list(start)
        found: set[Step] = set()
        while waiting:
            for edge in self.outgoing[waiting.pop().index]:
                if edge.target not in found and not avoiding(edge):
                    found.add(edge.target)
                    waiting.append(edge.target)
        return frozenset(found)

    def path(
        self, start: Step, goals: Step | Collection[Step], avoiding: Callable[[Edge], bool] = _nowhere
    ) -> tuple[Edge, ...] | None:
        """Return the shortest way from `start` to the nearest of `goals`, of at least one edge; None if there is none.

        Of several ways that are equally short the same one is always chosen.
        """
        wanted = (goals,) if isinstance(goals, Step) else goals
        arrival: dict[Step, Edge] = {}
        waiting = deque([start])
        while waiting:
            for edge in self.outgoing[waiting.popleft().index]:
                if edge.target in arrival or avoiding(edge):
                    continue
                arrival[edge.target] = edge
                if edge.target in wanted:
                    return _trace_back(arrival, start, edge)
                waiting.append(edge.target)
        return None


def _trace_back(arrival: dict[Step, Edge], start: Step, last: Edge) -> tuple[Edge, ...]:
    edges = [last]
    while edges[-1].source is not start:
        edges.append(arrival[edges[-1].source])
    return tuple(reversed(edges))
