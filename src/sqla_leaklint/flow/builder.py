"""Builds the control-flow graph of a body.

Terms.  A *step* is one unit of execution.  A *completion* is the way in which a block ends: it falls through (normal),
or it is left by return, break, continue, an exception, a cancellation, the closing of its generator.  A *frame* is an
enclosing statement that has a word to say when a completion passes on its way out: a loop takes break and continue,
handlers take exceptions, `finally` and `with` take everything and let it go on afterwards.

The builder walks the statements once, in the order of the text, and keeps the *frontier*: the loose ends of what was
built last, to which the next step is connected.  A step that leaves its block hands a loose end to the innermost frame
that stops its completion, where it waits.  When the body of that frame is built, the frame is popped, and for *each*
completion that waits, the `finally` block is built once more, after which the completion departs again, now seen by
the frames further out.  So a return through `finally` never mixes with falling through, and a statement in a `finally`
block has as many steps as the block has ways in.

    def f():              ENTRY
        s = make()          |
        try:           [s = make()] --------------------------- exception --.
            if s.ok:        |                                               |
                return s  [s.ok] ---- false ----> [s.close()] - exception --+
        finally:            | true                     |                    |
            s.close()  [return s]                  [log(s)] --- exception --+
        log(s)              | jump                     |                    |
                       [s.close()'] -- exception ------|--------------------+
                            |                          |                    |
                        [RESUME]                       |                    |
                            | jump                     |                    v
                            '---------> EXIT <---------'               RAISE_EXIT

`s.close()` and `s.close()'` carry the same node; the second has `completion` RETURN.  Were `s.ok` to raise, there would
be a third with EXCEPTION, whose RESUME raises again.  After RESUME the way goes on to the frames outside.

Unreachable statements have no steps.  The body of a nested function is not entered, nor that of a class.
"""

from __future__ import annotations

from collections.abc import Callable

from sqla_leaklint.flow import cleanup
from sqla_leaklint.flow import exceptions as defaults
from sqla_leaklint.flow.assembly import INTERCEPTS_LOOP, Assembler, Frame, Frontier, Loose
from sqla_leaklint.flow.cfg import Completion, EdgeKind, Graph, Step, StepKind
from sqla_leaklint.flow.conditions import branch, evaluate
from sqla_leaklint.flow.evaluation import evaluated_by
from sqla_leaklint.syntax import tree


def build_cfg(
    function: tree.Function | tree.Module | tree.Lambda,
    *,
    may_raise: Callable[[tree.Node], bool] = defaults.may_raise,
    may_suppress: Callable[[tree.WithItem, Completion], bool] = defaults.may_suppress,
    never_returns: Callable[[tree.Call], bool] = defaults.never_returns,
) -> Graph:
    """Return the control flow of a body.

    `may_raise(node)` is asked of every node that a step evaluates, and answers for that node alone, without operands;
    it is asked of a WithItem for entering, of a With for leaving, of a For or CompFor for the next item.
    `may_suppress(item, completion)` says whether a context may swallow an exception of that kind, and
    `never_returns(call)` whether a call that is a statement always raises SystemExit.
    """
    policy = defaults.Policy(may_raise, may_suppress, never_returns)
    return _Builder(function, policy).build()


class _Builder(cleanup.Cleanup):
    """Statements that are no `try` and no `with`."""

    def __init__(self, root: tree.Function | tree.Module | tree.Lambda, policy: defaults.Policy) -> None:
        super().__init__(Assembler(root, policy, is_async=isinstance(root, tree.Function) and root.is_async))
        self.root = root

    def build(self) -> Graph:
        if isinstance(self.root, tree.Lambda):
            evaluate(self.asm, self.root.body)
            step = self.asm.add(StepKind.STATEMENT, self.root.body)
            self.asm.may_raise(step, self.root.body, acts=False)
        else:
            self.block(self.root.body)
        self.asm.connect(self.asm.frontier, self.asm.exit)
        return self.asm.graph()

    def block(self, block: tree.Block) -> None:
        for stmt in block:
            if not self.asm.frontier:
                return
            self._statement(stmt)

    def _statement(self, stmt: tree.Stmt) -> None:
        match stmt:
            case tree.If():
                self._if(stmt)
            case tree.While():
                self._while(stmt)
            case tree.For():
                self._for(stmt)
            case tree.Match():
                self._match(stmt)
            case tree.With():
                self.with_items(stmt, 0)
            case tree.Try():
                self.try_(stmt)
            case tree.Assert():
                self._assert(stmt)
            case _:
                self._simple(stmt)

    def _simple(self, stmt: tree.Stmt) -> None:
        asm = self.asm
        evaluates = evaluated_by(stmt)
        for expr in evaluates:
            evaluate(asm, expr)
        step = asm.add(StepKind.STATEMENT, stmt)
        match stmt:
            case tree.Break():
                self._jump(step, Completion.BREAK)
            case tree.Continue():
                self._jump(step, Completion.CONTINUE)
            case tree.Pass() | tree.Global() | tree.Nonlocal():
                pass
            case tree.Raise():
                asm.may_raise(step, *evaluates)
                for completion in self.raised(stmt):
                    self._jump(step, completion)
            case tree.Return():
                asm.may_raise(step, *evaluates)
                self._jump(step, Completion.RETURN)
            case tree.ExprStmt(value=tree.Call() as call) if asm.policy.never_returns(call):
                asm.may_raise(step, *(argument.value for argument in call.args), acts=False)
                self._jump(step, Completion.INTERRUPT)
            case _:
                asm.may_raise(step, *evaluates)

    def _jump(self, step: Step, completion: Completion) -> None:
        self.asm.depart_from(step, completion)
        self.asm.frontier = []

    def _assert(self, stmt: tree.Assert) -> None:
        on_true, self.asm.frontier = branch(self.asm, stmt.test)
        if self.asm.frontier:
            if stmt.msg is not None:
                evaluate(self.asm, stmt.msg)
            self._jump(self.asm.add(StepKind.STATEMENT, stmt), Completion.EXCEPTION)
        self.asm.frontier = on_true

    def _if(self, stmt: tree.If) -> None:
        after: Frontier = []
        # A chain of `elif` is as deep as it is long, so it is walked, not descended.
        while True:
            self.asm.frontier, on_false = branch(self.asm, stmt.test)
            self.block(stmt.body)
            after += self.asm.frontier
            self.asm.frontier = on_false
            match stmt.orelse:
                case (tree.If() as elif_,) if on_false:
                    stmt = elif_
                case _:
                    break
        self.block(stmt.orelse)
        self.asm.frontier = after + self.asm.frontier

    def _while(self, stmt: tree.While) -> None:
        head_index = len(self.asm.steps)
        on_true, on_false = branch(self.asm, stmt.test)
        self._loop(stmt, self.asm.steps[head_index], on_true, on_false)

    def _for(self, stmt: tree.For) -> None:
        asm = self.asm
        evaluate(asm, stmt.iter)
        asm.may_raise(asm.add(StepKind.ITERATOR, stmt), stmt.iter, acts=False)
        head = asm.add(StepKind.NEXT, stmt)
        asm.may_raise(head, stmt.target)
        if stmt.is_async:
            asm.depart_from(head, Completion.CANCELLATION)
        self._loop(stmt, head, [Loose(head, EdgeKind.TRUE)], [Loose(head, EdgeKind.FALSE)])

    def _loop(self, stmt: tree.While | tree.For, head: Step, on_true: Frontier, on_false: Frontier) -> None:
        asm = self.asm
        loop = Frame(INTERCEPTS_LOOP)
        asm.frames.append(loop)
        asm.frontier = on_true
        self.block(stmt.body)
        asm.frames.pop()
        asm.connect(asm.frontier, head, is_back=True)
        asm.connect(loop.taken(Completion.CONTINUE), head, is_back=True)
        asm.frontier = on_false
        self.block(stmt.orelse)
        asm.frontier = asm.frontier + loop.taken(Completion.BREAK)

    def _match(self, stmt: tree.Match) -> None:
        asm = self.asm
        evaluate(asm, stmt.subject)
        asm.may_raise(asm.add(StepKind.SUBJECT, stmt), stmt.subject, acts=False)
        after: Frontier = []
        for case in stmt.cases:
            if not asm.frontier:
                break
            step = asm.add(StepKind.CASE, case)
            asm.may_raise(step, *case.values)
            otherwise = [] if case.is_irrefutable else [Loose(step, EdgeKind.FALSE)]
            asm.frontier = [Loose(step, EdgeKind.TRUE)]
            if case.guard is not None:
                asm.frontier, rejected = branch(asm, case.guard)
                otherwise += rejected
            self.block(case.body)
            after += asm.frontier
            asm.frontier = otherwise
        asm.frontier = after + asm.frontier
