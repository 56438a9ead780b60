"""The lowered tree: what a module says, without white space, punctuation or the dozens of wrapper nodes of libcst.

Every node keeps the libcst node that it was lowered from (`cst`), so that positions and fixes can go back to the exact
text.  Nodes are compared and hashed by identity.  Nothing here knows what a name means.

Expressions that no analysis tells apart (an arithmetic operation, an f-string, a slice …) are kept as `Operation`: the
operands are there, in the order in which Python evaluates them, and `kind` names what was written.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    import libcst as cst


@dataclass(slots=True, eq=False)
class Node:
    """Anything that has a place in the text."""

    cst: cst.CSTNode


class Expr(Node):
    """An expression."""

    __slots__ = ()


class Stmt(Node):
    """A statement."""

    __slots__ = ()


Block: TypeAlias = "tuple[Stmt, ...]"


# --- expressions ------------------------------------------------------------------------------------------------------


@dataclass(slots=True, eq=False)
class Name(Expr):
    id: str


@dataclass(slots=True, eq=False)
class Attribute(Expr):
    value: Expr
    attr: str


@dataclass(slots=True, eq=False)
class Constant(Expr):
    """A literal: `str`, `bytes`, `int`, `float`, `complex`, `True`, `False`, `None` or `...`.

    A number or string that is not worth evaluating (a huge integer, a malformed escape) has its source text as value.
    """

    value: object


@dataclass(slots=True, eq=False)
class Argument(Node):
    """One argument of a call (or a base or keyword of a class); `star` is "", "*" or "**"."""

    value: Expr
    keyword: str | None
    star: str


@dataclass(slots=True, eq=False)
class Call(Expr):
    func: Expr
    args: tuple[Argument, ...]


@dataclass(slots=True, eq=False)
class Await(Expr):
    value: Expr


@dataclass(slots=True, eq=False)
class Yield(Expr):
    """`yield`, `yield x` or, with `is_from`, `yield from x`."""

    value: Expr | None
    is_from: bool


@dataclass(slots=True, eq=False)
class Lambda(Expr):
    params: tuple[Parameter, ...]
    body: Expr


@dataclass(slots=True, eq=False)
class Subscript(Expr):
    """`value[a, b:c]`; a slice in the index is an `Operation` of kind "slice"."""

    value: Expr
    index: tuple[Expr, ...]


@dataclass(slots=True, eq=False)
class Starred(Expr):
    value: Expr


@dataclass(slots=True, eq=False)
class Display(Expr):
    """A tuple, list or set that is written out; `kind` is "tuple", "list" or "set"."""

    kind: str
    elements: tuple[Expr, ...]


@dataclass(slots=True, eq=False)
class DictDisplay(Expr):
    """A dict that is written out; the key of `**mapping` is None."""

    items: tuple[tuple[Expr | None, Expr], ...]


@dataclass(slots=True, eq=False)
class BoolOp(Expr):
    """`left and right`, `left or right` (`operator` is "and" or "or")."""

    operator: str
    left: Expr
    right: Expr


@dataclass(slots=True, eq=False)
class Not(Expr):
    value: Expr


@dataclass(slots=True, eq=False)
class Compare(Expr):
    """`left op right op right …`; operators as written: "==", "is not", "not in" …"""

    left: Expr
    comparisons: tuple[tuple[str, Expr], ...]


@dataclass(slots=True, eq=False)
class Conditional(Expr):
    """`body if test else orelse`."""

    test: Expr
    body: Expr
    orelse: Expr


@dataclass(slots=True, eq=False)
class NamedExpr(Expr):
    """`target := value`."""

    target: Expr
    value: Expr


@dataclass(slots=True, eq=False)
class CompFor(Node):
    """One `for target in iter if …` of a comprehension."""

    target: Expr
    iter: Expr
    ifs: tuple[Expr, ...]
    is_async: bool


@dataclass(slots=True, eq=False)
class Comprehension(Expr):
    """`kind` is "list", "set", "dict" or "generator"; `elements` is the element, or the key and the value."""

    kind: str
    elements: tuple[Expr, ...]
    generators: tuple[CompFor, ...]


@dataclass(slots=True, eq=False)
class Operation(Expr):
    """Any other expression: "binary:+" and the like, "unary:-", "f-string", "t-string", "slice", "concatenation"."""

    kind: str
    operands: tuple[Expr, ...]


# --- statements -------------------------------------------------------------------------------------------------------


class ParameterKind(Enum):
    POSITIONAL_ONLY = "positional-only"
    POSITIONAL = "positional"
    VAR_POSITIONAL = "*"
    KEYWORD_ONLY = "keyword-only"
    VAR_KEYWORD = "**"


@dataclass(slots=True, eq=False)
class Parameter(Node):
    name: str
    kind: ParameterKind
    annotation: Expr | None
    default: Expr | None


@dataclass(slots=True, eq=False)
class TypeParameter(Node):
    """One name in the brackets of `def f[T: bound = default]` (PEP 695); `star` is "", "*" or "**"."""

    name: str
    star: str
    bound: Expr | None
    default: Expr | None


@dataclass(slots=True, eq=False)
class Function(Stmt):
    """`def` or `async def`, decorators outermost first."""

    name: str
    params: tuple[Parameter, ...]
    returns: Expr | None
    decorators: tuple[Expr, ...]
    body: Block
    is_async: bool
    type_params: tuple[TypeParameter, ...] = ()


@dataclass(slots=True, eq=False)
class Class(Stmt):
    """`class name(args…):`; bases are the arguments without keyword."""

    name: str
    args: tuple[Argument, ...]
    decorators: tuple[Expr, ...]
    body: Block
    type_params: tuple[TypeParameter, ...] = ()


@dataclass(slots=True, eq=False)
class ImportedName(Node):
    """`name as alias` of an import; `name` is "*" in a star import, dotted in `import a.b`."""

    name: str
    alias: str | None


@dataclass(slots=True, eq=False)
class Import(Stmt):
    """`import a.b, c as d` (PEP 810's `lazy import` too)."""

    names: tuple[ImportedName, ...]


@dataclass(slots=True, eq=False)
class ImportFrom(Stmt):
    """`from ..module import a as b`: `level` counts the dots, `module` is "" in `from . import x`."""

    module: str
    level: int
    names: tuple[ImportedName, ...]


@dataclass(slots=True, eq=False)
class Assign(Stmt):
    """`a = b = value`."""

    targets: tuple[Expr, ...]
    value: Expr


@dataclass(slots=True, eq=False)
class AnnAssign(Stmt):
    """`target: annotation` with or without a value."""

    target: Expr
    annotation: Expr
    value: Expr | None


@dataclass(slots=True, eq=False)
class AugAssign(Stmt):
    """`target += value`; the operator as written, "+=" ."""

    target: Expr
    operator: str
    value: Expr


@dataclass(slots=True, eq=False)
class TypeAliasStmt(Stmt):
    """`type name = value`."""

    name: str
    value: Expr
    type_params: tuple[TypeParameter, ...] = ()


@dataclass(slots=True, eq=False)
class ExprStmt(Stmt):
    value: Expr


@dataclass(slots=True, eq=False)
class Return(Stmt):
    value: Expr | None


@dataclass(slots=True, eq=False)
class Raise(Stmt):
    exc: Expr | None
    cause: Expr | None


@dataclass(slots=True, eq=False)
class Assert(Stmt):
    test: Expr
    msg: Expr | None


@dataclass(slots=True, eq=False)
class Delete(Stmt):
    targets: tuple[Expr, ...]


@dataclass(slots=True, eq=False)
class Pass(Stmt):
    pass


@dataclass(slots=True, eq=False)
class Break(Stmt):
    pass


@dataclass(slots=True, eq=False)
class Continue(Stmt):
    pass


@dataclass(slots=True, eq=False)
class Global(Stmt):
    names: tuple[str, ...]


@dataclass(slots=True, eq=False)
class Nonlocal(Stmt):
    names: tuple[str, ...]


@dataclass(slots=True, eq=False)
class If(Stmt):
    """`elif` is an `If` alone in `orelse`."""

    test: Expr
    body: Block
    orelse: Block


@dataclass(slots=True, eq=False)
class For(Stmt):
    target: Expr
    iter: Expr
    body: Block
    orelse: Block
    is_async: bool


@dataclass(slots=True, eq=False)
class While(Stmt):
    test: Expr
    body: Block
    orelse: Block


@dataclass(slots=True, eq=False)
class WithItem(Node):
    context: Expr
    target: Expr | None


@dataclass(slots=True, eq=False)
class With(Stmt):
    items: tuple[WithItem, ...]
    body: Block
    is_async: bool


@dataclass(slots=True, eq=False)
class ExceptHandler(Node):
    """`except type as name:`; a bare `except:` has no type; `except A, B:` has a tuple display."""

    type: Expr | None
    name: str | None
    body: Block


@dataclass(slots=True, eq=False)
class Try(Stmt):
    """`is_star` tells `except*` from `except`."""

    body: Block
    handlers: tuple[ExceptHandler, ...]
    orelse: Block
    finalbody: Block
    is_star: bool


@dataclass(slots=True, eq=False)
class MatchCase(Node):
    """One `case`: the names that the pattern binds, the expressions that it evaluates (classes, values)."""

    captures: tuple[str, ...]
    values: tuple[Expr, ...]
    guard: Expr | None
    body: Block
    is_irrefutable: bool


@dataclass(slots=True, eq=False)
class Match(Stmt):
    subject: Expr
    cases: tuple[MatchCase, ...]


@dataclass(slots=True, eq=False)
class Module(Node):
    body: Block


def blocks_of(stmt: Stmt) -> Iterator[Block]:
    """Yield the blocks of a compound statement in the order of the text (none for a simple statement)."""
    match stmt:
        case If() | For() | While():
            yield stmt.body
            yield stmt.orelse
        case With() | Function() | Class():
            yield stmt.body
        case Try():
            yield stmt.body
            for handler in stmt.handlers:
                yield handler.body
            yield stmt.orelse
            yield stmt.finalbody
        case Match():
            for case in stmt.cases:
                yield case.body
        case _:
            return
