"""Python's `and` and `or` between clauses: which of the two a query is given.

Neither is SQL.  Python asks for the truth of the first operand and takes one of the two, so half of what is written
never reaches the database.  A clause of `==` is true only when both of its sides are one and the same column, and a
clause of `!=` when they are not; every other clause refuses to be asked (`TypeError: Boolean value of this clause is
not defined`), those of `== None`, which is `IS NULL`, among them.

    User.id == 1 and User.name == "Ann"     # WHERE id = 1
    User.id == 1 or User.name == "Ann"      # WHERE name = 'Ann'
    User.id != 1 and User.name == "Ann"     # WHERE name = 'Ann'
    User.id != 1 or User.name == "Ann"      # WHERE id != 1
    User.id > 1 and User.name == "Ann"      # TypeError
    key and User.id == key                  # by the key: one or the other
"""

from __future__ import annotations

from sqla_leaklint.domain.linking.merging import merge
from sqla_leaklint.domain.values import Clause, Literal, ModelAttribute, Unknown, Value, alternatives

_TRUTHS = {"==": False, "!=": True}
_UNTOLD = Unknown("the truth of a clause")


def operand_taken(operator: str, left: Value, right: Value) -> Value:
    """What `left and right` or `left or right` is; `None or x` is `x`."""
    if operator == "or" and left == Literal(None):
        return right
    found: list[Value] = []
    for each in alternatives(left):
        if isinstance(each, Clause | ModelAttribute):
            truth = _truth(each)
            found.append(_UNTOLD if truth is None else right if truth is (operator == "and") else each)
        else:
            found += [each, right]
    return merge(found)


def _truth(value: Clause | ModelAttribute) -> bool | None:
    """Whether a clause counts as true; None where it is an error to ask, or where nobody can tell."""
    if not isinstance(value, Clause) or Literal(None) in value.operands or len(set(value.operands)) == 1:
        return None
    return _TRUTHS.get(value.operator)
