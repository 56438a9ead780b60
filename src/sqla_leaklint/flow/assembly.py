"""A graph under construction: steps, loose ends, and the frames that a departing completion has to pass."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from sqla_leaklint.flow.cfg import EXCEPTIONAL, Completion, Edge, EdgeKind, Graph, Step, StepKind
from sqla_leaklint.flow.evaluation import subexpressions
from sqla_leaklint.flow.exceptions import Policy
from sqla_leaklint.syntax import tree


class Loose(NamedTuple):
    """An edge that does not lead anywhere yet."""

    source: Step
    kind: EdgeKind


Frontier = list[Loose]

INTERCEPTS_LOOP = frozenset({Completion.BREAK, Completion.CONTINUE})
INTERCEPTS_HANDLERS = EXCEPTIONAL
INTERCEPTS_CLEANUP = frozenset(Completion) - {Completion.NORMAL}


@dataclass(slots=True)
class Frame:
    """An enclosing statement that stops some completions on their way out; they wait here until its body is built."""

    intercepts: frozenset[Completion]
    pending: dict[Completion, Frontier] = field(default_factory=dict)

    def taken(self, completion: Completion) -> Frontier:
        return self.pending.get(completion, [])


class Assembler:
    """Adds steps at `frontier`, the loose ends of what was built last; an empty frontier is unreachable code."""

    def __init__(self, root: tree.Node, policy: Policy, *, is_async: bool) -> None:
        self.policy = policy
        self.is_async = is_async
        self.frontier: Frontier = []
        self.frames: list[Frame] = []
        self.evaluated: set[tree.Node] = set()  # expressions that have steps of their own within their statement
        self.everything_raises = False
        self.completion: Completion | None = None  # of the steps that are added, unless they say otherwise
        self.steps: list[Step] = []
        self._outgoing: list[list[Edge]] = []
        entry = self.add(StepKind.ENTRY, root)
        self.exit = self._exit(StepKind.EXIT, root)
        self.raise_exit = self._exit(StepKind.RAISE_EXIT, root)
        self.cancel_exit = self._exit(StepKind.CANCEL_EXIT, root)
        self.close_exit = self._exit(StepKind.CLOSE_EXIT, root)
        self.frontier = [Loose(entry, EdgeKind.NORMAL)]

    def _exit(self, kind: StepKind, root: tree.Node) -> Step:
        self.frontier = []
        return self.add(kind, root)

    def add(self, kind: StepKind, node: tree.Node, completion: Completion | None = None) -> Step:
        """Add a step at the frontier and leave it as the frontier."""
        step = Step(len(self.steps), kind, node, completion or self.completion)
        self.steps.append(step)
        self._outgoing.append([])
        self.connect(self.frontier, step)
        self.frontier = [Loose(step, EdgeKind.NORMAL)]
        return step

    def connect(self, loose_ends: Iterable[Loose], target: Step, *, is_back: bool = False) -> None:
        for source, kind in loose_ends:
            edge = Edge(source, target, kind, is_back)
            if edge not in self._outgoing[source.index]:
                self._outgoing[source.index].append(edge)

    def depart(self, completion: Completion, loose_ends: Frontier) -> None:
        """Send loose ends outward, to the innermost frame that stops such a completion, or out of the function."""
        if not loose_ends:
            return
        for frame in reversed(self.frames):
            if completion in frame.intercepts:
                frame.pending.setdefault(completion, []).extend(loose_ends)
                return
        match completion:
            case Completion.RETURN:
                self.connect(loose_ends, self.exit)
            case Completion.EXCEPTION | Completion.INTERRUPT:
                self.connect(loose_ends, self.raise_exit)
            case Completion.CANCELLATION:
                self.connect(loose_ends, self.cancel_exit)
            case Completion.GENERATOR_EXIT:
                self.connect(loose_ends, self.close_exit)
            case _:
                pass  # `break` outside of a loop: no program

    def depart_from(self, step: Step, completion: Completion) -> None:
        self.depart(completion, [Loose(step, completion.edge_kind)])

    def may_raise(self, step: Step, *evaluates: tree.Expr, acts: bool = True) -> None:
        """Give the step its exceptional edge if what it evaluates, or (if it `acts`) its node itself, may raise."""
        if (
            self.everything_raises
            or (acts and self.policy.may_raise(step.node))
            or any(map(self.policy.may_raise, subexpressions(*evaluates, outside=self.evaluated)))
        ):
            self.depart_from(step, Completion.EXCEPTION)

    def graph(self) -> Graph:
        return Graph(
            steps=tuple(self.steps),
            exit=self.exit,
            raise_exit=self.raise_exit,
            cancel_exit=self.cancel_exit,
            close_exit=self.close_exit,
            outgoing=tuple(map(tuple, self._outgoing)),
        )
