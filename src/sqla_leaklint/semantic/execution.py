"""Symbolic execution: runs every body of a module once, in order, with terms instead of values.

Terms
    *environment*: what each local name is at this point of the text.  *Join*: two ways meet; a name that differs
    becomes
    a `Join` of both.  *Event*: something that the body does with a value (`semantic.events`).

The execution is flow-sensitive and forgets nothing but loops: a loop body is run twice, the second time in the join of
what holds
before and after the first, which is enough for a statement that is built up or a session that is replaced in a loop.
A path that returns or raises is not joined.

    def rows(db, limit):              # environment
        q = select(User)              # q: Call(select, User)
        if limit is None:
            raise BadRequest          # (ends here)
        else:
            q = q.limit(limit)        # q: Call(Attr(Call(select, User), "limit"), Param limit)
        return db.scalars(q).all()    # only the limited statement arrives: bounded

Nothing is looked up outside the module: the result is a function of the module's name and tree.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sqla_leaklint.semantic import terms as t
from sqla_leaklint.semantic.body import Body, Environment
from sqla_leaklint.semantic.definitions import DefinitionExecutor
from sqla_leaklint.semantic.events import Deed
from sqla_leaklint.semantic.scope import names_in
from sqla_leaklint.syntax import tree


class Executor(DefinitionExecutor):
    """Executes a module: first its own body, then every function in the order of the text."""

    def __init__(self, module: str, is_package: bool) -> None:
        super().__init__(module, is_package)
        self._breaks: list[list[Environment]] = []
        self._is_second_pass = False
        self._statements: dict[type, Callable[[Any], None]] = {
            tree.ExprStmt: self._expression,
            tree.Assign: self._assign,
            tree.AnnAssign: self._ann_assign,
            tree.AugAssign: self._aug_assign,
            tree.TypeAliasStmt: lambda s: self.bind(s.name, self.term(s.value)),
            tree.Return: self._return,
            tree.Raise: self._raise,
            tree.Assert: self._assert,
            tree.Delete: self._delete,
            tree.Import: self.do_import,
            tree.ImportFrom: self.do_import_from,
            tree.If: self._if,
            tree.For: self._for,
            tree.While: self._while,
            tree.With: self._with,
            tree.Try: self._try,
            tree.Match: self._match,
            tree.Function: self.define_function,
            tree.Class: self.define_class,
            tree.Break: self._break,
            tree.Continue: self._continue,
        }

    def run(self, module: tree.Module) -> None:
        """Execute a module; afterwards `bodies`, `terms` and `sites` are complete."""
        self.module_body = self.body = Body("", module, None, names_in(module.body))
        self.bodies[""] = self.body
        self.env = {}
        self.execute(module.body)
        position = 0
        while position < len(self.pending):
            body, env = self.pending[position]
            position += 1
            self.body, self.env, self.stmt = body, env, None
            assert isinstance(body.node, tree.Function)
            self.execute(body.node.body)
        self.pending.clear()
        # The tables of bound methods are a cycle; without it a dropped module is freed at once.
        self._dispatch.clear()
        self._statements.clear()

    # --- blocks ---

    def execute(self, block: tree.Block) -> None:
        for stmt in block:
            if self.env is None:
                return
            handler = self._statements.get(stmt.__class__)
            if handler is not None:
                self.stmt = stmt
                handler(stmt)

    def _joined(self, *environments: Environment | None) -> Environment | None:
        """The environment where several ways meet; ways that ended do not arrive."""
        arriving = [env for env in environments if env is not None]
        if not arriving:
            return None
        result = dict(arriving[0])
        for env in arriving[1:]:
            for name, value in env.items():
                known = result.get(name)
                if known is not value:
                    result[name] = value if known is None else self.pool.join(known, value)
        return result

    def _branch(self, env: Environment | None, block: tree.Block) -> Environment | None:
        self.env = None if env is None else dict(env)
        self.execute(block)
        return self.env

    # --- simple statements ---

    def _expression(self, stmt: tree.ExprStmt) -> None:
        self.term(stmt.value)

    def _assign(self, stmt: tree.Assign) -> None:
        value = self.term(stmt.value)
        for target in stmt.targets:
            self.unpack(target, value)
        if len(stmt.targets) == 1:
            self.gather(stmt.targets[0], stmt.value, value)
        if self.body is self.module_body:
            for target in stmt.targets:
                if isinstance(target, tree.Name):
                    self.emit(Deed.STORED_GLOBAL, value, target, key=target.id)

    def _ann_assign(self, stmt: tree.AnnAssign) -> None:
        annotation = self.term(stmt.annotation)
        value = self.term(stmt.value) if stmt.value is not None else None
        if isinstance(stmt.target, tree.Name) and isinstance(self.body.node, tree.Class):
            self.body.annotations[stmt.target.id] = annotation
        if value is None and isinstance(self.body.node, tree.Function | tree.Module):
            return
        self.unpack(stmt.target, self.pool.make(t.Declared, value, annotation))
        if stmt.value is not None and value is not None:
            self.gather(stmt.target, stmt.value, value)

    def _aug_assign(self, stmt: tree.AugAssign) -> None:
        known = self.known_before(stmt.target) if stmt.operator == "+=" else None
        base = self.term(stmt.target)
        value = self.term(stmt.value)
        self.emit(Deed.AUGMENTED, value, stmt, base=base, key=stmt.operator)
        if isinstance(stmt.target, tree.Name):
            self.bind(stmt.target.id, self.pool.join(base, value))
            self.add_to(stmt.target, stmt.value, value, known)

    def _return(self, stmt: tree.Return) -> None:
        value = self.term(stmt.value) if stmt.value is not None else self.pool.make(t.Const, None)
        self.emit(Deed.RETURNED, value, stmt)
        self.env = None

    def _raise(self, stmt: tree.Raise) -> None:
        if stmt.exc is not None:
            self.emit(Deed.RAISED, self.term(stmt.exc), stmt)
        if stmt.cause is not None:
            self.term(stmt.cause)
        self.env = None

    def _assert(self, stmt: tree.Assert) -> None:
        self.term(stmt.test)
        if stmt.msg is not None:
            self.term(stmt.msg)

    def _delete(self, stmt: tree.Delete) -> None:
        for target in stmt.targets:
            match target:
                case tree.Name():
                    self.emit(Deed.DELETED_NAME, self.term(target), target)
                    assert self.env is not None
                    self.env.pop(target.id, None)
                case tree.Subscript():
                    base = self.term(target.value)
                    keys = [self.term(item) for item in target.index]
                    self.emit(Deed.DELETED_ITEM, base, target, base=base, key=keys[0])
                case _:
                    self.term(target)

    # --- control flow ---

    def _if(self, stmt: tree.If) -> None:
        holds, fails = self.tested(stmt.test)
        after = self._branch(holds, stmt.body)
        self.env = self._joined(after, self._branch(fails, stmt.orelse))

    def _for(self, stmt: tree.For) -> None:
        iterated = self.looped_over(stmt.iter)
        self.emit(Deed.ITERATED, iterated, stmt)
        element = self.pool.make(t.Element, iterated, stmt.is_async)

        def head() -> None:
            self.stmt = stmt
            self.unpack(stmt.target, element)

        self._loop(head, stmt.body, stmt.orelse, is_endless=False)

    def _while(self, stmt: tree.While) -> None:
        is_endless = isinstance(stmt.test, tree.Constant) and bool(stmt.test.value)

        def head() -> None:
            self.stmt = stmt
            self.term(stmt.test)

        self._loop(head, stmt.body, stmt.orelse, is_endless=is_endless)

    def _loop(self, head: Callable[[], None], body: tree.Block, orelse: tree.Block, *, is_endless: bool) -> None:
        before = self.env
        assert before is not None
        rebound = names_in(body).bound
        outer = self.enter_loop(rebound)
        if not self._is_second_pass and any(name in before for name in rebound):
            # What the body rebinds is seen by its own next round: try it once to know what it makes of it.
            was_recording, self.is_recording, self._is_second_pass = self.is_recording, False, True
            once, broken = self._round(before, head, body)
            self.is_recording, self._is_second_pass = was_recording, False
            before = self._joined(before, once, *broken) or before
        after, broken = self._round(before, head, body)
        finished = None if is_endless else self._joined(before, after)
        self.env = self._joined(self._branch(finished, orelse), *broken)
        self.leave_loop(outer)

    def _round(
        self, env: Environment, head: Callable[[], None], body: tree.Block
    ) -> tuple[Environment | None, list[Environment]]:
        self.env = dict(env)
        self._breaks.append([])
        head()
        self.execute(body)
        return self.env, self._breaks.pop()

    def _break(self, _: tree.Break) -> None:
        if self._breaks and self.env is not None:
            self._breaks[-1].append(self.env)
        self.env = None

    def _continue(self, _: tree.Continue) -> None:
        self.go_on()
        self.env = None

    def _with(self, stmt: tree.With) -> None:
        for item in stmt.items:
            value = self.term(item.context)
            self.emit(Deed.ENTERED, value, item)
            if item.target is not None:
                self.unpack(item.target, self.pool.make(t.Enter, value, stmt.is_async))
        self.execute(stmt.body)

    def _try(self, stmt: tree.Try) -> None:
        before = self.env
        assert before is not None
        reached, normal = before, self._branch(before, ())
        for inner in stmt.body:
            if normal is None:
                break
            reached = normal
            self.execute((inner,))
            normal = self.env
        # A handler may be entered from any statement of the body, so with what held before or after each of them.
        raised = self._joined(before, reached, normal)
        handled: list[Environment | None] = []
        for handler in stmt.handlers:
            self.env = dict(raised or {})
            if handler.type is not None:
                self.term(handler.type)
            if handler.name is not None:
                self.bind(handler.name, self.pool.make(t.Caught))
            self.execute(handler.body)
            handled.append(self.env)
        normal = self._branch(normal, stmt.orelse)
        leaving = self._joined(normal, *handled)
        if not stmt.finalbody:
            self.env = leaving
            return
        ended = leaving is None
        self.env = self._joined(leaving, raised)
        self.execute(stmt.finalbody)
        if ended:
            self.env = None

    def _match(self, stmt: tree.Match) -> None:
        self.term(stmt.subject)
        before = self.env
        ways: list[Environment | None] = []
        for case in stmt.cases:
            self.env = dict(before or {})
            for value in case.values:
                self.term(value)
            for name in case.captures:
                self.bind(name, self.opaque("matched"))
            if case.guard is not None:
                self.term(case.guard)
            self.execute(case.body)
            ways.append(self.env)
        is_exhaustive = any(case.is_irrefutable and case.guard is None for case in stmt.cases)
        self.env = self._joined(*ways, None if is_exhaustive else before)
