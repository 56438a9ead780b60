"""Steps within expressions: operands of conditions, awaits and yields, in the order of evaluation.

Most expressions have no step of their own: they belong to the step of their statement.  Two things break a statement
up.  A condition of `if`, `while`, `assert`, of a guard or of a conditional expression becomes one TEST step for each
operand of its `and`, `or` and `not`, so that a client sees on the edge which operand was true.  And an `await` or
`yield`, wherever it is, becomes a step, since it can end in other ways than its statement; operators that evaluate it
only sometimes (`a and await b`, `x if t else await y`, an asynchronous comprehension) become branches.

One simplification: calls to the left of an `await` in the same expression (`f(g(), await h())`) count as made in the
step of the statement, that is after the await.
"""

from __future__ import annotations

from sqla_leaklint.flow.assembly import Assembler, Frontier, Loose
from sqla_leaklint.flow.cfg import Completion, EdgeKind, Step, StepKind
from sqla_leaklint.flow.evaluation import operands, operands_first, suspending
from sqla_leaklint.syntax import tree

# Deeper than this, a condition is one operand, and awaits are taken in the order of the text, without branches.
_MAX_DEPTH = 100


def branch(asm: Assembler, test: tree.Expr, depth: int = 0) -> tuple[Frontier, Frontier]:
    """Build the evaluation of a condition; return the loose ends for true and for false, and leave no frontier."""
    if not asm.frontier:
        return [], []
    match test:
        case tree.Not() if depth < _MAX_DEPTH:
            on_true, on_false = branch(asm, test.value, depth + 1)
            return on_false, on_true
        case tree.BoolOp() if depth < _MAX_DEPTH:
            return _branch_operands(asm, test, depth)
        case tree.Conditional() if depth < _MAX_DEPTH:
            on_true, on_false = branch(asm, test.test, depth + 1)
            asm.frontier = on_true
            body = branch(asm, test.body, depth + 1)
            asm.frontier = on_false
            orelse = branch(asm, test.orelse, depth + 1)
            return body[0] + orelse[0], body[1] + orelse[1]
        case tree.Constant():
            step = asm.add(StepKind.TEST, test)
            asm.frontier = []
            is_true = bool(test.value)
            return ([Loose(step, EdgeKind.TRUE)], []) if is_true else ([], [Loose(step, EdgeKind.FALSE)])
        case _:
            return _ends(asm, _test(asm, test))


def _branch_operands(asm: Assembler, test: tree.BoolOp, depth: int) -> tuple[Frontier, Frontier]:
    decided: Frontier = []  # false for `and`, true for `or`
    for operand in _chain(test):
        on_true, on_false = branch(asm, operand, depth + 1)
        asm.frontier, early = (on_true, on_false) if test.operator == "and" else (on_false, on_true)
        decided += early
    undecided, asm.frontier = asm.frontier, []
    return (undecided, decided) if test.operator == "and" else (decided, undecided)


def _chain(test: tree.BoolOp) -> list[tree.Expr]:
    """Return the operands of `a and b and c`, which is nested to the left as deep as it is long."""
    found: list[tree.Expr] = []
    left: tree.Expr = test
    while isinstance(left, tree.BoolOp) and left.operator == test.operator:
        found.append(left.right)
        left = left.left
    return [left, *reversed(found)]


def _test(asm: Assembler, operand: tree.Expr) -> Step:
    asm.evaluated.discard(operand)  # it may be there from another copy of a `finally` block
    evaluate(asm, operand)
    step = asm.add(StepKind.TEST, operand)
    asm.may_raise(step, operand, acts=False)
    asm.evaluated.add(operand)
    return step


def _ends(asm: Assembler, step: Step) -> tuple[Frontier, Frontier]:
    asm.frontier = []
    return [Loose(step, EdgeKind.TRUE)], [Loose(step, EdgeKind.FALSE)]


def evaluate(asm: Assembler, expr: tree.Expr) -> None:
    """Build the steps of the awaits and yields in `expr`; the rest is left to the step of its statement."""
    marked = suspending(expr)
    if marked:
        _evaluate(asm, expr, marked, 0)


def _evaluate(asm: Assembler, expr: tree.Expr, marked: frozenset[tree.Expr], depth: int) -> None:
    if expr not in marked or not asm.frontier:
        return
    if depth == _MAX_DEPTH:
        for inner in operands_first(expr):
            _suspend(asm, inner)
        return
    match expr:
        case tree.BoolOp() if expr.right in marked:
            on_true, on_false = branch(asm, expr.left, depth + 1)
            asm.frontier, done = (on_true, on_false) if expr.operator == "and" else (on_false, on_true)
            _evaluate(asm, expr.right, marked, depth + 1)
            asm.frontier = asm.frontier + done
        case tree.Conditional() if expr.body in marked or expr.orelse in marked:
            on_true, on_false = branch(asm, expr.test, depth + 1)
            asm.frontier = on_true
            _evaluate(asm, expr.body, marked, depth + 1)
            done, asm.frontier = asm.frontier, on_false
            _evaluate(asm, expr.orelse, marked, depth + 1)
            asm.frontier = done + asm.frontier
        case tree.Compare() if len(expr.comparisons) > 1:
            _evaluate_comparisons(asm, expr, marked, depth)
        case tree.Comprehension() if expr.kind != "generator":
            _evaluate_comprehension(asm, expr, marked, depth)
        case _:
            for operand in operands(expr):
                _evaluate(asm, operand, marked, depth + 1)
            _suspend(asm, expr)


def _suspend(asm: Assembler, expr: tree.Expr) -> None:
    match expr:
        case tree.Await():
            step = asm.add(StepKind.AWAIT, expr)
            ways_out = [Completion.CANCELLATION]
        case tree.Yield():
            step = asm.add(StepKind.YIELD, expr)
            # What drives the generator may throw its own cancellation in here: `asynccontextmanager` does.
            ways_out = [Completion.CANCELLATION] if asm.is_async else []
            ways_out.append(Completion.GENERATOR_EXIT)
        case _:
            return
    asm.evaluated.discard(expr)
    asm.may_raise(step, expr, acts=False)
    asm.evaluated.add(expr)
    for completion in ways_out:
        asm.depart_from(step, completion)


def _evaluate_comparisons(asm: Assembler, expr: tree.Compare, marked: frozenset[tree.Expr], depth: int) -> None:
    """`a < b < await c` does not get to the await if `a < b` is false."""
    left, first, *rest = operands(expr)
    _evaluate(asm, left, marked, depth + 1)
    _evaluate(asm, first, marked, depth + 1)
    done: Frontier = []
    for operand in rest:
        if operand in marked:
            on_true, on_false = _ends(asm, asm.add(StepKind.TEST, expr))
            done += on_false
            asm.frontier = on_true
            _evaluate(asm, operand, marked, depth + 1)
    asm.frontier = asm.frontier + done


def _evaluate_comprehension(asm: Assembler, expr: tree.Comprehension, marked: frozenset[tree.Expr], depth: int) -> None:
    """An asynchronous comprehension is a nest of loops; what may raise in its elements raises in the innermost NEXT."""
    heads: list[Step] = []
    done: Frontier = []
    for loop in expr.generators:
        _evaluate(asm, loop.iter, marked, depth + 1)
        head = asm.add(StepKind.NEXT, loop)
        on_item, exhausted = _ends(asm, head)
        asm.may_raise(head, loop.iter)
        if loop.is_async:
            asm.depart_from(head, Completion.CANCELLATION)
        if heads:
            asm.connect(exhausted, heads[-1], is_back=True)
        else:
            done = exhausted
        heads.append(head)
        asm.frontier = on_item
        for test in loop.ifs:
            asm.frontier, skipped = branch(asm, test, depth + 1)
            asm.connect(skipped, head, is_back=True)
    for element in expr.elements:
        _evaluate(asm, element, marked, depth + 1)
    asm.may_raise(heads[-1], *expr.elements)
    asm.evaluated.add(expr)
    asm.connect(asm.frontier, heads[-1], is_back=True)
    asm.frontier = done
