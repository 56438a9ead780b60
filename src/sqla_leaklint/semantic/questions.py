"""Plain questions asked of terms and expressions."""

from __future__ import annotations

from sqla_leaklint.semantic.terms import Attr, Const, Param, Ref, Term
from sqla_leaklint.syntax import tree


def is_true(term: Term | None) -> bool:
    """Whether a term is `True` itself."""
    return isinstance(term, Const) and term.value is True


def is_parameter(term: Term | None, function: str, name: str) -> bool:
    """Whether a term is a parameter of a function, given by its qualified name."""
    return isinstance(term, Param) and (term.function, term.name) == (function, name)


def receiver_of(function: Term) -> Term | None:
    """What a method is called on: of a name of a module, the rest of its path."""
    match function:
        case Ref(path=path):
            return Ref(path.rpartition(".")[0])
        case Attr(base=base):
            return base
        case _:
            return None


def is_name(expr: tree.Expr, name: str) -> bool:
    """Whether an expression is a name, and that one."""
    return isinstance(expr, tree.Name) and expr.id == name
