"""Queries that are sent in every round of a loop over the rows of another query.

Terms
    *per row*: the query depends on the row, so that one statement for all rows (a join, `IN`, an eager load) would do;
    *invariant*: it depends on nothing that the loop binds or changes, so that it belongs above the loop.

    for user in session.scalars(select(User)):
        team = session.scalar(select(Team).where(Team.id == user.team_id))      # per row
        rate = session.scalar(select(Rate).where(Rate.name == "default"))       # invariant
        profile = profile_of(session, user)          # per row, if `profile_of` sends a query whenever it is called

Nothing is said of loops whose rounds are jobs of their own (they commit, roll back, wait, or open a session), of rounds
that may end the loop, and of queries that are sent in some rounds only, unless the row alone decides in which.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

from sqla_leaklint.domain.linking.library import unwrapped
from sqla_leaklint.domain.rows.certain_queries import Hop, certain_query, sent_queries
from sqla_leaklint.domain.rows.queries import function_text
from sqla_leaklint.domain.rows.row_loops import RowLoop, names_in, own, row_loops
from sqla_leaklint.domain.values import (
    Awaitable,
    BoundMethod,
    Clause,
    Literal,
    ModelAttribute,
    ProjectClass,
    ProjectFunction,
    ResultValue,
    Rows,
    Statement,
    Symbol,
    alternatives,
)
from sqla_leaklint.domain.writes.flushing import may_call, may_send
from sqla_leaklint.knowledge.facts import Kind
from sqla_leaklint.semantic.body import Body
from sqla_leaklint.semantic.events import Deed
from sqla_leaklint.syntax import tree

if TYPE_CHECKING:
    from sqla_leaklint.domain.module import Domain

_ENDS_ITS_WORK = frozenset({"commit", "rollback", "begin", "begin_nested"})
_ENDS_A_ROUND = _ENDS_ITS_WORK | {"close", "aclose", "sleep"}
_WRITES = frozenset({"add", "add_all", "delete", "merge", "flush", "refresh", "expire", "expire_all", "update"})
_CONNECTED = (Kind.SESSION, Kind.ASYNC_SESSION, Kind.CONNECTION, Kind.ASYNC_CONNECTION)
_CLAUSES = (Awaitable, BoundMethod, Clause, Literal, ModelAttribute, ProjectClass, ResultValue, Rows, Statement)


class Repetition(Enum):
    PER_ROW = "per row"
    INVARIANT = "invariant"


@dataclass(frozen=True, slots=True, eq=False)
class RepeatedQuery:
    """`node` is the call that sends the query or, through the `way`, the one that makes a function send it."""

    domain: Domain
    loop: RowLoop
    node: tree.Expr
    kind: Repetition
    way: tuple[Hop, ...] = ()

    @staticmethod
    def find(domain: Domain) -> Iterator[RepeatedQuery]:
        """The repeated queries of a module, in the order of its bodies."""
        for body in domain.bodies:
            loops = [loop for loop in row_loops(domain, body) if not loop.is_left_early]
            if loops:
                yield from _Finder(domain, body, loops).found()


class _Finder:
    """Looks through the loops of one body."""

    def __init__(self, domain: Domain, body: Body, loops: list[RowLoop]) -> None:
        self.domain = domain
        self.body = body
        self.loops: dict[tree.Node, RowLoop] = {loop.node: loop for loop in loops}
        self.text = function_text(domain, body)

    def found(self) -> Iterator[RepeatedQuery]:
        for query in sent_queries(self.domain, self.body):
            loop = self.loop_around(query.node)
            kind = self._kind(loop, query.node) if loop is not None else None
            if loop is not None and kind is not None and not self._is_of_jobs(loop):
                yield RepeatedQuery(self.domain, loop, query.node, kind)
        for event in self.body.events:
            if event.deed is not Deed.CALLED or not isinstance(event.node, tree.Call):
                continue
            loop = self.loop_around(event.node)
            if loop is None or not names_in(event.node) & loop.of_the_row:
                continue
            way = certain_query(self.domain, self.body, event)
            if way and not self._is_of_jobs(loop):
                yield RepeatedQuery(self.domain, loop, event.node, Repetition.PER_ROW, way)

    # --- where it stands ---

    def loop_around(self, node: tree.Node) -> RowLoop | None:
        """The innermost loop over rows that runs a node in every round."""
        conditions: list[tree.Expr] = []
        child, parent = node, self.text.parents.get(node)
        while parent is not None:
            loop: RowLoop | None = None
            match parent:
                case tree.Function() | tree.Lambda() | tree.Class() | tree.ExceptHandler() | tree.MatchCase():
                    return None
                case tree.While():
                    return None  # it polls, or turns pages
                case tree.If() if child is not parent.test:
                    conditions.append(parent.test)
                case tree.Conditional() if child is not parent.test:
                    conditions.append(parent.test)
                case tree.BoolOp() if child is parent.right:
                    conditions.append(parent.left)
                case tree.For() if child in parent.body:
                    conditions.extend(_tests_before(parent.body, child))
                    loop = self.loops.get(parent)
                case tree.Comprehension():
                    loop = self._comprehended(parent, child, conditions)
                case _:
                    pass
            if isinstance(parent, tree.If | tree.With | tree.Try):
                for block in tree.blocks_of(parent):
                    if child in block:
                        conditions.extend(_tests_before(block, child))
            if loop is not None:
                return loop if all(loop.is_of_row(test) for test in conditions) else None
            child, parent = parent, self.text.parents.get(parent)
        return None

    def _comprehended(
        self, comprehension: tree.Comprehension, child: tree.Node, conditions: list[tree.Expr]
    ) -> RowLoop | None:
        generators = comprehension.generators
        if isinstance(child, tree.CompFor):
            # What it goes through, and its conditions with it, are run by the ones before it.
            generators = generators[: generators.index(child)]
        conditions.extend(test for generator in generators for test in generator.ifs)
        return next((self.loops[each] for each in reversed(generators) if each in self.loops), None)

    # --- what it depends on ---

    def _kind(self, loop: RowLoop, node: tree.Expr) -> Repetition | None:
        names = names_in(node)
        if names & loop.of_the_row:
            return Repetition.PER_ROW
        return Repetition.INVARIANT if self._is_invariant(loop, node) else None

    def _is_invariant(self, loop: RowLoop, node: tree.Expr) -> bool:
        inner = set(own(node))
        if names_in(node) & loop.bound or not all(self._is_clause(each) for each in inner):
            return False
        if not isinstance(node, tree.Call) or self._changes(loop):
            return False
        given = frozenset(name for argument in node.args for name in names_in(argument.value))
        touched = frozenset(
            each.id
            for outer in loop.region - inner
            if isinstance(outer, tree.Attribute | tree.Subscript)
            for each in (outer.value,)
            if isinstance(each, tree.Name)
        )
        return not given & touched

    def _is_clause(self, node: tree.Node) -> bool:
        """Whether a call, if it is one, only says what is asked for."""
        if not isinstance(node, tree.Call):
            return True
        value = unwrapped(self.domain.value(node))
        function = self.domain.value(node.func)
        is_library = isinstance(function, Symbol) and function.path.startswith(("sqlalchemy.", "sqlmodel."))
        return is_library or all(isinstance(each, _CLAUSES) for each in alternatives(value)) or node.args == ()

    def _changes(self, loop: RowLoop) -> bool:
        """Whether a round may write: what a query finds then depends on the rounds before."""
        for node in loop.region:
            if isinstance(node, tree.Attribute | tree.Subscript) and self._is_target(node):
                return True
            if isinstance(node, tree.Call):
                value = self.domain.value(node.func)
                if isinstance(node.func, tree.Attribute) and node.func.attr in _WRITES:
                    return True
                if isinstance(value, ProjectFunction) and may_send(self.domain.evaluator, value):
                    return True
        return False

    def _is_target(self, node: tree.Expr) -> bool:
        parent = self.text.parents.get(node)
        if isinstance(parent, tree.Assign):
            return node in parent.targets
        return isinstance(parent, tree.AugAssign | tree.AnnAssign) and node is parent.target

    # --- jobs ---

    def _is_of_jobs(self, loop: RowLoop) -> bool:
        """Whether the rounds of a loop are units of work of their own."""
        evaluator = self.domain.evaluator
        for node in loop.region:
            if isinstance(node, tree.WithItem):
                term = self.domain.term(node.context)
                is_async = isinstance(parent := self.text.parents.get(node), tree.With) and parent.is_async
                entered = evaluator.entered(self.domain.value_of(term), is_async=is_async) if term is not None else None
                if entered is not None and evaluator.classes.is_a(entered, *_CONNECTED):
                    return True
            if not isinstance(node, tree.Call):
                continue
            name = node.func.attr if isinstance(node.func, tree.Attribute) else getattr(node.func, "id", "")
            if name in _ENDS_A_ROUND:
                return True
            value = self.domain.value(node.func)
            if isinstance(value, ProjectFunction) and may_call(evaluator, value, _ENDS_ITS_WORK):
                return True
        return False


def _tests_before(block: tree.Block, stmt: tree.Node) -> Iterator[tree.Expr]:
    """The conditions on which a block skips the rest of a round before it comes to a statement."""
    for each in block:
        if each is stmt:
            return
        if isinstance(each, tree.If) and _skips(each):
            yield each.test


def _skips(stmt: tree.Stmt) -> bool:
    if isinstance(stmt, tree.Continue):
        return True
    if isinstance(stmt, tree.Function | tree.Class | tree.For | tree.While):
        return False
    return any(_skips(inner) for block in tree.blocks_of(stmt) for inner in block)
