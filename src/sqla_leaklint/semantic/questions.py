"""Plain questions asked of terms and expressions."""

from __future__ import annotations

from sqla_leaklint.semantic.terms import (
    Attr,
    Collection,
    Const,
    Declared,
    Element,
    Item,
    Mapped,
    Param,
    Ref,
    Star,
    Term,
)
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


def taken(term: Term) -> Term:
    """What a term takes out of a display or comprehension that its function has written out: `args` of `for func, args
    in [(load, (id, session)) for id in ids]` is the inner tuple.  A term that does not say which is itself.
    """
    match term:
        case Declared(value=value) if value is not None:
            return taken(value)
        case Item(value=value, key=Const(value=int() as place)):
            whole = taken(value)
            elements = whole.elements if isinstance(whole, Collection) and whole.kind in {"tuple", "list"} else ()
            if 0 <= place < len(elements) and not any(isinstance(each, Star) for each in elements):
                return taken(elements[place])
        case Element(value=value, is_async=False):
            whole = taken(value)
            if isinstance(whole, Mapped) and whole.kind in {"list", "tuple", "set"}:
                return taken(whole.element)
        case _:
            pass
    return term
