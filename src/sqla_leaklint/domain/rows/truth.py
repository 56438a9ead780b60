"""Where only the truth of an expression counts, or whether a number is zero."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from sqla_leaklint.semantic import terms as t
from sqla_leaklint.syntax import tree

if TYPE_CHECKING:
    from sqla_leaklint.domain.module import Domain

Parents = Mapping[tree.Node, tree.Node]

_TESTS_OF_ZERO = frozenset({("==", 0), ("!=", 0), (">", 0), ("<=", 0), (">=", 1), ("<", 1)})
_MIRRORED = {">": "<", "<": ">", ">=": "<=", "<=": ">="}


def is_test(parents: Parents, expr: tree.Node) -> bool:
    """Whether only the truth of an expression counts."""
    parent = parents.get(expr)
    match parent:
        case tree.If() | tree.While() | tree.Conditional() | tree.Assert():
            return expr is parent.test
        case tree.Not():
            return True
        case tree.BoolOp():
            return is_test(parents, parent)
        case tree.CompFor():
            return expr in parent.ifs
        case _:
            return False


def test_of_zero(domain: Domain, parents: Parents, number: tree.Expr) -> tree.Node | None:
    """The test, when all that is asked of a number is whether it is zero: a comparison, `bool(…)`, or itself."""
    parent = parents.get(number)
    if isinstance(parent, tree.Compare) and len(parent.comparisons) == 1:
        ((operator, right),) = parent.comparisons
        other = right if number is parent.left else parent.left
        operator = operator if number is parent.left else _MIRRORED.get(operator, operator)
        value = other.value if isinstance(other, tree.Constant) else None
        is_whole = isinstance(value, int) and not isinstance(value, bool)
        return parent if is_whole and (operator, value) in _TESTS_OF_ZERO else None
    if isinstance(parent, tree.Argument):
        call = parents.get(parent)
        return call if isinstance(call, tree.Call) and called_path(domain, call) == "builtins.bool" else None
    return number if is_test(parents, number) else None


def called_path(domain: Domain, call: tree.Call) -> str:
    """The dotted name of what a call calls; "" when it has none."""
    function = domain.term(call.func)
    return function.path if isinstance(function, t.Ref) else ""
