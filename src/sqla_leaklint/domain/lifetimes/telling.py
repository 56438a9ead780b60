"""Telling tests: the conditions by which a function finds out later whether a handler ran, and acts on it.

try:
session.flush()
except IntegrityError:
is_stored = False        # bound by the handler …
if is_stored:                # … so this tells
session.commit()
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from itertools import takewhile
from typing import NamedTuple

from sqla_leaklint.domain.lifetimes.paths import releasing_tests
from sqla_leaklint.domain.lifetimes.restoring import may_restore
from sqla_leaklint.domain.lifetimes.sessions_in_use import SessionInUse
from sqla_leaklint.flow.evaluation import subexpressions
from sqla_leaklint.flow.exceptions import statements_within
from sqla_leaklint.semantic.events import Deed
from sqla_leaklint.syntax import tree
from sqla_leaklint.syntax.walk import walk


class _Telling(NamedTuple):
    """The names by which it can be known later that a handler ran, and for what: what it binds or grows, what its
    `try` binds, what it counts.
    """

    by_handler: frozenset[str]
    by_body: frozenset[str]
    counted: frozenset[str]


class TellingTests:
    """The telling tests of one function, as far as a session is concerned."""

    def __init__(self, session: SessionInUse) -> None:
        self.session = session
        self._told: dict[tree.Node, _Telling] = {}

    def has(self, test: tree.Node, handler: tree.ExceptHandler | None, is_later_round: bool) -> bool:
        """Whether a condition depends on whether a handler ran, or whether the session is to be restored.

        `is_later_round`: a loop has gone round since, so that what the `try` binds is bound anew.
        """
        if test in self._restoring_tests:
            return True
        if handler is None or not isinstance(test, tree.Expr):
            return False
        names = self._told_by(handler)
        told = names.by_handler if is_later_round else names.by_handler | names.by_body
        if test not in self._loop_tests:
            told |= names.counted
        return any(isinstance(node, tree.Name) and node.id in told for node in subexpressions(test))

    @cached_property
    def _loop_tests(self) -> frozenset[tree.Node]:
        loops = (stmt for stmt in statements_within(self.session.function.body) if isinstance(stmt, tree.While))
        return frozenset(node for loop in loops for node in subexpressions(loop.test))

    @cached_property
    def _restoring_tests(self) -> frozenset[tree.Node]:
        """The conditions of an `if` that restores the session on one side."""
        restoring = {
            event.node
            for event in self.session.body.events
            if event.deed is Deed.CALLED and may_restore(self.session, event.call)
        }
        return releasing_tests(self.session.function, restoring, ())

    def _told_by(self, handler: tree.ExceptHandler) -> _Telling:
        if handler not in self._told:
            statement = statement_of(self.session.function, handler)
            self._told[handler] = _Telling(
                frozenset({handler.name or "", *_bound_by(handler.body)}),
                frozenset(_bound_by((*statement.body, *statement.orelse))),
                frozenset(_counted_by(handler.body)),
            )
        return self._told[handler]


def statement_of(function: tree.Function, handler: tree.ExceptHandler) -> tree.Try:
    """The `try` that a handler of a function belongs to."""
    return next(
        stmt for stmt in statements_within(function.body) if isinstance(stmt, tree.Try) and handler in stmt.handlers
    )


def wanted_local(test: tree.Node | None) -> str | None:
    """The name for which a condition asks whether it is bound: `"user" in locals()`."""
    match test:
        case tree.Compare(
            left=tree.Constant(value=str() as name), comparisons=(("in", tree.Call(func=tree.Name(id="locals"))),)
        ):
            return name
        case _:
            return None


def is_new_after(function: tree.Function, name: str, node: tree.Node) -> bool:
    """Whether a name is nothing yet when the statement of a node begins: no text before it has it, and no loop is
    round it.
    """
    around = [stmt for stmt in statements_within(function.body) if node in walk(stmt)]
    if not around or any(isinstance(stmt, tree.For | tree.While) for stmt in around):
        return False
    innermost = min(around, key=lambda stmt: len(list(walk(stmt))))
    before = takewhile(lambda each: each is not innermost, walk(function))
    is_parameter = any(parameter.name == name for parameter in function.params)
    return not is_parameter and not any(isinstance(each, tree.Name) and each.id == name for each in before)


def is_empty_after(function: tree.Function, name: str, node: tree.Node) -> bool:
    """Whether a name is an empty collection where a node has failed: `rows = []` comes before, and nothing else binds
    it or grows it but a statement that the node is in, or that follows it in its `try`.
    """
    stmts = [each for each in walk(function) if isinstance(each, tree.Stmt)]
    if any(_binds(stmt, name) for stmt in stmts):
        return False
    match [stmt for stmt in stmts if next(tree.blocks_of(stmt), None) is None and name in _bound_by((stmt,))]:
        case [
            tree.Assign(value=tree.Display(elements=()) | tree.DictDisplay(items=()))
            | tree.AnnAssign(value=tree.Display(elements=()) | tree.DictDisplay(items=())) as emptying,
            filling,
        ]:
            loops = (set(walk(stmt)) for stmt in stmts if isinstance(stmt, tree.For | tree.While))
            is_emptied = all(emptying in inner for inner in loops if node in inner)  # in each round anew
            tries = [list(_nodes_within(stmt.body)) for stmt in stmts if isinstance(stmt, tree.Try)]
            is_after = any(
                filling in inner and node in takewhile(lambda each: each is not filling, inner) for inner in tries
            )
            return is_emptied and (is_after or node in walk(filling))
        case _:
            return False


def _binds(stmt: tree.Stmt, name: str) -> bool:
    """Whether a compound statement binds a name itself."""
    match stmt:
        case tree.For(target=target):
            targets: list[tree.Node] = [target]
        case tree.With(items=items):
            targets = [item.target for item in items if item.target is not None]
        case _:
            return False
    return any(isinstance(each, tree.Name) and each.id == name for target in targets for each in walk(target))


def _bound_by(block: tree.Block) -> Iterator[str]:
    for node in _nodes_within(block):
        match node:
            case tree.Assign(targets=targets):
                yield from (each.id for target in targets for each in walk(target) if isinstance(each, tree.Name))
            case tree.AnnAssign(target=tree.Name(id=name)) | tree.NamedExpr(target=tree.Name(id=name)):
                yield name
            case tree.Call(
                func=tree.Attribute(value=tree.Name(id=name), attr="append" | "extend" | "add" | "update" | "set")
            ):
                yield name
            case _:
                pass


def _counted_by(block: tree.Block) -> Iterator[str]:
    for node in _nodes_within(block):
        if isinstance(node, tree.AugAssign):
            yield from (each.id for each in walk(node.target) if isinstance(each, tree.Name))


def _nodes_within(block: tree.Block) -> Iterator[tree.Node]:
    return (node for stmt in block for node in walk(stmt))
