"""What the steps of a function do to the entities in its variables, in the order in which they are evaluated."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from sqla_leaklint.flow import Graph, Step, StepKind
from sqla_leaklint.flow.evaluation import evaluated_by, operands
from sqla_leaklint.syntax import tree


@dataclass(frozen=True, slots=True, eq=False)
class Called:
    """A call has returned; `is_awaited` tells whether what it gave was awaited."""

    node: tree.Call
    is_awaited: bool


@dataclass(frozen=True, slots=True, eq=False)
class Read:
    """An attribute is read of what a variable, or an element of one, holds."""

    node: tree.Attribute


@dataclass(frozen=True, slots=True, eq=False)
class Written:
    """An attribute of what a variable holds is assigned."""

    node: tree.Attribute


@dataclass(frozen=True, slots=True, eq=False)
class Bound:
    """A name, or a loop that runs over something without a name, is bound to a value (None: one that is not asked)."""

    holder: str | tree.For
    value: tree.Expr | None


@dataclass(frozen=True, slots=True, eq=False)
class Returned:
    node: tree.Return


@dataclass(frozen=True, slots=True, eq=False)
class Left:
    """A `with` block is left; by an exception, or not."""

    item: tree.WithItem
    is_exceptional: bool


@dataclass(frozen=True, slots=True, eq=False)
class Suspended:
    """A generator hands something out: whoever gets it may do anything."""


Action = Called | Read | Written | Bound | Returned | Left | Suspended


def actions_of(graph: Graph, step: Step) -> tuple[Action, ...]:
    """The actions of a step that is no turn of a loop."""
    return tuple(_actions(graph, step))


def _actions(graph: Graph, step: Step) -> Iterator[Action]:
    node = step.node
    match step.kind:
        case StepKind.WITH_EXIT if isinstance(node, tree.WithItem):
            yield Left(node, step.completion is not None and step.completion.is_exceptional)
        case StepKind.WITH_ENTER if isinstance(node, tree.WithItem):
            yield from _evaluated(graph, step, node.context)
            if node.target is not None:
                yield from _bound(graph, step, node.target, None)
        case StepKind.ITERATOR if isinstance(node, tree.For):
            yield from _evaluated(graph, step, node.iter)
            yield Bound(node, node.iter)
        case StepKind.SUBJECT if isinstance(node, tree.Match):
            yield from _evaluated(graph, step, node.subject)
        case StepKind.YIELD:
            yield Suspended()
        case StepKind.STATEMENT | StepKind.TEST | StepKind.AWAIT:
            yield from _statement(graph, step, node)
        case _:
            pass


def _statement(graph: Graph, step: Step, node: tree.Node) -> Iterator[Action]:
    match node:
        case tree.Expr():
            yield from _evaluated(graph, step, node)
        case tree.Assign():
            yield from _evaluated(graph, step, node.value)
            for target in node.targets:
                yield from _bound(graph, step, target, node.value)
        case tree.AnnAssign() if node.value is not None:
            yield from _evaluated(graph, step, node.value)
            yield from _bound(graph, step, node.target, node.value)
        case tree.AugAssign():
            yield from _evaluated(graph, step, node.target)
            yield from _evaluated(graph, step, node.value)
            yield from _bound(graph, step, node.target, None)
        case tree.Delete():
            for target in node.targets:
                yield from _bound(graph, step, target, None)
        case tree.Function() | tree.Class():
            yield Bound(node.name, None)
        case tree.Return():
            if node.value is not None:
                yield from _evaluated(graph, step, node.value)
            yield Returned(node)
        case tree.Stmt():
            for root in evaluated_by(node):
                yield from _evaluated(graph, step, root)
        case _:
            pass


def _bound(graph: Graph, step: Step, target: tree.Expr, value: tree.Expr | None) -> Iterator[Action]:
    """What an assignment does to its target."""
    match target:
        case tree.Name(id=name):
            yield Bound(name, value)
        case tree.Attribute():
            yield from _evaluated(graph, step, target.value)
            yield Written(target)
        case tree.Display():
            for each in target.elements:
                yield from _bound(graph, step, each, None)
        case tree.Starred():
            yield from _bound(graph, step, target.value, None)
        case _:
            yield from _evaluated(graph, step, target)


def _evaluated(graph: Graph, step: Step, root: tree.Expr) -> Iterator[Action]:
    """The actions of an expression, operands first; what has a step of its own is over by then."""
    found: list[tree.Expr] = []
    waiting = [root]
    awaited: set[tree.Expr] = set()
    while waiting:
        expr = waiting.pop()
        if expr is not step.node and isinstance(expr, tree.Await | tree.Yield) and graph.steps_of(expr):
            continue
        found.append(expr)
        if isinstance(expr, tree.Await):
            awaited.add(expr.value)
        waiting.extend(operands(expr))
    for expr in reversed(found):
        match expr:
            case tree.Call():
                yield Called(expr, expr in awaited)
            case tree.Attribute(value=tree.Name() | tree.Subscript(value=tree.Name())):
                yield Read(expr)
            case tree.NamedExpr(target=tree.Name(id=name)):
                yield Bound(name, expr.value)
            case _:
                pass
