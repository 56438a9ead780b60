"""Places of a function that hold something: a local name, or an item of one under a constant key (`data["rows"]`)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from sqla_leaklint.syntax import tree
from sqla_leaklint.syntax.walk import walk

if TYPE_CHECKING:
    from sqla_leaklint.domain.rows.usage import FunctionText

_EMPTYING = frozenset({"clear", "truncate"})


def bindings(text: FunctionText) -> dict[str, tree.Expr]:
    """What each place of a function is made as; the last in the text, where it is made more than once."""
    return dict(_bindings(text))


def _bindings(text: FunctionText) -> Iterator[tuple[str, tree.Expr]]:
    for node in text.parents:
        match node:
            case tree.Assign(targets=targets, value=value):
                for target in targets:
                    yield from _made(place_of(target), value)
            case tree.AnnAssign(target=target, value=value) if value is not None:
                yield from _made(place_of(target), value)
            case tree.With(items=items):
                for item in items:
                    yield from _made(place_of(item.target) if item.target else None, item.context)
            case _:
                pass


def place_of(expr: tree.Expr) -> str | None:
    """The place that an expression names: a local name, or an item of one under a constant key."""
    match expr:
        case tree.Name(id=name):
            return name
        case tree.Subscript(value=base, index=(tree.Constant(value=str() as key),)):
            place = place_of(base)
            return f"{place}[{key!r}]" if place is not None else None
        case _:
            return None


def _made(place: str | None, value: tree.Expr) -> Iterator[tuple[str, tree.Expr]]:
    if place is None:
        return
    yield place, value
    if isinstance(value, tree.DictDisplay):
        for key, item in value.items:
            if isinstance(key, tree.Constant):
                yield from _made(f"{place}[{key.value!r}]", item)


def mentions(expr: tree.Expr, names: set[str] | frozenset[str]) -> bool:
    """Whether an expression reads one of some names."""
    return any(isinstance(node, tree.Name) and node.id in names for node in walk(expr))


def is_number(made: tree.Expr) -> bool:
    """Whether something is a constant that is no text."""
    return isinstance(made, tree.Constant) and not isinstance(made.value, str | bytes)


def is_emptied(place: str | None, nodes: Iterable[tree.Node]) -> bool:
    """Whether one of some nodes makes a place anew, or empties it."""
    for node in nodes:
        match node:
            case tree.Assign(targets=targets):
                if any(place_of(target) == place for target in targets):
                    return True
            case tree.AnnAssign(target=target) | tree.WithItem(target=tree.Expr() as target):
                if place_of(target) == place:
                    return True
            case tree.Call(func=tree.Attribute(value=base, attr=attr)) if attr in _EMPTYING:
                if place_of(base) == place:
                    return True
            case tree.Delete():
                return True
            case _:
                pass
    return False
