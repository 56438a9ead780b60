"""What an expression or statement evaluates, in which order, and where it may be suspended."""

from __future__ import annotations

from collections.abc import Container, Iterator

from sqla_leaklint.syntax import tree


def operands(expr: tree.Expr) -> tuple[tree.Expr, ...]:
    """Return the direct sub-expressions that are evaluated with `expr`, in Python's order.

    The body of a lambda is not evaluated, nor that of a generator expression, apart from its outermost iterable.
    """
    match expr:
        case tree.Name() | tree.Constant():
            return ()
        case tree.Call():
            return (expr.func, *(argument.value for argument in expr.args))
        case tree.Attribute() | tree.Await() | tree.Starred() | tree.Not():
            return (expr.value,)
        case tree.Operation():
            return expr.operands
        case tree.Subscript():
            return (expr.value, *expr.index)
        case tree.Display():
            return expr.elements
        case tree.DictDisplay():
            return tuple(part for item in expr.items for part in item if part is not None)
        case tree.BoolOp():
            return (expr.left, expr.right)
        case tree.Compare():
            return (expr.left, *(right for _, right in expr.comparisons))
        case tree.Conditional():
            return (expr.test, expr.body, expr.orelse)
        case tree.NamedExpr():
            return (expr.value, expr.target)
        case tree.Yield():
            return () if expr.value is None else (expr.value,)
        case tree.Lambda():
            return tuple(param.default for param in expr.params if param.default is not None)
        case tree.Comprehension(kind="generator"):
            return (expr.generators[0].iter,)
        case tree.Comprehension():
            loops = (part for loop in expr.generators for part in (loop.iter, *loop.ifs))
            return (*loops, *expr.elements)
        case _:
            return ()


def subexpressions(*roots: tree.Expr, outside: Container[tree.Node] = ()) -> Iterator[tree.Expr]:
    """Yield `roots` and all that is evaluated with them, but neither what is in `outside` nor what is below that."""
    # A stack of our own: a chain of a thousand `+` is a thousand levels deep.
    waiting = list(reversed(roots))
    while waiting:
        expr = waiting.pop()
        if expr in outside:
            continue
        yield expr
        waiting.extend(reversed(operands(expr)))


def operands_first(root: tree.Expr) -> list[tree.Expr]:
    """Return the `subexpressions` in the order in which their evaluation ends: operands before what uses them."""
    found: list[tree.Expr] = []
    waiting = [root]
    while waiting:
        expr = waiting.pop()
        found.append(expr)
        waiting.extend(operands(expr))
    found.reverse()
    return found


def suspending(root: tree.Expr) -> frozenset[tree.Expr]:
    """Return the `subexpressions` that are, or hold, an `await`, a `yield` or an asynchronous comprehension."""
    if not any(map(_suspends, subexpressions(root))):
        return frozenset()
    seen: list[tuple[tree.Expr, int]] = [(root, -1)]
    for place, (expr, _) in enumerate(seen):  # grows while it is read: breadth first, so parents precede children
        seen.extend((operand, place) for operand in operands(expr))
    found = {place for place, (expr, _) in enumerate(seen) if _suspends(expr)}
    for place in range(len(seen) - 1, 0, -1):
        if place in found:
            found.add(seen[place][1])
    return frozenset(seen[place][0] for place in found)


def _suspends(expr: tree.Expr) -> bool:
    match expr:
        case tree.Await() | tree.Yield():
            return True
        case tree.Comprehension():
            return expr.kind != "generator" and any(loop.is_async for loop in expr.generators)
        case _:
            return False


def evaluated_by(stmt: tree.Stmt) -> tuple[tree.Expr, ...]:
    """Return the expressions that a statement evaluates itself, in order, without those of its blocks.

    Annotations are left out: whether and when they are evaluated depends on the version and on a future import.
    """
    match stmt:
        case tree.Assign():
            return (stmt.value, *stmt.targets)
        case tree.AnnAssign():
            return (stmt.target,) if stmt.value is None else (stmt.value, stmt.target)
        case tree.AugAssign():
            return (stmt.target, stmt.value)
        case tree.ExprStmt():
            return (stmt.value,)
        case tree.Return():
            return () if stmt.value is None else (stmt.value,)
        case tree.Raise():
            return tuple(part for part in (stmt.exc, stmt.cause) if part is not None)
        case tree.Assert():
            return (stmt.test,) if stmt.msg is None else (stmt.test, stmt.msg)
        case tree.Delete():
            return stmt.targets
        case tree.Function():
            defaults = (param.default for param in stmt.params if param.default is not None)
            return (*stmt.decorators, *defaults)
        case tree.Class():
            return (*stmt.decorators, *(argument.value for argument in stmt.args))
        case tree.If() | tree.While():
            return (stmt.test,)
        case tree.For():
            return (stmt.iter, stmt.target)
        case tree.With():
            return tuple(part for item in stmt.items for part in (item.context, item.target) if part is not None)
        case tree.Match():
            return (stmt.subject, *(case.guard for case in stmt.cases if case.guard is not None))
        case _:
            return ()
