"""What has been put in a list of a function, at each point of it, while nobody else can have changed the list.

A list that a function writes out, `conditions = []`, is *gathered* as long as only `append`, `insert`, `extend` and
`+=` are done to it, and it is only unpacked, tested, measured, looped over or asked for one item.  Whatever else is
done with its name (an argument, another name, a closure) may change it: from there on it is not known, and neither is
a list that was written out before a loop and is unpacked in it.

    conditions = []                       # Collection("list")
    if owner:
        conditions.append(owned)          # Gathered(<[]>, owned)
    if not conditions:
        return None
    query.where(*conditions)              # Star(…, gathered=Gathered(Join(<[]>, <owned>), None)): it is not empty

The environment keeps what is gathered beside the name, under the name with a star, so that it is joined where ways
meet.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from sqla_leaklint.semantic import terms as t
from sqla_leaklint.semantic.body import Body, Environment
from sqla_leaklint.semantic.emptiness import told_by
from sqla_leaklint.semantic.expressions import ExpressionExecutor
from sqla_leaklint.semantic.terms import Term
from sqla_leaklint.syntax import tree

_ASKS = frozenset({"builtins.len", "builtins.bool", "builtins.any", "builtins.all", "builtins.print"})
"""Called with a list, these leave it as it is and keep nothing of it."""

Expr = TypeVar("Expr", bound=tree.Expr)


class GatheringExecutor(ExpressionExecutor):
    """Follows the lists of each function through the text."""

    def __init__(self, module: str) -> None:
        super().__init__(module)
        self._gathering: set[str] = set()
        """The names, of whatever function, that were bound to a list that is written out."""
        self._spared: set[tree.Name] = set()
        """Uses of such names that leave the list as it is."""
        self._shared: set[Body] = set()
        """Functions that define others, which may change the lists of theirs."""
        self._earlier: frozenset[str] = frozenset()
        """Lists that were written out before the loop that is being executed."""
        self._continued: list[list[Environment]] = []
        """What holds at the `continue` statements of each loop that is being executed."""
        self._lost: set[str] | None = None
        """Inside a comprehension or lambda, whose environment is its own: the lists that may be changed there."""

    # --- what the statements use ---

    def gather(self, target: tree.Expr, value: tree.Expr, term: Term) -> None:
        """Begin with a list, where an assignment binds a name to one that it writes out."""
        if (
            isinstance(target, tree.Name)
            and isinstance(value, tree.Display)
            and value.kind == "list"
            and self.body.is_function
            and self.body not in self._shared
            and target.id not in self.body.names.declared_global | self.body.names.declared_nonlocal
        ):
            self._gathering.add(target.id)
            self._earlier -= {target.id}
            self._keep(target.id, term.value if isinstance(term, t.Declared) and term.value is not None else term)

    def add_to(self, target: tree.Expr, value: tree.Expr, added: Term, known: Term | None) -> None:
        """`target += value`, where `known` was in the list before."""
        if isinstance(target, tree.Name) and known is not None:
            self._keep(target.id, self.pool.make(t.Gathered, known, self._star(value, added)))

    def known_before(self, target: tree.Expr) -> Term | None:
        """What the list of a name holds so far, when it is about to be added to."""
        if not isinstance(target, tree.Name) or target.id in self._earlier:
            return None
        self._spare(target)
        return self._known(target.id)

    def tested(self, test: tree.Expr) -> tuple[Environment | None, Environment | None]:
        """The environments after a test, where it holds and where it does not: `if conditions:` tells of the list."""
        self._spare_tested(test)
        self.term(test)
        found = told_by(test) if self._gathering else None
        if found is None or self.env is None:
            return self.env, self.env
        name, when = found
        known = self._known(name)
        if known is None:
            return self.env, self.env
        something = {**self.env, _key(name): self.pool.make(t.Gathered, known, None)}
        return (something, self.env) if when else (self.env, something)

    def enter_loop(self, rebound: frozenset[str]) -> frozenset[str]:
        """Set aside, for the time of a loop, the lists that are older than it; returns what to leave it with."""
        outer = self._earlier
        self._earlier = outer | frozenset(self._gathering - rebound)
        self._continued.append([])
        return outer

    def leave_loop(self, outer: frozenset[str]) -> None:
        """After a loop: what was gathered before a `continue` is there as well."""
        self._earlier = outer
        for env in self._continued.pop():
            for name in self._gathering:
                known, other = (each.get(_key(name)) if each else None for each in (self.env, env))
                if known is not None and other is not None:
                    self._keep(name, self.pool.join(known, other))

    def go_on(self) -> None:
        """`continue`: what is gathered here is not forgotten with this way."""
        if self._continued and self.env is not None and self._gathering:
            self._continued[-1].append(self.env)

    def looped_over(self, expr: tree.Expr) -> Term:
        """The term of what a loop runs over."""
        self._spare(expr)
        return self.term(expr)

    def share(self) -> None:
        """A function or class is defined here, which may do anything to the lists around it."""
        if self.body.is_function:
            self._shared.add(self.body)
            for name in self._gathering:
                self._let_go(name)

    # --- what is done with a name ---

    def bind(self, name: str, value: Term) -> None:
        super().bind(name, value)
        if name in self._gathering:
            self._let_go(name)

    def _name(self, expr: tree.Name) -> Term:
        found = super()._name(expr)
        if expr.id in self._gathering:
            if expr in self._spared:
                self._spared.discard(expr)
            else:
                self._let_go(expr.id)
        return found

    def _call(self, expr: tree.Call) -> Term:
        if not self._gathering:
            return super()._call(expr)
        known = self._grown_by(expr)
        if known is None:
            if isinstance(expr.func, tree.Name) and self._asks(expr.func) and len(expr.args) == 1:
                self._spare(expr.args[0].value)
            return super()._call(expr)
        assert isinstance(expr.func, tree.Attribute)
        assert isinstance(expr.func.value, tree.Name)
        self._spare(expr.func.value)
        if expr.func.attr == "extend":
            self._spare(expr.args[-1].value)
        call = super()._call(expr)
        assert isinstance(call, t.Call)
        name, last = expr.func.value.id, call.args[-1]
        if self._known(name) is known:  # and the arguments have not let it go
            added = self._star(expr.args[-1].value, last) if expr.func.attr == "extend" else last
            self._keep(name, self.pool.make(t.Gathered, known, added))
        return call

    def _subscript(self, expr: tree.Subscript) -> Term:
        known = self._unpackable(expr.value)
        if known is None or not (len(expr.index) == 1 and isinstance(expr.index[0], tree.Constant)):
            return super()._subscript(expr)
        self._spare(expr.value)
        item = super()._subscript(expr)
        assert isinstance(item, t.Item)
        return self.pool.make(t.Item, known, item.key) if isinstance(known, t.Gathered | t.Join) else item

    def starred(self, expr: tree.Expr, depth: int) -> Term:
        known = self._unpackable(expr) if depth == 1 else None
        self._spare(expr)
        value = self.term(expr)
        return self.pool.make(t.Star, value, depth) if known is None else self.pool.make(t.Star, value, depth, known)

    def _not(self, expr: tree.Not) -> Term:
        self._spare_tested(expr.value)
        return super()._not(expr)

    def _conditional(self, expr: tree.Conditional) -> Term:
        if not self._gathering:
            return super()._conditional(expr)
        self._spare_tested(expr.test)
        self.term(expr.test)
        told = told_by(expr.test)
        ways: list[Term] = []
        for way, holds in ((expr.body, True), (expr.orelse, False)):
            name, known = "", None
            if told is not None and told[1] is holds:
                name, known = told[0], self._known(told[0])
            if known is not None:
                self._keep(name, self.pool.make(t.Gathered, known, None))
            ways.append(self._apart(self.term, way))
            if known is not None and self._known(name) is not None:
                self._keep(name, known)
        return self.pool.join(*ways)

    def _bool_op(self, expr: tree.BoolOp) -> Term:
        return self._apart(super()._bool_op, expr) if self._gathering else super()._bool_op(expr)

    def _comprehension(self, expr: tree.Comprehension) -> Term:
        for generator in expr.generators:
            self._spare(generator.iter)
        return self._apart(super()._comprehension, expr)

    def _lambda_expression(self, expr: tree.Lambda) -> Term:
        return self._apart(super()._lambda_expression, expr)

    def _apart(self, execute: Callable[[Expr], Term], expr: Expr) -> Term:
        """Execute what has an environment of its own; what is let go there is let go here."""
        outer, self._lost = self._lost, set()
        found = execute(expr)
        lost, self._lost = self._lost, outer
        for name in lost:
            self._let_go(name)
        return found

    # --- what is known ---

    def _known(self, name: str) -> Term | None:
        """What the list of a name holds here; None when that is not known."""
        if self.env is None or name not in self._gathering:
            return None
        known = self.env.get(_key(name))
        bound = self.env.get(name)
        if known is None or bound is None:
            return None
        return known if all(_is_written_out(part) for each in (known, bound) for part in t.ways(each)) else None

    def _unpackable(self, expr: tree.Expr) -> Term | None:
        """What a list holds that is read by its name; None within a loop that comes after it."""
        return self._known(expr.id) if isinstance(expr, tree.Name) and expr.id not in self._earlier else None

    def _grown_by(self, expr: tree.Call) -> Term | None:
        """What was in the list that a call adds to, if that is all that the call does."""
        match expr.func:
            case tree.Attribute(value=tree.Name(id=name), attr="append" | "extend" | "insert" as method):
                arguments = 2 if method == "insert" else 1
                plain = len(expr.args) == arguments and all(not (each.keyword or each.star) for each in expr.args)
                return self._known(name) if plain and self._lost is None else None
            case _:
                return None

    def _star(self, expr: tree.Expr, term: Term) -> Term:
        """All the elements of what a list is extended by."""
        known = self._unpackable(expr)
        if known is None and isinstance(term, t.Collection) and term.kind in {"list", "tuple"}:
            known = term
        return self.pool.make(t.Star, term, 1) if known is None else self.pool.make(t.Star, term, 1, known)

    def _keep(self, name: str, known: Term) -> None:
        if self.env is not None:
            self.env[_key(name)] = known

    def _let_go(self, name: str) -> None:
        if self.env is not None and _key(name) in self.env:
            self.env[_key(name)] = self.opaque("a list that may have been changed")
        if self._lost is not None:
            self._lost.add(name)

    def _spare(self, expr: tree.Expr) -> None:
        if isinstance(expr, tree.Name) and expr.id in self._gathering:
            self._spared.add(expr)

    def _spare_tested(self, test: tree.Expr) -> None:
        match test:
            case tree.Name():
                self._spare(test)
            case tree.BoolOp():
                self._spare_tested(test.left)
                self._spare_tested(test.right)
            case tree.Compare(left=tree.Name() as left) if self._gathering:
                self._spare(left)
            case _:
                pass

    def _asks(self, function: tree.Name) -> bool:
        found = None if self.env is not None and function.id in self.env else self.global_name(function.id)
        return isinstance(found, t.Ref) and found.path in _ASKS


def _key(name: str) -> str:
    return f"*{name}"


def _is_written_out(term: Term) -> bool:
    return isinstance(term, t.Collection) and term.kind in {"list", "tuple"}
