"""What becomes of rows after they were fetched, within the function that fetched them.

Terms
    *holder*: an expression whose term is the rows themselves, or one of them; aliases, loop variables, unpacking and
    comprehensions follow from the terms.  *Use*: what is done with a holder, by the expression or statement around it.

Every use is seen or the value *escapes*: whatever is not one of the harmless uses below counts as leaving the
function's sight.

    users = session.scalars(select(User)).all()      # the rows
    if not users: return []                          # TESTED
    return [u.email for u in users]                  # ITERATED; `u` is a row: READ email
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

from sqla_leaklint.domain.rows.holders import ONE_ROW, SAME_ROWS, Holders
from sqla_leaklint.domain.values import Clause
from sqla_leaklint.semantic import terms as t
from sqla_leaklint.semantic.body import Body
from sqla_leaklint.semantic.events import Deed
from sqla_leaklint.semantic.terms import Term
from sqla_leaklint.syntax import tree
from sqla_leaklint.syntax.walk import children

if TYPE_CHECKING:
    from sqla_leaklint.domain.module import Domain


class Deal(Enum):
    """What is done with rows or a row."""

    READ = "read"
    """An attribute of a row is read."""
    COMPARED = "compared"
    """An attribute of a row is only compared with something."""
    WRITTEN = "written"
    CALLED = "called"
    """A method of a row is called."""
    TESTED = "tested"
    """Only the truth of it, or whether it is None, is looked at."""
    MEASURED = "measured"
    """Its length is taken."""
    ITERATED = "iterated"
    INDEXED = "indexed"
    SLICED = "sliced"
    RETURNED = "returned"
    YIELDED = "yielded"
    PASSED = "passed"
    """It is an argument of a call."""
    COLLECTED = "collected"
    """It is put in a list, dict or other object, or in an attribute."""
    CAPTURED = "captured"
    """A nested function reads it."""
    ELSE = "something else"


@dataclass(frozen=True, slots=True)
class Use:
    """One use, at `node`: of the rows or (`of_row`) of one of them; `name` is the attribute's or method's."""

    deal: Deal
    node: tree.Node
    of_row: bool
    name: str = ""


@dataclass(frozen=True, slots=True)
class Usage:
    """All uses of some rows, in the order of the text."""

    uses: tuple[Use, ...]

    def of(self, *deals: Deal) -> list[Use]:
        return [use for use in self.uses if use.deal in deals]

    @property
    def attributes(self) -> frozenset[str]:
        """What is read of the rows."""
        return frozenset(use.name for use in self.of(Deal.READ))

    @property
    def is_fully_seen(self) -> bool:
        """Whether nothing but reading attributes, testing and counting is ever done with the rows."""
        return not [use for use in self.uses if use.deal not in _HARMLESS]

    @property
    def is_only_counted(self) -> bool:
        """Whether all that is asked of the rows is how many there are, if any, or which is the first."""
        return bool(self.uses) and all(
            use.deal in {Deal.MEASURED, Deal.TESTED, Deal.INDEXED, Deal.SLICED} for use in self.uses if not use.of_row
        )


_HARMLESS = frozenset({Deal.READ, Deal.COMPARED, Deal.TESTED, Deal.MEASURED, Deal.ITERATED, Deal.INDEXED, Deal.SLICED})

_WITH_KEY = frozenset({"builtins.sorted", "builtins.min", "builtins.max"})
_TESTS = frozenset({"builtins.bool", "builtins.any", "builtins.all", "builtins.isinstance"})


class FunctionText:
    """One function's text: the parent of each node, and its expressions; made when first asked for."""

    def __init__(self, domain: Domain, body: Body) -> None:
        self.domain = domain
        self.body = body
        self.parents: dict[tree.Node, tree.Node] = {}
        self.expressions: list[tree.Expr] = []
        pending: list[tree.Node] = [body.node]
        while pending:
            node = pending.pop()
            if isinstance(node, tree.Expr):
                self.expressions.append(node)
            if isinstance(node, tree.Function | tree.Class) and node is not body.node:
                continue
            below = list(children(node))
            self.parents.update(dict.fromkeys(below, node))
            pending.extend(reversed(below))

    def usage(self, term: Term, *, is_row: bool) -> Usage:
        """What is done with the value of a term."""
        holders = Holders(term, is_row=is_row)
        keyed: dict[str, tree.Expr] = {}
        uses: list[Use] = []
        terms = self.domain.module.executor.terms
        for expr in self.expressions:
            known = terms.get(expr)
            held = holders.is_row(known) if known is not None else None
            if held is not None:
                uses.extend(self._uses(expr, held, keyed))
        for expr in self.expressions if keyed else ():
            known = terms.get(expr)
            if isinstance(known, t.Param) and known.function in keyed:
                uses.extend(self._uses(expr, True, keyed))
        for event in self.body.events:
            if event.deed is not Deed.CAPTURED or not isinstance(event.key, str) or "<lambda" in event.key:
                continue  # what a lambda does is in this function's text
            held = holders.is_row(event.value)
            if held is not None:
                uses.append(Use(Deal.CAPTURED, event.node, held))
        return Usage(tuple(uses))

    def is_of(self, term: Term, root: Term, *, is_row: bool) -> bool:
        """Whether a term is the value of another one, or a part of it."""
        return Holders(root, is_row=is_row).is_row(term) is not None

    # --- one holder ---

    def _uses(self, expr: tree.Expr, held: bool, keyed: dict[str, tree.Expr]) -> Iterator[Use]:
        parent = self.parents.get(expr)
        match parent:
            case tree.Attribute():
                yield self._attribute(parent, held)
            case tree.Call() | tree.Argument():
                yield from self._argument(expr, parent, held, keyed)
            case tree.For() | tree.CompFor():
                yield from self._loop(expr, parent, held)
            case tree.Assign() | tree.AnnAssign() | tree.NamedExpr():
                if expr is parent.value:
                    targets = parent.targets if isinstance(parent, tree.Assign) else (parent.target,)
                    for target in targets:
                        is_kept = not self.body.is_function or not isinstance(target, tree.Name | tree.Display)
                        if is_kept or (held and isinstance(target, tree.Display)):
                            yield Use(Deal.COLLECTED, parent, held)
            case tree.Subscript():
                if expr is parent.value:
                    is_slice = any(isinstance(item, tree.Operation) and item.kind == "slice" for item in parent.index)
                    yield Use(Deal.ELSE if held else Deal.SLICED if is_slice else Deal.INDEXED, parent, held)
                else:
                    yield Use(Deal.ELSE, parent, held)
            case tree.Return():
                yield Use(Deal.RETURNED, parent, held)
            case tree.Yield():
                yield Use(Deal.YIELDED, parent, held)
            case tree.If() | tree.While() | tree.Assert() | tree.Not():
                yield Use(Deal.TESTED, parent, held)
            case tree.Conditional():
                if expr is parent.test:
                    yield Use(Deal.TESTED, parent, held)
            case tree.Compare():
                yield self._comparison(expr, parent, held)
            case tree.BoolOp():
                if expr is parent.left and self._is_test(parent):
                    yield Use(Deal.TESTED, parent, held)
            case tree.Comprehension():
                # `[row for row in rows]` is a holder of its own; a dict of rows is not followed.
                if parent.kind == "dict" or not held:
                    yield Use(Deal.COLLECTED, parent, held)
            case tree.ExprStmt() | tree.Await() | tree.Delete() | tree.Starred():
                if isinstance(parent, tree.Starred):
                    yield Use(Deal.PASSED, parent, held)
            case tree.Display() | tree.DictDisplay():
                if not self._is_target(parent):
                    yield Use(Deal.COLLECTED, parent, held)
            case _:
                yield Use(Deal.ELSE, parent or expr, held)

    def _attribute(self, attribute: tree.Attribute, held: bool) -> Use:
        outer = self.parents.get(attribute)
        name = attribute.attr
        if not held:
            is_harmless = isinstance(outer, tree.Call) and name in {"pop", "copy"}
            return Use(Deal.INDEXED if is_harmless else Deal.ELSE, attribute, held, name)
        match outer:
            case tree.Call() if outer.func is attribute:
                return Use(Deal.CALLED, outer, held, name)
            case tree.Assign() if attribute in outer.targets:
                return Use(Deal.WRITTEN, outer, held, name)
            case tree.AnnAssign() | tree.AugAssign() if attribute is outer.target:
                return Use(Deal.WRITTEN, outer, held, name)
            case tree.Delete() | tree.Display() if self._is_target(attribute):
                return Use(Deal.WRITTEN, outer, held, name)
            case tree.For() | tree.CompFor() if attribute is outer.target:
                return Use(Deal.WRITTEN, outer, held, name)
            case tree.Compare() if not isinstance(self.domain.value(outer), Clause):  # that has the value in a query
                return Use(Deal.COMPARED, attribute, held, name)
            case _:
                return Use(Deal.READ, attribute, held, name)

    def _argument(
        self, expr: tree.Expr, parent: tree.Call | tree.Argument, held: bool, keyed: dict[str, tree.Expr]
    ) -> Iterator[Use]:
        call = parent if isinstance(parent, tree.Call) else self.parents[parent]
        if not isinstance(call, tree.Call):
            yield Use(Deal.ELSE, parent, held)
            return
        if expr is call.func:
            yield Use(Deal.ELSE, call, held)
            return
        function = self.domain.term(call.func)
        path = function.path if isinstance(function, t.Ref) else ""
        terms = self.domain.module.executor.terms
        if path == "builtins.len":
            yield Use(Deal.MEASURED, call, held)
        elif path in _TESTS:
            yield Use(Deal.TESTED, call, held)
        elif not held and (path in SAME_ROWS or path in ONE_ROW or path == "builtins.enumerate"):
            for argument in call.args:
                key = terms.get(argument.value)
                if argument.keyword == "key" or (path == "builtins.filter" and argument is call.args[0]):
                    if isinstance(key, t.FunctionRef) and isinstance(argument.value, tree.Lambda):
                        keyed[key.qualname] = argument.value
                    elif not isinstance(argument.value, tree.Constant):
                        yield Use(Deal.PASSED, call, held)
            if path in {"builtins.filter", "builtins.enumerate"} or (
                path in _WITH_KEY and len(call.args) == 1 and path != "builtins.sorted"
            ):
                yield Use(Deal.ITERATED, call, held)
        else:
            yield Use(Deal.PASSED, call, held)

    def _loop(self, expr: tree.Expr, loop: tree.For | tree.CompFor, held: bool) -> Iterator[Use]:
        if expr is loop.iter:
            yield Use(Deal.ELSE if held else Deal.ITERATED, loop, held)
        elif isinstance(loop, tree.CompFor) and expr in loop.ifs:
            yield Use(Deal.TESTED, loop, held)

    def _comparison(self, expr: tree.Expr, compare: tree.Compare, held: bool) -> Use:
        others = [other for _, other in compare.comparisons] if expr is compare.left else [compare.left]
        is_empty = all(
            (isinstance(other, tree.Constant) and other.value is None)
            or (isinstance(other, tree.Display) and not other.elements)
            for other in others
        )
        return Use(Deal.TESTED if is_empty else Deal.ELSE, compare, held)

    def _is_test(self, expr: tree.Expr) -> bool:
        parent = self.parents.get(expr)
        match parent:
            case tree.If() | tree.While() | tree.Conditional():
                return expr is parent.test
            case tree.Not() | tree.Assert():
                return True
            case tree.BoolOp():
                return self._is_test(parent)
            case tree.CompFor():
                return expr in parent.ifs
            case _:
                return False

    def _is_target(self, expr: tree.Expr) -> bool:
        """Whether an expression stands where something is assigned to."""
        parent = self.parents.get(expr)
        match parent:
            case tree.Assign():
                return expr in parent.targets
            case tree.For() | tree.CompFor() | tree.AnnAssign() | tree.NamedExpr():
                return expr is parent.target
            case tree.Display() | tree.Starred():
                return self._is_target(parent)
            case tree.Delete():
                return True
            case _:
                return False
