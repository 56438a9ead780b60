"""Expressions to terms: the half of symbolic execution that looks at one expression in one environment."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from sqla_leaklint.semantic import terms as t
from sqla_leaklint.semantic.body import BUILTINS, Body, Environment, super_arguments
from sqla_leaklint.semantic.events import Deed, Event
from sqla_leaklint.semantic.scope import Names
from sqla_leaklint.semantic.terms import Term
from sqla_leaklint.syntax import tree


class ExpressionExecutor:
    """Holds the environment and turns expressions into terms; statements are a subclass's business."""

    def __init__(self, module: str) -> None:
        self.module = module
        self.pool = t.Pool()
        self.terms: dict[tree.Expr, Term] = {}
        self.sites: dict[tree.Call, int] = {}
        self.bodies: dict[str, Body] = {}
        self.star_imports: list[str] = []
        self.env: Environment | None = {}
        self.body: Body
        self.module_body: Body
        self.stmt: tree.Stmt | None = None
        self.is_recording = True
        self._lambda: str | None = None
        self._dispatch: dict[type, Callable[[Any], Term]] = {
            tree.Name: self._name,
            tree.Attribute: self._attribute,
            tree.Constant: self._constant,
            tree.Call: self._call,
            tree.Await: self._await,
            tree.Yield: self._yield,
            tree.Lambda: self._lambda_expression,
            tree.Subscript: self._subscript,
            tree.Starred: lambda e: self.starred(e.value, 1),
            tree.Display: self._display,
            tree.DictDisplay: self._dict,
            tree.BoolOp: self._bool_op,
            tree.Not: self._not,
            tree.Compare: self._compare,
            tree.Conditional: self._conditional,
            tree.NamedExpr: self._named,
            tree.Comprehension: self._comprehension,
            tree.Operation: self._operation,
        }

    # --- what the statements use ---

    def term(self, expr: tree.Expr) -> Term:
        """The term of an expression in the present environment; remembered for the expression."""
        found = self.terms[expr] = self._dispatch[expr.__class__](expr)
        return found

    def emit(
        self,
        deed: Deed,
        value: Term,
        node: tree.Node,
        *,
        base: Term | None = None,
        key: Term | str | None = None,
        body: Body | None = None,
    ) -> None:
        if self.is_recording:
            (body or self.body).events.append(Event(deed, value, node, self.stmt, base, key))

    def opaque(self, reason: str) -> Term:
        return self.pool.make(t.Opaque, reason)

    def bind(self, name: str, value: Term) -> None:
        """Assign to a name of the present scope (or to the global or enclosing one that it is declared to be)."""
        body = self.body
        if name in body.names.declared_global or name in body.names.declared_nonlocal:
            self.emit(Deed.STORED_GLOBAL, value, self.stmt or body.node, key=name)
            owner = self.module_body if name in body.names.declared_global else body
            owner.bindings[name] = self.pool.join(owner.bindings[name], value) if name in owner.bindings else value
            return
        assert self.env is not None
        self.env[name] = value
        if self._lambda is None:
            known = body.bindings.get(name)
            body.bindings[name] = value if known is None else self.pool.join(known, value)

    # --- names ---

    def _name(self, expr: tree.Name) -> Term:
        name = expr.id
        if self.env is not None and name in self.env:
            found = self.env[name]
            if self._lambda is not None and not (isinstance(found, t.Param) and found.function == self._lambda):
                self.emit(Deed.CAPTURED, found, expr, key=self._lambda)
            return found
        return self.free_name(name, expr)

    def free_name(self, name: str, node: tree.Node) -> Term:
        """What a name means that the present environment does not bind."""
        if self.body.is_function and name in self.body.names.bound:
            return self.opaque("not bound yet")
        scope = self.body.parent
        while scope is not None:
            if scope.is_function and name in scope.names.bound:
                return self._captured(scope, name, node)
            scope = scope.parent
        return self.global_name(name)

    def _captured(self, scope: Body, name: str, node: tree.Node) -> Term:
        parameter = self.pool.make(t.Param, scope.qualname, name)
        value = scope.bindings.get(name)
        self.emit(Deed.CAPTURED, value or parameter, node, key=self.body.qualname, body=scope)
        return self.pool.make(t.Local, scope.qualname, name) if value is not None else parameter

    def global_name(self, name: str) -> Term:
        """A name of the module, as every function of it sees it: an absolute path."""
        value = self.module_body.bindings.get(name)
        if isinstance(value, t.Ref):
            return value
        if value is not None or name in self.module_body.names.bound:
            return self.pool.make(t.Ref, f"{self.module}.{name}")
        if name in BUILTINS:
            return self.pool.make(t.Ref, f"builtins.{name}")
        if self.star_imports:
            return self.pool.make(t.Ref, f"{self.module}.{name}")
        return self.opaque("a name that nothing binds")

    # --- the kinds of expression ---

    def _attribute(self, expr: tree.Attribute) -> Term:
        base = self.term(expr.value)
        if base.__class__ is t.Ref:
            return self.pool.make(t.Ref, f"{base.path}.{expr.attr}")
        return self.pool.make(t.Attr, base, expr.attr)

    def _constant(self, expr: tree.Constant) -> Term:
        value = expr.value
        if value is None or isinstance(value, str | bytes | int | float | bool):
            return self.pool.make(t.Const, value)
        return self.opaque("a literal")

    def _call(self, expr: tree.Call) -> Term:
        func = self.term(expr.func)
        args: list[Term] = []
        keywords: list[tuple[str, Term]] = []
        for argument in expr.args:
            if argument.keyword is not None:
                keywords.append((argument.keyword, self.term(argument.value)))
            elif argument.star:
                args.append(self.starred(argument.value, len(argument.star)))
            else:
                args.append(self.term(argument.value))
        if not args and func.__class__ is t.Ref and func.path == "builtins.super":
            args.extend(super_arguments(self.body, self.pool))
        site = self.sites.setdefault(expr, len(self.sites))
        call = self.pool.make(t.Call, func, tuple(args), tuple(keywords), site)
        self.emit(Deed.CALLED, call, expr)
        return call

    def starred(self, expr: tree.Expr, depth: int) -> Term:
        """What stands for any number of arguments or elements."""
        return self.pool.make(t.Star, self.term(expr), depth)

    def _await(self, expr: tree.Await) -> Term:
        self.body.awaits = True
        return self.pool.make(t.Await, self.term(expr.value))

    def _yield(self, expr: tree.Yield) -> Term:
        self.body.yields = True
        value = self.term(expr.value) if expr.value is not None else self.pool.make(t.Const, None)
        if expr.is_from:
            value = self.pool.make(t.Element, value, False)
        self.emit(Deed.YIELDED, value, expr)
        return self.opaque("what the generator is sent")

    def _lambda_expression(self, expr: tree.Lambda) -> Term:
        assert self.env is not None
        qualname = f"{self.body.qualname}.<lambda {len(self.sites)}>"
        for parameter in expr.params:
            if parameter.default is not None:
                self.term(parameter.default)
        outer_env, outer_lambda = self.env, self._lambda
        self.env = outer_env | {p.name: self.pool.make(t.Param, qualname, p.name) for p in expr.params}
        self._lambda = qualname
        value = self.term(expr.body)
        self.env, self._lambda = outer_env, outer_lambda
        body = Body(qualname, expr, self.body, Names(frozenset(p.name for p in expr.params), frozenset(), frozenset()))
        body.events.append(Event(Deed.RETURNED, value, expr.body, self.stmt))
        self.bodies[qualname] = body
        return self.pool.make(t.FunctionRef, qualname)

    def _subscript(self, expr: tree.Subscript) -> Term:
        value = self.term(expr.value)
        index = tuple(self.term(item) for item in expr.index)
        key = index[0] if len(index) == 1 else self.pool.make(t.Collection, "tuple", index)
        return self.pool.make(t.Item, value, key)

    def _display(self, expr: tree.Display) -> Term:
        elements = tuple(self.term(element) for element in expr.elements)
        self._collect(elements, expr.elements)
        return self.pool.make(t.Collection, expr.kind, elements)

    def _collect(self, elements: Iterable[Term], nodes: Iterable[tree.Expr]) -> None:
        for element, node in zip(elements, nodes, strict=True):
            self.emit(Deed.COLLECTED, element, node)

    def _dict(self, expr: tree.DictDisplay) -> Term:
        keys: list[Term] = []
        values: list[Term] = []
        for key, value in expr.items:
            term = self.term(value)
            keys.append(self.opaque("unpacked") if key is None else self.term(key))
            values.append(self.pool.make(t.Star, term, 2) if key is None else term)
            self.emit(Deed.COLLECTED, term, value)
        return self.pool.make(t.Collection, "dict", tuple(values), tuple(keys))

    def _bool_op(self, expr: tree.BoolOp) -> Term:
        left, right = self.term(expr.left), self.term(expr.right)
        return left if left is right else self.pool.make(t.Join, (left, right), expr.operator)

    def _not(self, expr: tree.Not) -> Term:
        self.term(expr.value)
        return self.opaque("a truth value")

    def _compare(self, expr: tree.Compare) -> Term:
        left = self.term(expr.left)
        (operator, right), *others = [(operator, self.term(operand)) for operator, operand in expr.comparisons]
        return self.opaque("a chain of comparisons") if others else self.pool.make(t.Compare, operator, left, right)

    def _conditional(self, expr: tree.Conditional) -> Term:
        self.term(expr.test)
        return self.pool.join(self.term(expr.body), self.term(expr.orelse))

    def _named(self, expr: tree.NamedExpr) -> Term:
        value = self.term(expr.value)
        if isinstance(expr.target, tree.Name):
            self.bind(expr.target.id, value)
            self.terms[expr.target] = value
        return value

    def _comprehension(self, expr: tree.Comprehension) -> Term:
        assert self.env is not None
        outer = self.env
        source: Term | None = None
        for generator in expr.generators:
            iterated = self.term(generator.iter)
            self.emit(Deed.ITERATED, iterated, generator)
            source = source or iterated
            self.env = dict(self.env)
            self.unpack(
                generator.target, self.pool.make(t.Element, iterated, generator.is_async), bind=self.env.__setitem__
            )
            for condition in generator.ifs:
                self.term(condition)
        elements = [self.term(element) for element in expr.elements]
        self._collect(elements, expr.elements)
        self.env = outer
        return self.pool.make(t.Mapped, expr.kind, elements[-1], source)

    def _operation(self, expr: tree.Operation) -> Term:
        operands = tuple(self.term(operand) for operand in expr.operands)
        kind = "union" if expr.kind == "binary:|" else expr.kind
        return self.pool.make(t.Collection, kind, operands) if kind in KEPT else self.opaque(f"an operation ({kind})")

    def unpack(self, target: tree.Expr, value: Term, bind: Callable[[str, Term], None] | None = None) -> None:
        """Assign a value to a target of any shape."""
        match target:
            case tree.Name():
                (bind or self.bind)(target.id, value)
                self.terms[target] = value
            case tree.Display():
                for position, element in enumerate(target.elements):
                    self.unpack(element, self._part(value, position, len(target.elements)), bind)
            case tree.Starred():
                self.unpack(target.value, self.opaque("the rest of an unpacking"), bind)
            case tree.Attribute():
                base = self.term(target.value)
                self.terms[target] = value
                self.emit(Deed.STORED_ATTRIBUTE, value, target, base=base, key=target.attr)
            case tree.Subscript():
                base = self.term(target.value)
                index = tuple(self.term(item) for item in target.index)
                key = index[0] if len(index) == 1 else self.pool.make(t.Collection, "tuple", index)
                self.emit(Deed.STORED_ITEM, value, target, base=base, key=key)
            case _:
                pass

    def _part(self, value: Term, position: int, length: int) -> Term:
        if isinstance(value, t.Collection) and value.kind in {"tuple", "list"} and len(value.elements) == length:
            return value.elements[position]
        return self.pool.make(t.Item, value, self.pool.make(t.Const, position))


_KEPT = "slice f-string concatenation union binary:+ binary:% binary:& unary:~ unary:-"
KEPT = frozenset(_KEPT.split())
"""Operations whose operands later floors look at: slices, keys put together by `+` or `%`, clauses, numbers below 0."""
