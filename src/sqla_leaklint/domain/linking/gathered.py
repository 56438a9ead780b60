"""What is unpacked among the arguments of a call: the elements of a list that a function has put together.

An element that is there on some paths only is `Conditional`; a list of which nothing is sure, but that something is in
it, is one OR of all that can be.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqla_leaklint.domain.values import Clause, Conditional, Value
from sqla_leaklint.semantic import terms as t
from sqla_leaklint.semantic.terms import Term

if TYPE_CHECKING:
    from sqla_leaklint.domain.evaluation import Evaluator, Frame

Elements = tuple[Value, ...]

_ONE_OF = "sqlalchemy.or_"
"""At least one of several conditions holds: no less than their OR."""


def elements(evaluator: Evaluator, term: Term, frame: Frame) -> Elements | None:
    """The elements of a gathered list, in order of appearance; None when they are not all known."""
    return _Reader(evaluator, frame).of(term)


class _Reader:
    """Reads a list once, however many ways lead to it."""

    def __init__(self, evaluator: Evaluator, frame: Frame) -> None:
        self._evaluator = evaluator
        self._frame = frame
        self._known: dict[Term, Elements | None] = {}

    def of(self, term: Term) -> Elements | None:
        if term not in self._known:
            self._known[term] = self._read(term)
        return self._known[term]

    def _read(self, term: Term) -> Elements | None:
        match term:
            case t.Collection(kind="list" | "tuple"):
                found: Elements | None = ()
                for each in term.elements:
                    found = _together(found, self._element(each))
                return found
            case t.Gathered(added=None):
                known = self.of(term.base)
                return _not_empty(known) if known is not None else None
            case t.Gathered(added=added) if added is not None:
                return _together(self.of(term.base), self._element(added))
            case t.Join():
                ways = [self.of(each) for each in term.terms]
                known = ways[0]
                for way in ways[1:]:
                    known = _either(known, way)
                return known
            case t.Declared(value=value) if value is not None:
                return self.of(value)
            case _:
                return None

    def _element(self, term: Term) -> Elements | None:
        if isinstance(term, t.Star):
            return self.of(term.gathered if term.gathered is not None else term.value) if term.depth == 1 else None
        return (self._evaluator.of(term, self._frame),)


def _together(left: Elements | None, right: Elements | None) -> Elements | None:
    return None if left is None or right is None else (*left, *right)


def _either(left: Elements | None, right: Elements | None) -> Elements | None:
    """Where two ways of filling a list meet: what is not on both ways is conditional."""
    if left is None or right is None:
        return None
    common = [each for each in left if each in right]
    rest = [each for each in (*left, *right) if each not in common]
    return (*common, *dict.fromkeys(_conditional(each) for each in rest))


def _conditional(value: Value) -> Value:
    return value if isinstance(value, Conditional) else Conditional(value)


def _not_empty(found: Elements) -> Elements:
    if not found or not all(isinstance(each, Conditional) for each in found):
        return found
    given = tuple(each.value for each in found if isinstance(each, Conditional))
    return given if len(given) == 1 else (Clause(_ONE_OF, given),)
