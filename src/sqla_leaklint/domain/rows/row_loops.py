"""Loops over the rows of a query: what they go through, what they bind, and what is done in every round.

Terms
    *region*: the nodes that belong to each round: the body of a `for`, the elements and conditions of a comprehension.
    *bound*: the names that a region binds; *of the row*: those among them that depend on the loop's target.

    for user in session.scalars(select(User)):      # binds user
        key = user.team_id                          # of the row
        if key is None: continue                    # a test of the row alone: what follows counts as done in each round
        if key in cache: continue                   # not so: what follows may be done once for many rows
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, TypeAlias

from sqla_leaklint.domain.linking import statements
from sqla_leaklint.domain.linking.library import unwrapped
from sqla_leaklint.domain.mapped.models import models_of
from sqla_leaklint.domain.rows.bounds import Bound, bound
from sqla_leaklint.domain.rows.clauses import selected
from sqla_leaklint.domain.rows.holders import SAME_ROWS
from sqla_leaklint.domain.rows.queries import Load, function_text
from sqla_leaklint.domain.values import Entity, Literal, Many, ProjectClass, Rows, TupleValue, Unknown, alternatives
from sqla_leaklint.knowledge.facts import Role, Shape
from sqla_leaklint.semantic import terms as t
from sqla_leaklint.semantic.body import Body
from sqla_leaklint.semantic.events import Deed
from sqla_leaklint.semantic.terms import Term
from sqla_leaklint.syntax import tree
from sqla_leaklint.syntax.walk import own

if TYPE_CHECKING:
    from sqla_leaklint.domain.module import Domain

FEW = 10
"""So many rows are no loop to speak of."""

_ROWS = frozenset({Shape.LIST, Shape.ITERATOR})
_IN_PARTS = frozenset({"partitions", "fetchmany"})
_VIEWS = frozenset({"items", "values", "keys"})

LoopNode: TypeAlias = "tree.For | tree.CompFor"


@dataclass(frozen=True, slots=True)
class Source:
    """The rows that a loop goes through: `models` are what they are rows of."""

    models: tuple[ProjectClass, ...]


@dataclass(frozen=True, eq=False)
class RowLoop:
    """A loop over rows; `inside` are the parts of the tree that each round runs."""

    domain: Domain
    body: Body
    node: LoopNode
    inside: tuple[tree.Node, ...]
    source: Source

    @property
    def load(self) -> Load | None:
        """Where the rows are loaded, when that is in this module."""
        term = self.domain.term(self.node.iter)
        return next((load for load in self.domain.subjects(Load) if load.term is term), None)

    @cached_property
    def region(self) -> frozenset[tree.Node]:
        """What each round runs, without the bodies of functions that are defined in it."""
        return frozenset(node for part in self.inside for node in own(part))

    @cached_property
    def bound(self) -> frozenset[str]:
        """Every name that the loop or its rounds bind."""
        return self._targets | {name for names, _ in self._bindings for name in names}

    @cached_property
    def of_the_row(self) -> frozenset[str]:
        """The names that depend on the row."""
        found = set(self._targets)
        is_growing = True
        while is_growing:
            size = len(found)
            for names, value in self._bindings:
                if found & names_in(value):
                    found |= names
            is_growing = len(found) > size
        return frozenset(found)

    @cached_property
    def _targets(self) -> frozenset[str]:
        return names_in(self.node.target)

    @cached_property
    def _bindings(self) -> list[tuple[frozenset[str], tree.Node]]:
        return [(names_in(target), value) for node in self.region for target, value in _bindings(node)]

    @property
    def is_left_early(self) -> bool:
        """Whether a round may be the last one by design: `break`, or `return`."""
        return any(isinstance(node, tree.Return) for node in self.region) or any(
            isinstance(node, tree.Stmt) and _breaks(node) for node in self.inside
        )

    def is_of_row(self, test: tree.Expr) -> bool:
        """Whether a condition asks for nothing but the row itself."""
        names = names_in(test)
        return (
            bool(names)
            and names <= self.of_the_row
            and not any(
                isinstance(node, tree.Call)
                or (isinstance(node, tree.Compare) and any(operator.endswith("in") for operator, _ in node.comparisons))
                for node in own(test)
            )
        )


def row_loops(domain: Domain, body: Body) -> Iterator[RowLoop]:
    """The loops of a body over rows that may be many, in the order of the text."""
    for event in body.events:
        if event.deed is not Deed.ITERATED:
            continue
        node = event.node
        assert isinstance(node, tree.For | tree.CompFor)
        source = _source(domain, event.value)
        if source is not None:
            yield RowLoop(domain, body, node, tuple(_inside(domain, body, node)), source)


def _inside(domain: Domain, body: Body, loop: LoopNode) -> Iterator[tree.Node]:
    if isinstance(loop, tree.For):
        yield from loop.body
        return
    comprehension = function_text(domain, body).parents.get(loop)
    if not isinstance(comprehension, tree.Comprehension):
        return
    yield from loop.ifs
    position = comprehension.generators.index(loop)
    yield from comprehension.generators[position + 1 :]
    yield from comprehension.elements


# --- rows -------------------------------------------------------------------------------------------------------------


def _source(domain: Domain, term: Term) -> Source | None:
    """The rows that a loop over a term goes through; None when these are not known to be rows, or are few."""
    term = _rows_term(term)
    if not isinstance(term, t.Call | t.Await | t.Join | t.Declared | t.Attr | t.Ref | t.Enter):
        return None
    models: list[ProjectClass] = []
    is_any = False
    for each in alternatives(unwrapped(domain.value_of(term))):
        value = unwrapped(each)
        rows = value if isinstance(value, Rows) else statements.looped(domain.evaluator, value)
        if rows is not None:
            if not _is_many(domain, rows):
                return None
            assert rows.statement is not None
            models.extend(selected(rows.statement))
            is_any = True
        elif isinstance(value, Many) and isinstance(value.element, Entity) and value.element.is_loaded:
            models.append(value.element.model)
            is_any = True
        elif not _is_empty(value):
            return None
    known = [models_of(domain.evaluator).of(model) for model in models]
    if not is_any or not known or all(model is not None and model.is_lookup for model in known):
        return None
    return Source(tuple(dict.fromkeys(models)))


def _rows_term(term: Term) -> Term:
    """What a loop goes through, without what only hands it on, or derives one value from each row."""
    while True:
        match term:
            case t.Call(func=t.Ref(path=path), args=args) if args and (
                path in SAME_ROWS or path == "builtins.enumerate"
            ):
                term = args[-1 if path == "builtins.filter" else 0]
            case t.Call(func=t.Attr(base=t.Mapped() as base, name=name)) if name in _VIEWS:
                term = base
            case t.Mapped(source=source, kind="list" | "generator" | "dict"):
                term = source
            case t.Declared(value=value) if value is not None:
                term = value
            case _:
                return term


def _is_many(domain: Domain, rows: Rows) -> bool:
    if rows.statement is None or rows.consumer.shape not in _ROWS or rows.consumer.name in _IN_PARTS:
        return False
    steps = rows.statement.steps
    if any(step.role in {Role.LOCKS, Role.WRITES, Role.RETURNING} for step in steps):
        return False  # a queue of jobs, each of which is work of its own
    strongest = bound(domain.evaluator, rows)
    if strongest in {Bound.KEYED, Bound.GROUPED}:
        return False
    limits = [step.args[0] for step in steps if step.role is Role.BOUNDS and step.name == "limit" and step.args]
    return not any(isinstance(each, Literal) and isinstance(each.value, int) and each.value <= FEW for each in limits)


def _is_empty(value: object) -> bool:
    """Whether a value is a list that is made empty, or nothing."""
    if isinstance(value, TupleValue):
        return not value.elements
    return value == Literal(None) or (isinstance(value, Many) and value.element == Unknown("empty"))


# --- text -------------------------------------------------------------------------------------------------------------


def names_in(node: tree.Node) -> frozenset[str]:
    """The names that a piece of text reads or binds."""
    return frozenset(each.id for each in own(node) if isinstance(each, tree.Name))


def _bindings(node: tree.Node) -> Iterator[tuple[tree.Node, tree.Node]]:
    match node:
        case tree.Assign():
            yield from ((target, node.value) for target in node.targets)
        case tree.AnnAssign() if node.value is not None:
            yield node.target, node.value
        case tree.AugAssign() | tree.NamedExpr():
            yield node.target, node.value
        case tree.For() | tree.CompFor():
            yield node.target, node.iter
        case tree.WithItem() if node.target is not None:
            yield node.target, node.context
        case _:
            return


def _breaks(stmt: tree.Stmt) -> bool:
    """Whether a statement may break out of the loop that it stands in."""
    if isinstance(stmt, tree.Break):
        return True
    if isinstance(stmt, tree.Function | tree.Class):
        return False
    blocks: Iterable[tree.Block] = tree.blocks_of(stmt)
    if isinstance(stmt, tree.For | tree.While):
        blocks = (stmt.orelse,)
    return any(_breaks(inner) for block in blocks for inner in block)


__all__ = ["LoopNode", "RowLoop", "Source", "names_in", "own", "row_loops"]
