"""Walking a lowered tree in full."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields

from sqla_leaklint.syntax.tree import (
    Await,
    Class,
    CompFor,
    Constant,
    Expr,
    For,
    Function,
    Lambda,
    Node,
    Operation,
    With,
)

_CHILD_FIELDS: dict[type[Node], tuple[str, ...]] = {Constant: ()}  # the value of a constant is no node


def walk(node: Node) -> Iterator[Node]:
    """Yield a node and all nodes below it, each before its children, in the order of the fields."""
    pending = [node]
    while pending:
        current = pending.pop()
        yield current
        pending.extend(reversed(list(children(current))))


def holds(root: Node, node: Node) -> bool:
    """Whether a node is another one or stands below it."""
    return any(each is node for each in walk(root))


def children(node: Node) -> Iterator[Node]:
    """Yield the nodes directly below a node, in the order of the fields."""
    for name in _child_fields(type(node)):
        yield from _nodes_in(getattr(node, name))


def own(*nodes: Node) -> Iterator[Node]:
    """Yield nodes and all nodes below them, without what is in the functions, lambdas and classes among them."""
    pending = list(reversed(nodes))
    while pending:
        current = pending.pop()
        yield current
        if not isinstance(current, Function | Lambda | Class):
            pending.extend(reversed(list(children(current))))


def is_waiting(node: Node) -> bool:
    """Whether a node gives the event loop to others: `await`, `async for`, `async with`."""
    match node:
        case Await():
            return True
        case For(is_async=is_async) | With(is_async=is_async) | CompFor(is_async=is_async):
            return is_async
        case _:
            return False


def _nodes_in(value: object) -> Iterator[Node]:
    if isinstance(value, Node):
        yield value
    elif isinstance(value, tuple):
        for element in value:
            yield from _nodes_in(element)


def _child_fields(cls: type[Node]) -> tuple[str, ...]:
    names = _CHILD_FIELDS.get(cls)
    if names is None:
        names = tuple([field.name for field in fields(cls) if field.name != "cst"])
        _CHILD_FIELDS[cls] = names
    return names


def slice_bounds(node: Operation) -> tuple[Expr | None, Expr | None, Expr | None]:
    """The lower bound, the upper bound and the step of a slice, as far as they are written."""
    written = {id(operand.cst): operand for operand in node.operands}
    lower, upper, step = (written.get(id(getattr(node.cst, name))) for name in ("lower", "upper", "step"))
    return lower, upper, step
