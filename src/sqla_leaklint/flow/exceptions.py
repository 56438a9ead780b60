"""Which steps may raise, and which handlers take what: the answers unless the client of a graph knows better."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import Enum

from sqla_leaklint.flow.cfg import Completion
from sqla_leaklint.flow.evaluation import evaluated_by, subexpressions
from sqla_leaklint.syntax import tree


class Catch(Enum):
    """Whether a handler takes an exception."""

    ALWAYS = "always"
    MAYBE = "maybe"
    NEVER = "never"


_INTERRUPTS = frozenset({"SystemExit", "KeyboardInterrupt"})
_BUILTIN_EXITS = frozenset({"exit", "quit"})
# Context managers that swallow what is raised in them.  Others can, but hardly any do.
_SUPPRESSING = frozenset({"suppress", "raises", "assertRaises", "assertRaisesRegex", "ExitStack", "AsyncExitStack"})


def may_raise(node: tree.Node) -> bool:
    """Tell whether `node` by itself may raise an exception, its operands apart.

    Everything can fail; this draws the line where failure is part of the ordinary life of a program: calls, awaits,
    what the driver of a generator throws in, subscripts, attributes of anything but a name, iteration, imports,
    unpacking, entering and leaving a context.  Arithmetic and comparisons are taken to succeed.
    """
    match node:
        case tree.Call() | tree.Await() | tree.Yield() | tree.Subscript() | tree.Import() | tree.ImportFrom():
            return True
        case tree.For() | tree.CompFor():
            is_written_out = isinstance(node.iter, (tree.Display, tree.DictDisplay))
            return node.is_async or not is_written_out or isinstance(node.target, tree.Display)
        case tree.With() | tree.WithItem() | tree.Class():
            return True
        case tree.Comprehension():
            return any(may_raise(loop) for loop in node.generators)
        case tree.Attribute():
            return not isinstance(node.value, tree.Name)
        case tree.Assign():
            return any(_unpacks(target, node.value) for target in node.targets)
        case tree.Function():
            return bool(node.decorators)
        case _:
            return False


def _unpacks(target: tree.Expr, value: tree.Expr) -> bool:
    """Tell whether `target = value` unpacks something whose length the text does not give."""
    if not isinstance(target, tree.Display):
        return False
    if not isinstance(value, tree.Display):
        return True
    parts = (*target.elements, *value.elements)
    return len(target.elements) != len(value.elements) or any(isinstance(part, tree.Starred) for part in parts)


def may_suppress(item: tree.WithItem, completion: Completion) -> bool:
    """Tell whether leaving the context may swallow an exception of that kind."""
    if not isinstance(item.context, tree.Call):
        return False
    name = last_name(item.context.func)
    if name not in _SUPPRESSING:
        return False
    if name != "suppress":
        return True
    return any(catches(argument.value, completion) is not Catch.NEVER for argument in item.context.args)


def never_returns(call: tree.Call) -> bool:
    """Tell whether the call always raises SystemExit, going by the name: `sys.exit()`, `exit()`, `quit()`."""
    match call.func:
        case tree.Attribute(value=tree.Name(id="sys"), attr="exit"):
            return True
        case tree.Name(id=name):
            return name in _BUILTIN_EXITS
        case _:
            return False


@dataclass(frozen=True, slots=True)
class Policy:
    """What the builder has to be told about the meaning of the program."""

    may_raise: Callable[[tree.Node], bool] = may_raise
    may_suppress: Callable[[tree.WithItem, Completion], bool] = may_suppress
    never_returns: Callable[[tree.Call], bool] = never_returns


def catches(type_: tree.Expr | None, completion: Completion) -> Catch:
    """Tell whether `except type_:` takes an exception of the kind `completion`."""
    if type_ is None:
        return Catch.ALWAYS
    if isinstance(type_, tree.Display):
        return _catches_one_of(type_, completion)
    is_ordinary = completion is Completion.EXCEPTION
    match last_name(type_):
        case "BaseException":
            return Catch.ALWAYS
        case "Exception":
            return Catch.ALWAYS if is_ordinary else Catch.NEVER
        case "GeneratorExit":
            return Catch.ALWAYS if completion is Completion.GENERATOR_EXIT else Catch.NEVER
        case "CancelledError":
            return Catch.ALWAYS if completion is Completion.CANCELLATION else Catch.NEVER
        case "SystemExit" | "KeyboardInterrupt":
            return Catch.MAYBE if completion is Completion.INTERRUPT else Catch.NEVER
        case str() as name if not is_ordinary and name[:1].isupper() and not name.isupper():
            return Catch.NEVER  # a class of one's own is hardly ever derived from anything but Exception
        case _:
            return Catch.MAYBE  # `except ERRORS:`, `except get_cancelled_exc_class():` can be anything


def _catches_one_of(types: tree.Display, completion: Completion) -> Catch:
    answers = {catches(element, completion) for element in types.elements}
    return next((answer for answer in (Catch.ALWAYS, Catch.MAYBE) if answer in answers), Catch.NEVER)


def raised_by(exc: tree.Expr) -> Completion:
    """Tell what kind of exception `raise exc` raises, going by the name."""
    name = last_name(exc.func if isinstance(exc, tree.Call) else exc)
    if name in _INTERRUPTS:
        return Completion.INTERRUPT
    if name == "GeneratorExit":
        return Completion.GENERATOR_EXIT
    return Completion.CANCELLATION if name == "CancelledError" else Completion.EXCEPTION


def statements_within(block: tree.Block) -> Iterator[tree.Stmt]:
    """Yield the statements that run with `block`, without the bodies of functions and classes."""
    waiting: list[tree.Stmt] = list(reversed(block))
    while waiting:
        stmt = waiting.pop()
        yield stmt
        if not isinstance(stmt, (tree.Function, tree.Class)):
            waiting.extend(inner for part in tree.blocks_of(stmt) for inner in part)


def any_raises(block: tree.Block, policy: Policy) -> bool:
    """Tell whether the text of `block` holds anything that may raise."""
    return any(
        isinstance(stmt, (tree.Raise, tree.Assert))
        or policy.may_raise(stmt)
        or any(map(policy.may_raise, subexpressions(*evaluated_by(stmt))))
        for stmt in statements_within(block)
    )


def last_name(expr: tree.Expr) -> str | None:
    """The last part of a dotted name; None for any other expression."""
    match expr:
        case tree.Name():
            return expr.id
        case tree.Attribute():
            return expr.attr
        case _:
            return None
