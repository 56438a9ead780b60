"""A worklist solver for questions about all paths of a graph; the lattice is the client's."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable
from typing import TypeVar

from sqla_leaklint.flow.cfg import Edge, Graph, Step

State = TypeVar("State")


def solve_forward(
    graph: Graph,
    *,
    start: Step | None = None,
    initial: State,
    flow: Callable[[Edge, State], State | None],
    join: Callable[[State, State], State],
) -> dict[Step, State]:
    """Return what holds before each step, of the steps that a state reaches.

    `flow(edge, before)` says what holds after `edge`, given what holds before its source: it is the effect of the
    source on this way out, so that a step that raises can have another effect than one that succeeds.  None says that
    the edge is not taken in that state.  `join` is the least upper bound of two states, which are compared with `==`;
    the solution is found if `flow` is monotone and no state can grow for ever.
    """
    seeds = {start or graph.entry: initial}
    return _solve(seeds, lambda step: ((edge, edge.target) for edge in graph.successors(step)), flow, join, 1)


def solve_backward(
    graph: Graph,
    *,
    at: dict[Step, State],
    flow: Callable[[Edge, State], State | None],
    join: Callable[[State, State], State],
) -> dict[Step, State]:
    """Return what holds before each step, given what holds `at` some (the exits, usually).

    `flow(edge, after)` says what holds before the source of `edge`, given what holds before its target; else as in
    `solve_forward`.
    """
    return _solve(at, lambda step: ((edge, edge.source) for edge in graph.predecessors(step)), flow, join, -1)


def _solve(
    seeds: dict[Step, State],
    neighbours: Callable[[Step], Iterable[tuple[Edge, Step]]],
    flow: Callable[[Edge, State], State | None],
    join: Callable[[State, State], State],
    direction: int,
) -> dict[Step, State]:
    # Steps are numbered in the order of the text, so the lowest number first (the highest, backward) mostly visits a
    # step after those that it depends on, and always in the same order.
    states = dict(seeds)
    waiting = {step.index * direction: step for step in states}
    queue = sorted(waiting)
    while queue:
        step = waiting.pop(heapq.heappop(queue))
        for edge, neighbour in neighbours(step):
            arriving = flow(edge, states[step])
            if arriving is None:
                continue
            if neighbour in states:
                arriving = join(states[neighbour], arriving)
                if arriving == states[neighbour]:
                    continue
            states[neighbour] = arriving
            key = neighbour.index * direction
            if key not in waiting:
                waiting[key] = neighbour
                heapq.heappush(queue, key)
    return states
