"""What a test tells of a list: that there is something in it, or nothing."""

from __future__ import annotations

from sqla_leaklint.syntax import tree

_MEASURES = frozenset({"len", "bool"})
_SIZES = {(">", 0): True, (">=", 1): True, ("!=", 0): True, ("==", 0): False, ("<", 1): False, ("<=", 0): False}
"""What comparing a length with a number tells."""


def told_by(test: tree.Expr) -> tuple[str, bool] | None:
    """The name of a list that is not empty when a test holds (True), or when it fails (False)."""
    match test:
        case tree.Name():
            return test.id, True
        case tree.Not():
            found = told_by(test.value)
            return (found[0], not found[1]) if found is not None else None
        case tree.Call(func=tree.Name(id=function), args=(argument,)) if function in _MEASURES:
            return (argument.value.id, True) if isinstance(argument.value, tree.Name) else None
        case tree.Compare(left=tree.Call() as left, comparisons=((operator, tree.Constant(value=int() as number)),)):
            found, when = told_by(left), _SIZES.get((operator, number))
            return (found[0], when) if found is not None and when is not None else None
        case tree.BoolOp():
            # Both halves of an `and` hold when it does, and both of an `or` fail.
            wanted = test.operator == "and"
            halves = (told_by(test.left), told_by(test.right))
            return next((each for each in halves if each is not None and each[1] is wanted), None)
        case _:
            return None
