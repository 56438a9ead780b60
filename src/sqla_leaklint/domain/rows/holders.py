"""Which terms of a function are some rows, or one of them.

Aliases, loop variables, unpacking and comprehensions follow from the terms: all that a loop over the rows binds is
`Element(rows)`, whatever it is called.
"""

from __future__ import annotations

from sqla_leaklint.semantic import terms as t
from sqla_leaklint.semantic.terms import Term

SAME_ROWS = frozenset(
    f"builtins.{name}" for name in ("list", "tuple", "set", "frozenset", "sorted", "reversed", "iter", "filter")
)
"""Called with rows (the last argument), these give the same rows."""
ONE_ROW = frozenset({"builtins.next", "builtins.min", "builtins.max"})

SAME_VALUES = SAME_ROWS - {"builtins.filter"}
"""Called with values alone, these give the same values in some order."""

UNCHANGED = frozenset({"builtins.list", "builtins.tuple", "builtins.iter"})
"""Called with rows, these give the same rows in the same order."""


def is_same(root: Term, term: Term, depth: int = 0) -> bool:
    """Whether a term is some rows as they were loaded, under whatever name, on some path."""
    if term is root:
        return True
    if depth > 8:
        return False
    match term:
        case t.Await():
            return is_same(root, term.value, depth + 1)
        case t.Declared():
            return term.value is not None and is_same(root, term.value, depth + 1)
        case t.Join():
            return any(is_same(root, each, depth + 1) for each in term.terms)
        case t.Call(func=t.Ref(path=path)) if path in UNCHANGED and len(term.args) == 1:
            return is_same(root, term.args[0], depth + 1)
        case _:
            return False


class Holders:
    """Tells for each term whether it is the rows, one of them, or neither."""

    def __init__(self, root: Term, *, is_row: bool) -> None:
        self._root = root
        self._root_is_row = is_row
        self._known: dict[int, bool | None] = {}

    def is_row(self, term: Term) -> bool | None:
        """True for a row, False for the rows, None for anything else."""
        if term is self._root:
            return self._root_is_row
        key = id(term)
        if key not in self._known:
            self._known[key] = None  # ends a cycle
            self._known[key] = self._judged(term)
        return self._known[key]

    def _judged(self, term: Term) -> bool | None:
        match term:
            case t.Await() | t.Enter() | t.Star():
                return self.is_row(term.value)
            case t.Declared():
                return self.is_row(term.value) if term.value is not None else None
            case t.Join():
                found = [self.is_row(each) for each in term.terms]
                return next((each for each in found if each is not None), None)
            case t.Element():
                return True if self.is_row(term.value) is False else None
            case t.Item():
                return self._item(term)
            case t.Mapped():
                return False if term.kind != "dict" and self.is_row(term.element) is True else None
            case t.Call(func=t.Ref(path=path)) if term.args:
                if path in SAME_ROWS and self.is_row(term.args[-1 if path == "builtins.filter" else 0]) is False:
                    return False
                if path in ONE_ROW and self.is_row(term.args[0]) is False:
                    return True
                return None
            case t.Call(func=t.Attr(base=base, name="pop" | "copy" as name)) if self.is_row(base) is False:
                return name == "pop"
            case t.Param():
                return None
            case _:
                return None

    def _item(self, term: t.Item) -> bool | None:
        if self.is_row(term.value) is False:
            return not (isinstance(term.key, t.Collection) and term.key.kind == "slice")
        pair = term.value
        if isinstance(pair, t.Element) and isinstance(pair.value, t.Call) and isinstance(pair.value.func, t.Ref):
            is_numbered = pair.value.func.path == "builtins.enumerate" and pair.value.args
            if is_numbered and isinstance(term.key, t.Const) and term.key.value == 1:
                return True if self.is_row(pair.value.args[0]) is False else None
        return None
