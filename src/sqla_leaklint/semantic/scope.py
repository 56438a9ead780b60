"""Which names a function or module binds, by Python's rules."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from sqla_leaklint.syntax import tree


@dataclass(frozen=True, slots=True)
class Names:
    """The names that a body binds itself, and those that it declares to be bound elsewhere."""

    bound: frozenset[str]
    declared_global: frozenset[str]
    declared_nonlocal: frozenset[str]


def names_of(function: tree.Function | tree.Lambda) -> Names:
    """The names of a function: its parameters and all that its body assigns, outside nested scopes."""
    body = function.body if isinstance(function, tree.Function) else ()
    return names_in(body, (parameter.name for parameter in function.params))


def names_in(block: tree.Block, initially: Iterator[str] | tuple[str, ...] = ()) -> Names:
    """The names that a block binds, outside nested scopes."""
    bound: set[str] = set(initially)
    declared_global: set[str] = set()
    declared_nonlocal: set[str] = set()
    stack: list[tree.Block] = [block]
    while stack:
        for stmt in stack.pop():
            match stmt:
                case tree.Global():
                    declared_global.update(stmt.names)
                case tree.Nonlocal():
                    declared_nonlocal.update(stmt.names)
                case tree.Function() | tree.Class():
                    bound.add(stmt.name)
                case tree.ExprStmt() | tree.Return() | tree.Raise() | tree.Pass() | tree.Assert():
                    pass
                case _:
                    bound.update(_bound_by(stmt))
                    stack.extend(tree.blocks_of(stmt))
    elsewhere = declared_global | declared_nonlocal
    return Names(frozenset(bound - elsewhere), frozenset(declared_global), frozenset(declared_nonlocal))


def _bound_by(stmt: tree.Stmt) -> Iterator[str]:
    match stmt:
        case tree.Assign():
            for target in stmt.targets:
                yield from target_names(target)
        case tree.AnnAssign() | tree.AugAssign() | tree.For():
            yield from target_names(stmt.target)
        case tree.With():
            for item in stmt.items:
                if item.target is not None:
                    yield from target_names(item.target)
        case tree.Import():
            for imported in stmt.names:
                yield imported.alias or imported.name.partition(".")[0]
        case tree.ImportFrom():
            for imported in stmt.names:
                yield imported.alias or imported.name
        case tree.Try():
            for handler in stmt.handlers:
                if handler.name is not None:
                    yield handler.name
        case tree.Match():
            for case in stmt.cases:
                yield from case.captures
        case tree.TypeAliasStmt():
            yield stmt.name
        case _:
            return


def target_names(target: tree.Expr) -> Iterator[str]:
    """The names that an assignment target binds (not the objects whose attributes or items it sets)."""
    match target:
        case tree.Name():
            yield target.id
        case tree.Display():
            for element in target.elements:
                yield from target_names(element)
        case tree.Starred():
            yield from target_names(target.value)
        case _:
            return
