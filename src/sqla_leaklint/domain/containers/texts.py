"""What only the text tells of a container: tests of its length, tests of its keys, other names for it."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import TYPE_CHECKING

from sqla_leaklint.domain.origins.each_time import last_name_in, outside_functions
from sqla_leaklint.semantic.terms import Param, all_in
from sqla_leaklint.syntax import tree
from sqla_leaklint.syntax.walk import walk

if TYPE_CHECKING:
    from sqla_leaklint.semantic.project import Module
    from sqla_leaklint.semantic.terms import Term

_GROWING = frozenset({"append", "appendleft", "add", "insert", "extend", "update"})
_READERS = frozenset({"len", "list", "sorted", "set", "tuple", "print"})


def decides_by_length(module: Module, function: str, name: str) -> bool:
    """Whether a function does more with `len(name)` than tell it: it compares it with other than 0, or keeps it."""
    body = module.executor.bodies.get(function)
    if body is None:
        return True
    for node in walk(body.node):
        match node:
            case tree.Compare():
                operands = [node.left, *(operand for _, operand in node.comparisons)]
                if any(isinstance(each, tree.Constant) and each.value == 0 for each in operands):
                    continue
                if any(_is_length(part, name) for operand in operands for part in walk(operand)):
                    return True
            case tree.Assign() | tree.AnnAssign() | tree.NamedExpr():
                if node.value is not None and _is_length(node.value, name):
                    return True
            case _:
                pass
    return False


def is_key_checked(module: Module, function: str, key: Term, name: str) -> bool:
    """Whether a function looks a key up in another container of its module, which says what keys there can be; or
    leaves if what the key is made from is not in a container, or if a file of the key's does not exist.
    """
    body = module.executor.bodies.get(function)
    if body is None:
        return False
    made = _made_from(key.name, body.node) if isinstance(key, Param) else frozenset()
    if any(isinstance(node, tree.If) and _lets_in(module, node, key, name, made) for node in walk(body.node)):
        return True
    names = module.summary.bindings
    for node in walk(body.node):
        if not isinstance(node, tree.Compare) or node.comparisons[0][0] not in {"in", "not in"}:
            continue
        other = node.comparisons[0][1]
        is_other = isinstance(other, tree.Name) and other.id in names and other.id != name
        if is_other and module.executor.terms.get(node.left) is key:
            return True
    return False


def _made_from(name: str, function: tree.Node) -> frozenset[str]:
    """A name, and those that an assignment makes from one of these."""
    found = {name}
    for node in walk(function):
        if isinstance(node, tree.Assign) and _mentions(node.value, found):
            found.update(each.id for each in node.targets if isinstance(each, tree.Name))
    return frozenset(found)


def _lets_in(module: Module, condition: tree.If, key: Term, name: str, made: frozenset[str]) -> bool:
    """`if issuer not in allowed: return`, for a key that is made from the issuer; or `if not path.exists(): return`,
    for a path that is made from the key.
    """
    if not isinstance(condition.body[-1], tree.Return | tree.Raise):
        return False
    match condition.test:
        case tree.Compare(left=left, comparisons=(("not in", tree.Name(id=other) | tree.Attribute(attr=other)),)):
            checked = module.executor.terms.get(left)
            return other != name and any(part is checked for part in all_in([key]))
        case test:
            return any(_mentions(path, made) for path in _missing_paths(test))


def _mentions(expr: tree.Expr, names: Collection[str]) -> bool:
    return any(isinstance(part, tree.Name) and part.id in names for part in walk(expr))


def _missing_paths(test: tree.Expr) -> Iterator[tree.Expr]:
    """The paths of which one alternative of a condition says that there is nothing."""
    match test:
        case tree.BoolOp(operator="or", left=left, right=right):
            yield from _missing_paths(left)
            yield from _missing_paths(right)
        case tree.Not(value=tree.Call(func=tree.Attribute(value=path, attr=attr), args=args)) if attr in _EXISTING:
            yield args[0].value if args else path  # `os.path.exists(path)`, `path.exists()`
        case _:
            pass


_EXISTING = frozenset({"exists", "is_file", "is_dir", "isfile", "isdir"})


def is_asked_for_element(module: Module, function: str, name: str) -> bool:
    """Whether a function asks if an element is there already: `if url not in self.seen:`."""
    body = module.executor.bodies.get(function)
    return body is not None and any(
        isinstance(node, tree.Compare)
        and any(operator in {"in", "not in"} and last_name_in(other) == name for operator, other in node.comparisons)
        for node in walk(body.node)
    )


def is_growth(node: tree.Node, name: str) -> bool:
    """Whether a node puts something in what goes by a name: `self.seen.append(x)`, `seen += [x]`."""
    match node:
        case tree.Call(func=tree.Attribute(value=base, attr=method)) if method in _GROWING:
            return last_name_in(base) == name
        case tree.AugAssign(target=target):
            return last_name_in(target) == name
        case _:
            return False


def has_other_names(block: tree.Block, name: str) -> bool:
    """Whether the body of a module or class gives a container another name, puts it in an object or hands it to a call.

    There, before any function runs, the container is a value and not yet a name that could be followed.
    """
    return any(_gives_away(node, name) for stmt in block for node in outside_functions(stmt))


def _is_length(node: tree.Node, name: str) -> bool:
    match node:
        case tree.Call(func=tree.Name(id="len"), args=(tree.Argument(value=tree.Name(id=found)),)):
            return found == name
        case tree.Call(func=tree.Name(id="len"), args=(tree.Argument(value=tree.Attribute(attr=found)),)):
            return found == name
        case _:
            return False


def _gives_away(node: tree.Node, name: str) -> bool:
    def is_it(expr: tree.Node | None) -> bool:
        return isinstance(expr, tree.Name) and expr.id == name

    match node:
        case tree.Call():
            is_read = isinstance(node.func, tree.Name) and node.func.id in _READERS
            return not is_read and any(is_it(argument.value) for argument in node.args)
        case tree.Assign() | tree.AnnAssign():
            return is_it(node.value)
        case tree.Display():
            return any(is_it(element) for element in node.elements)
        case tree.DictDisplay():
            return any(is_it(value) for _, value in node.items)
        case tree.Parameter():
            return is_it(node.default)
        case _:
            return False
