"""Paths: what a function still holds where it is left, asked of its control-flow graph."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property

from sqla_leaklint.domain.lifetimes.doings import Doing, Use
from sqla_leaklint.flow import Edge, EdgeKind, Graph, Step, StepKind, build_cfg, may_raise, solve_forward
from sqla_leaklint.flow.evaluation import evaluated_by, subexpressions
from sqla_leaklint.flow.exceptions import statements_within
from sqla_leaklint.semantic.events import Event
from sqla_leaklint.syntax import tree

UNASKED = frozenset({EdgeKind.CANCELLATION, EdgeKind.GENERATOR_EXIT, EdgeKind.INTERRUPT})


@dataclass(frozen=True, eq=False)
class Course:
    """The uses of one session along the paths of a function, from the call that opens it, or from its beginning.

    At every step the session either *holds* a connection or does not: it takes one by the first SQL and gives it back
    when it is closed or its transaction ends.  `may_raise` is what the graph is built with.
    """

    function: tree.Function
    opened_by: tree.Call | None
    uses: tuple[Use, ...]
    may_raise: Callable[[tree.Node], bool] = may_raise

    @cached_property
    def graph(self) -> Graph:
        return build_cfg(self.function, may_raise=self.may_raise)

    @cached_property
    def start(self) -> Step | None:
        """The step that opens it; where it was there before, the first one."""
        if self.opened_by is None:
            return self.graph.entry
        return next((step for step in self.graph.steps if any(node is self.opened_by for node in nodes_of(step))), None)

    @cached_property
    def _by_step(self) -> dict[Step, list[Use]]:
        """The uses of each step: those of the expressions that it evaluates, and of the context that it leaves."""
        by_node: dict[tree.Node, list[tuple[int, Use]]] = {}
        for place, use in enumerate(self.uses):
            if isinstance(use.act, Event):
                by_node.setdefault(use.act.node, []).append((place, use))
        found: dict[Step, list[Use]] = {}
        for step in self.graph.steps:
            uses = dict(each for node in nodes_of(step) for each in by_node.get(node, ()))
            if uses:
                found[step] = [uses[place] for place in sorted(uses)]  # as they are evaluated
        return found

    def is_off_course(self, use: Use) -> bool:
        """Whether something is done in a nested function, or where no path leads: nobody can say when."""
        return not any(use in uses for uses in self._by_step.values())

    def uses_at(self, step: Step) -> list[Use]:
        return self._by_step.get(step, [])

    def holding(self) -> dict[Step, bool]:
        """Before each step that can follow the opening without cancellation: whether a connection is held."""
        if self.start is None:
            return {}
        return solve_forward(
            self.graph, start=self.start, initial=False, flow=self._flow, join=lambda one, other: one or other
        )

    def _flow(self, edge: Edge, held: bool) -> bool | None:
        if edge.kind in UNASKED:
            return None
        return after(self.uses_at(edge.source), edge, held)

    def leaves_holding(self) -> tuple[Step, ...]:
        """The last steps of the ways on which the function returns with a connection in hand."""
        held = self.holding()
        return tuple(
            edge.source
            for edge in self.graph.predecessors(self.graph.exit)
            if edge.source in held and self._flow(edge, held[edge.source])
        )


def is_closed_in(step: Step, use: Use) -> bool:
    """Whether it is closed by a use in that step: at once, or as its `with` block is left."""
    return use.doing is Doing.CLOSES or (use.doing is Doing.ENTERS and step.kind is StepKind.WITH_EXIT)


def after(uses: Iterable[Use], edge: Edge, held: bool) -> bool:
    """Whether a connection is held after a step, on one of its ways out."""
    for use in uses:
        if use.doing is Doing.TRANSACTS:
            held = held if edge.source.kind is not StepKind.WITH_EXIT else False
        elif use.doing in {Doing.RUNS_SQL, Doing.YIELDS}:  # who is given it runs SQL
            held = True
        elif use.doing is Doing.ENDS_TRANSACTION or is_closed_in(edge.source, use):
            held = False
    return held


def nodes_of(step: Step) -> Iterator[tree.Node]:
    """The nodes whose evaluation a step stands for; an operand that has its own step counts in both, harmlessly."""
    node = step.node
    yield node
    match node:
        case tree.WithItem():
            if step.kind is StepKind.WITH_ENTER:
                yield from _evaluating(node.context)
        case tree.For():
            if step.kind is StepKind.ITERATOR:
                yield from _evaluating(node.iter)
        case tree.If() | tree.While() | tree.With() | tree.Try() | tree.Function() | tree.Class() | tree.Match():
            if step.kind is StepKind.SUBJECT and isinstance(node, tree.Match):
                yield from _evaluating(node.subject)
        case tree.Stmt():
            yield from _evaluating(*evaluated_by(node))
        case tree.Expr():
            yield from _evaluating(node)
        case _:
            pass


def _evaluating(*roots: tree.Expr) -> Iterator[tree.Node]:
    """Some expressions with all that is evaluated with them: the loops of comprehensions, too."""
    for expr in subexpressions(*roots):
        yield expr
        if isinstance(expr, tree.Comprehension):
            yield from expr.generators


def releasing_tests(
    function: tree.Function,
    releases: Collection[tree.Node],
    outside: Collection[tree.Node],
    *,
    only_flags: bool = False,
) -> frozenset[tree.Node]:
    """The conditions of an `if` that closes it on one side: `if owned: session.close()` is as right as `owned`.

    An `if` that also holds one of `outside` is none of these; with `only_flags` neither is one that closes it just to
    leave: there the other side has to close it as well.
    """
    found: set[tree.Node] = set()
    for stmt in statements_within(function.body):
        if not isinstance(stmt, tree.If):
            continue
        if only_flags and any(part and isinstance(part[-1], _LEAVING) for part in (stmt.body, stmt.orelse)):
            continue
        inner = {
            node for part in (stmt.body, stmt.orelse) for each in statements_within(part) for node in _evaluated(each)
        }
        if any(node in inner for node in releases) and not any(node in inner for node in outside):
            found.update(subexpressions(stmt.test))
    return frozenset(found)


_LEAVING = (tree.Return, tree.Raise, tree.Continue, tree.Break)


def _evaluated(stmt: tree.Stmt) -> Iterator[tree.Node]:
    yield from nodes_of(Step(0, StepKind.STATEMENT, stmt))
    if isinstance(stmt, tree.With):
        yield from stmt.items
