"""Relationships that are read row after row: in a loop over what a query brought, or over a relationship of it.

    for order in session.scalars(select(Order)):      # the loop
        print(order.customer.name)                    # a read of ("customer",)
        for item in order.items:                      # a read of ("items",), and a loop of its own
            notify(item)                              # a read of ("items", "product"), where `notify` reads it

A read that happens once, before the loop is left, is none; neither is one of what was written before.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqla_leaklint.diagnostics import Location
from sqla_leaklint.domain.loading.eager import Loading, loading
from sqla_leaklint.domain.loading.identity_map import may_be_loaded_already
from sqla_leaklint.domain.loading.parameter_reads import place_of_read, read_by
from sqla_leaklint.domain.mapped.columns import Attribute, Relationship
from sqla_leaklint.domain.mapped.models import Model
from sqla_leaklint.domain.mapped.relationships import may_be_looked_up, relationship_of
from sqla_leaklint.domain.rows.queries import Load, function_text
from sqla_leaklint.domain.rows.row_sources import RowSource, RowSources
from sqla_leaklint.domain.values import ProjectFunction
from sqla_leaklint.semantic import terms as t
from sqla_leaklint.semantic.body import Body
from sqla_leaklint.semantic.events import Deed
from sqla_leaklint.semantic.terms import Term
from sqla_leaklint.syntax import tree

if TYPE_CHECKING:
    from sqla_leaklint.domain.module import Domain


@dataclass(frozen=True, slots=True, eq=False)
class RelationshipRead:
    """A relationship of `owner` that is read in a loop: `node` is the read, or the call of the function `reader` that
    reads it of its argument in `place`; `source` is the row on which it is read.  `loop` is None where something else
    goes through the rows.
    """

    domain: Domain
    body: Body
    node: tree.Expr
    loop: tree.For | tree.CompFor | None
    source: RowSource
    owner: Model
    relationship: Relationship
    reader: ProjectFunction | None = None
    place: int | str = 0

    @property
    def may_be_looked_up(self) -> bool:
        """Whether a row that the session has already may spare the query."""
        return may_be_looked_up(self.domain.evaluator, self.owner, self.relationship)

    @property
    def read_at(self) -> Location | None:
        """Where the reader reads it."""
        reader = self.reader
        return place_of_read(self.domain, reader, self.place, self.relationship.name) if reader is not None else None

    @property
    def path(self) -> tuple[str, ...]:
        """The relationships that lead to this one from the entity of the query."""
        return (*self.source.path, self.relationship.name)

    @property
    def loading(self) -> Loading:
        """Whether the query's rows have it."""
        if self.source.start is None:
            return Loading.UNKNOWN
        return loading(self.domain.evaluator, self.source.rows.statement, self.source.start, *self.path)

    @property
    def is_async(self) -> bool:
        """Whether the session is an async one, in which nothing is loaded by being read."""
        return self.source.rows.is_async

    @property
    def is_query_each(self) -> bool:
        """Whether each of the reads sends a query: nothing has loaded the relationship, nor what it leads to."""
        return self.loading is Loading.LAZY and not may_be_loaded_already(self)

    @property
    def load(self) -> Load | None:
        """Where the query's rows are loaded, when that is in this module."""
        return next((load for load in self.domain.subjects(Load) if load.term is self.source.root), None)

    @property
    def of_same_rows(self) -> Iterator[RelationshipRead]:
        """The reads of the same query's rows in the same body, this one included."""
        for other in self.domain.subjects(RelationshipRead):
            if other.source.root is self.source.root and other.body is self.body:
                yield other

    @staticmethod
    def find(domain: Domain) -> Iterator[RelationshipRead]:
        """The first read of each relationship of each query's rows in each body, in the order of the text."""
        loops: dict[Term, list[tuple[Body, tree.For | tree.CompFor]]] = {}
        for body in domain.bodies:
            for event in body.events:
                if event.deed is Deed.ITERATED:
                    assert isinstance(event.node, tree.For | tree.CompFor)
                    loops.setdefault(event.value, []).append((body, event.node))
        if not loops:
            return
        finder = _Finder(domain, loops)
        seen: set[tuple[Body, Term, tuple[str, ...]]] = set()
        for read in finder.reads():
            key = (read.body, read.source.root, read.path)
            if key not in seen:
                seen.add(key)
                yield read


class _Finder:
    """Looks through the terms of a module that are made of what some loop binds."""

    def __init__(self, domain: Domain, loops: dict[Term, list[tuple[Body, tree.For | tree.CompFor]]]) -> None:
        self.domain = domain
        self.loops = loops
        self.sources = RowSources(domain)
        self._bound: dict[Term, bool] = {}

    def reads(self) -> Iterator[RelationshipRead]:
        for expr, term in self.domain.module.executor.terms.items():
            if isinstance(expr, tree.Attribute):
                if isinstance(term, t.Attr) and self._is_bound(term.base):
                    yield from self._attribute(expr, term)
            elif isinstance(expr, tree.Call) and isinstance(term, t.Call):
                given: list[tuple[int | str, Term]] = [*enumerate(term.args), *term.keywords]
                for place, argument in given:
                    if self._is_bound(argument):
                        yield from self._passed(expr, term, argument, place)

    def _is_bound(self, term: Term) -> bool:
        """Whether a term is made of what a loop binds, by attributes and items alone."""
        known = self._bound.get(term)
        if known is None:
            match term:
                case t.Element():
                    known = True
                case t.Attr():
                    known = self._is_bound(term.base)
                case t.Item():
                    known = self._is_bound(term.value)
                case t.Join():
                    self._bound[term] = False  # ends a cycle
                    known = any(self._is_bound(each) for each in term.terms)
                case _:
                    known = False
            self._bound[term] = known
        return known

    def _attribute(self, expr: tree.Attribute, term: t.Attr) -> Iterator[RelationshipRead]:
        source = self.sources.of(term.base)
        if source is None or source.model is None or source.is_many:
            return
        relationship = relationship_of(self.domain.evaluator, source.model, term.name)
        if relationship is not None:
            yield from self._read(expr, term.base, source, relationship, None)
            return
        method = self._method(source.model, term.name)
        if method is None:
            return
        for name in read_by(self.domain.evaluator, method, 0):
            inner = relationship_of(self.domain.evaluator, source.model, name)
            if inner is not None:
                yield from self._read(expr, term.base, source, inner, method)

    def _method(self, model: Model, name: str) -> ProjectFunction | None:
        """The property or method of a model."""
        if model.others.get(name) not in {Attribute.PROPERTY, Attribute.METHOD}:
            return None
        found = self.domain.evaluator.classes.find(model.cls, name, on_instance=False)
        if found is None or not isinstance(found[1], t.FunctionRef):
            return None
        return ProjectFunction(found[0].path, found[1].qualname)

    def _passed(self, expr: tree.Call, call: t.Call, argument: Term, place: int | str) -> Iterator[RelationshipRead]:
        """What a function of the project reads of a row that it is given."""
        if isinstance(call.func, t.Ref) and call.func.path.startswith("builtins."):
            return
        source = self.sources.of(argument)
        if source is None or source.model is None or source.is_many:
            return
        function = self.domain.value_of(call.func)
        if not isinstance(function, ProjectFunction):
            return
        if isinstance(place, int) and function.receiver is not None:
            place += 1
        for name in read_by(self.domain.evaluator, function, place):
            relationship = relationship_of(self.domain.evaluator, source.model, name)
            if relationship is not None:
                yield from self._read(expr, argument, source, relationship, function, place)

    def _read(
        self,
        expr: tree.Expr,
        row: Term,
        source: RowSource,
        relationship: Relationship,
        reader: ProjectFunction | None,
        place: int | str = 0,
    ) -> Iterator[RelationshipRead]:
        assert source.model is not None
        if not isinstance(source.loop, t.Element):
            return
        for body, loop in self.loops.get(source.loop.value, ()):
            if self._is_each_round(body, loop, expr) and not _is_filled(body, row, relationship.name):
                yield RelationshipRead(self.domain, body, expr, loop, source, source.model, relationship, reader, place)
                return

    def _is_each_round(self, body: Body, loop: tree.For | tree.CompFor, expr: tree.Expr) -> bool:
        """Whether an expression is evaluated in each round of a loop: inside of it, and not on the way out."""
        parents = function_text(self.domain, body).parents
        node: tree.Node = expr
        while node in parents:
            above = parents[node]
            if isinstance(above, tree.Comprehension):
                if loop in above.generators:
                    return not (isinstance(node, tree.CompFor) and _is_first_iterated(above, node, expr, parents))
            elif above is loop:
                return isinstance(loop, tree.For) and node in loop.body and not _leaves(loop.body, node)
            elif isinstance(above, tree.Stmt) and any(
                node in block and _leaves(block, node) for block in tree.blocks_of(above)
            ):
                return False
            node = above
        return False


def _is_first_iterated(
    comprehension: tree.Comprehension, generator: tree.CompFor, expr: tree.Expr, parents: dict[tree.Node, tree.Node]
) -> bool:
    """Whether an expression is part of what the comprehension's first loop runs over, which is evaluated once."""
    if generator is not comprehension.generators[0]:
        return False
    node: tree.Node = expr
    while parents[node] is not generator:
        node = parents[node]
    return node is generator.iter


def _leaves(block: tree.Block, stmt: tree.Node) -> bool:
    """Whether a block leaves the loop at or after one of its statements."""
    following = block[block.index(stmt) :]
    return any(isinstance(each, tree.Return | tree.Break | tree.Raise) for each in following)


def _is_filled(body: Body, row: Term, name: str) -> bool:
    """Whether the body sets the relationship of the row itself, or has it refreshed."""
    return any(
        (event.deed is Deed.STORED_ATTRIBUTE and event.base is row and event.key == name)
        or (
            event.deed is Deed.CALLED
            and row in event.call.args
            and isinstance(event.call.func, t.Attr)
            and event.call.func.name in {"refresh", "set_committed_value", "make_transient"}
        )
        for event in body.events
    )
