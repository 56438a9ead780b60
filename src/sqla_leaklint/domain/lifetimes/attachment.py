"""What is attached to a session: entities that it loaded or was given, and what cannot be told from them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqla_leaklint.domain.values import Entity, Many, Rows, TupleValue, Unknown, Value, alternatives
from sqla_leaklint.semantic import terms as t
from sqla_leaklint.semantic.body import Body
from sqla_leaklint.semantic.events import Deed
from sqla_leaklint.semantic.terms import Term
from sqla_leaklint.syntax import tree

if TYPE_CHECKING:
    from sqla_leaklint.domain.module import Domain

_PLAIN_MAKERS = frozenset({"builtins.bool", "builtins.float", "builtins.int", "builtins.len", "builtins.str"})
_TAKING = frozenset({"add", "delete", "expire", "merge", "refresh"})


def may_be_attached(domain: Domain, body: Body, expr: tree.Expr, session: Term | None) -> bool:
    """Whether an expression of a body gives an entity, or what may be one of that session.

    Another session could neither write nor load it.  What is not known may be one when it was made by means of the
    session, or the session was given it.
    """
    value, term = domain.value(expr), domain.term(expr)
    if holds(value, Entity):
        return True
    if not holds(value, Unknown) or term is None or session is None or isinstance(expr, tree.Operation | tree.Compare):
        return False
    if is_key(term) or term is session:
        return False
    return any(part is session for part in t.all_in([term])) or is_given_to(body, session, term)


def holds(value: Value, kind: type[Entity | Unknown]) -> bool:
    """Whether a value, or an element of it, is of a kind."""
    for each in alternatives(value):
        match each:
            case Rows() | Many() if holds(each.element, kind):
                return True
            case TupleValue() if any(holds(element, kind) for element in each.elements):
                return True
            case _ if isinstance(each, kind):
                return True
            case _:
                pass
    return False


def is_key(term: Term) -> bool:
    """`order.id`, `order.customer_id`, `str(order.number)`."""
    match term:
        case t.Attr():
            return term.name in {"id", "pk", "uuid"} or term.name.endswith(("_id", "_uuid"))
        case t.Call():
            return isinstance(term.func, t.Ref) and term.func.path in _PLAIN_MAKERS
        case _:
            return False


def is_given_to(body: Body, session: Term, term: Term) -> bool:
    """Whether a body calls `session.add(value)`, `session.refresh(value)` or the like."""
    for event in body.events:
        if event.deed is Deed.CALLED and term in event.call.args:
            function = event.call.func
            if isinstance(function, t.Attr) and function.base is session and function.name in _TAKING:
                return True
    return False
