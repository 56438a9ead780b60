"""Where the rows and objects of a body come from: which query's rows a term is, and along which relationships.

Terms
    *root*: the term whose value is rows, a result or a query.  *Path*: the relationships that lead from a row of the
    root to the object in question.

    orders = list(session.scalars(select(Order)))     # rows of the root, path ()
    for order in orders:                              # one of them, in the loop over `orders`
        for item in order.items:                      # one object at ("items",), in the loop over `order.items`
            item.product.name                         # `item.product`: one object at ("items", "product")
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from sqla_leaklint.domain.linking import statements
from sqla_leaklint.domain.linking.library import unwrapped
from sqla_leaklint.domain.mapped.models import Model, models_of
from sqla_leaklint.domain.mapped.relationships import is_collection, relationship_of, target_of
from sqla_leaklint.domain.rows.holders import ONE_ROW, SAME_ROWS
from sqla_leaklint.domain.values import Entity, Literal, Rows, TupleValue
from sqla_leaklint.knowledge.facts import Shape
from sqla_leaklint.semantic import terms as t
from sqla_leaklint.semantic.terms import Term

if TYPE_CHECKING:
    from sqla_leaklint.domain.module import Domain

_ONE_ROW_SHAPES = frozenset({Shape.ROW, Shape.OPTIONAL_ROW, Shape.VALUE})
_EMPTY = (False, 0, "", None)


@dataclass(frozen=True, slots=True)
class RowSource:
    """What rows or row a term is.

    `model` is that of the object at the end of the path, `start` that of the query's entity; they are None for rows of
    several things.  `loop` is the `Element` term of the innermost loop that runs over what this is one of.
    """

    root: Term
    rows: Rows
    start: Model | None
    model: Model | None
    path: tuple[str, ...] = ()
    is_many: bool = False
    loop: Term | None = None

    @property
    def is_of_several(self) -> bool:
        """Whether each row holds several things."""
        return self.model is None


class RowSources:
    """Tells for each term of a module of which query it is rows, or a row."""

    def __init__(self, domain: Domain) -> None:
        self._domain = domain
        self._known: dict[Term, RowSource | None] = {}

    def of(self, term: Term) -> RowSource | None:
        """The rows or row that a term is; None for anything else."""
        if term not in self._known:
            self._known[term] = None  # ends a cycle
            self._known[term] = self._judged(term)
        return self._known[term]

    def _judged(self, term: Term) -> RowSource | None:
        match term:
            case t.Element():
                inner = self.of(term.value)
                return replace(inner, is_many=False, loop=term) if inner is not None and inner.is_many else None
            case t.Item():
                return self._item(term)
            case t.Attr():
                inner = self.of(term.base)
                return self._attribute(inner, term.name) if inner is not None else self._root(term)
            case t.Declared():
                return self.of(term.value) if term.value is not None else None
            case t.Join():
                return self._joined(term)
            case t.Mapped():
                inner = self.of(term.element) if term.kind != "dict" else None
                is_row = inner is not None and not inner.is_many
                return replace(inner, is_many=True, loop=None) if inner is not None and is_row else None
            case t.Call(func=t.Ref(path=path)) if term.args and (path in SAME_ROWS or path in ONE_ROW):
                inner = self.of(term.args[-1 if path == "builtins.filter" else 0])
                if inner is None or not inner.is_many:
                    return None
                return replace(inner, is_many=path in SAME_ROWS)
            case t.Call() | t.Await() | t.Ref() | t.Local():
                return self._root(term)
            case _:
                return None

    def _root(self, term: Term) -> RowSource | None:
        value = unwrapped(self._domain.value_of(term))
        rows = value if isinstance(value, Rows) else statements.looped(self._domain.evaluator, value)
        if rows is None or rows.consumer.shape in {Shape.BATCHES, Shape.CLAUSE}:
            return None
        is_many = rows.consumer.shape not in _ONE_ROW_SHAPES
        match rows.element:
            case Entity(model=cls):
                model = models_of(self._domain.evaluator).of(cls)
                return RowSource(term, rows, model, model, (), is_many) if model is not None else None
            case TupleValue():
                return RowSource(term, rows, None, None, (), is_many)
            case _:
                return None

    def _joined(self, term: t.Join) -> RowSource | None:
        """The rows that a term is on every way, but for the ways on which it is nothing."""
        ways = [each for each in term.terms if not (isinstance(each, t.Const) and each.value in _EMPTY)]
        ways = [each for each in ways if not (isinstance(each, t.Collection) and not each.elements)]
        found = [self.of(each) for each in ways]
        return found[0] if found and all(each == found[0] for each in found) else None

    def _item(self, term: t.Item) -> RowSource | None:
        pair = term.value
        if isinstance(pair, t.Element) and isinstance(pair.value, t.Call) and isinstance(pair.value.func, t.Ref):
            numbered = pair.value
            if numbered.func.path == "builtins.enumerate" and numbered.args:  # type: ignore[union-attr]
                inner = self.of(numbered.args[0])
                is_second = isinstance(term.key, t.Const) and term.key.value == 1
                return replace(inner, is_many=False, loop=pair) if inner and inner.is_many and is_second else None
        inner = self.of(term.value)
        if inner is None:
            return None
        if inner.is_many:
            return replace(inner, is_many=isinstance(term.key, t.Collection) and term.key.kind == "slice")
        if inner.is_of_several and isinstance(term.key, t.Const) and isinstance(term.key.value, int):
            return self._part(inner, term.key.value)
        return None

    def _part(self, row: RowSource, position: int) -> RowSource | None:
        """One of the things that a row holds."""
        assert isinstance(row.rows.element, TupleValue)
        parts = row.rows.element.elements
        part = parts[position] if -len(parts) <= position < len(parts) else Literal(None)
        model = models_of(self._domain.evaluator).of(part.model) if isinstance(part, Entity) else None
        return replace(row, start=model, model=model) if model is not None else None

    def _attribute(self, row: RowSource, name: str) -> RowSource | None:
        if row.is_many:
            return None
        if row.is_of_several:
            parts = row.rows.element.elements if isinstance(row.rows.element, TupleValue) else ()
            named = [i for i, each in enumerate(parts) if isinstance(each, Entity) and each.model.name == name]
            return self._part(row, named[0]) if len(named) == 1 else None
        assert row.model is not None
        evaluator = self._domain.evaluator
        relationship = relationship_of(evaluator, row.model, name)
        target = target_of(evaluator, relationship) if relationship is not None else None
        if relationship is None or target is None:
            return None
        is_many = is_collection(evaluator, row.model, relationship)
        if is_many is None:
            return None
        return replace(row, model=target, path=(*row.path, name), is_many=is_many)
