"""By what an entity was looked up: the variable that has its primary key.

    order = db.get(Order, order_id)                                             # `order_id`
    order = db.scalars(select(Order).where(Order.id == order_id)).one()         # `order_id`
    order = db.query(Order).filter_by(id=order_id, shop_id=shop.id).first()     # `order_id`, and not by it alone
    order = db.scalars(select(Order).where(Order.number == number)).one()       # nothing: `number` is no key

A condition that is added on some paths only, a join, and a variable that has another value later, end the question.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqla_leaklint.domain.linking.library import unwrapped
from sqla_leaklint.domain.mapped.models import models_of
from sqla_leaklint.domain.values import ModelAttribute, ProjectClass, Rows, Statement, StepTaken, alternatives
from sqla_leaklint.knowledge.facts import Kind, Role
from sqla_leaklint.semantic import terms as t
from sqla_leaklint.semantic.body import Body
from sqla_leaklint.semantic.terms import Term
from sqla_leaklint.syntax import tree

if TYPE_CHECKING:
    from sqla_leaklint.domain.evaluation import Evaluator
    from sqla_leaklint.domain.module import Domain

_BY_KEY = frozenset({"get", "get_one"})
_FILTERING = frozenset({"where", "filter"})
_SAME_ROWS = frozenset({Role.LOADS, Role.LOCKS, Role.ORDERS, Role.STREAMS, Role.NEUTRAL})
"""What a statement can be told besides its conditions without bringing another row."""


@dataclass(frozen=True, slots=True)
class Lookup:
    """The variable that has the key; `is_sole`: nothing else was asked of the row, so the key alone finds the same."""

    variable: str
    is_sole: bool


def primary_key(evaluator: Evaluator, model: ProjectClass) -> str | None:
    """The attribute that is the primary key of a mapped class; None where it is several, or not known in full."""
    found = models_of(evaluator).of(model)
    if found is None or not found.is_whole or len(found.primary_key) != 1:
        return None
    return next(iter(found.primary_key))


def lookup_of(domain: Domain, body: Body, entity: Term, model: ProjectClass) -> Lookup | None:
    """By what an entity was looked up in a body, if the variable has that value wherever the body reads it."""
    key, conditions = primary_key(domain.evaluator, model), _conditions(domain, entity)
    if key is None or conditions is None:
        return None
    for call in _calls(domain, entity):
        event = body.event_of(call)
        if event is None:
            return None
        for expr in _keys(domain, call, event.call_node, ModelAttribute(model, key)):
            if isinstance(expr, tree.Name) and _is_lasting(domain, body, expr):
                return Lookup(expr.id, is_sole=conditions <= 1)
    return None


def _conditions(domain: Domain, entity: Term) -> int | None:
    """How many conditions the query has that brought an entity; None where it has what may lead to another row."""
    values = alternatives(unwrapped(domain.value_of(entity)))
    steps: list[StepTaken] = []
    for value in values:
        if isinstance(value, Rows):
            if value.statement is None or not value.statement.is_whole or len(values) > 1:
                return None
            steps.extend((*value.statement.steps, *value.steps))
    if any(step.is_conditional or step.is_alternative for step in steps):
        return None
    filters = [step for step in steps if step.role is Role.FILTERS]
    if any(step.role not in _SAME_ROWS for step in steps if step not in filters):
        return None
    return sum(len(step.args) + len(step.keywords) for step in filters)


def _calls(domain: Domain, entity: Term) -> Iterator[t.Call]:
    """The calls that a query and its execution are written as, the last first; what was chosen by a path ends them."""
    term = entity
    while True:
        match term:
            case t.Await() | t.Declared(value=t.Call() | t.Await()):
                assert term.value is not None
                term = term.value
            case t.Call(func=t.Attr(base=base), args=args):
                yield term
                is_run = domain.evaluator.classes.is_a(domain.value_of(base), Kind.SESSION, Kind.ASYNC_SESSION)
                if is_run and not args:
                    return
                term = args[0] if is_run else base
            case _:
                return


def _keys(domain: Domain, call: t.Call, node: tree.Call, key: ModelAttribute) -> Iterator[tree.Expr]:
    """What a call compares the key with."""
    assert isinstance(call.func, t.Attr)
    method = call.func.name
    on = domain.value_of(call.func.base)
    positional = [argument.value for argument in node.args if argument.keyword is None and not argument.star]
    if not isinstance(on, Statement):
        if method in _BY_KEY and len(positional) > 1 and domain.value(positional[0]) == key.model:
            yield positional[1]
    elif method == "get":
        yield from positional[:1]
    elif method == "filter_by":
        yield from (argument.value for argument in node.args if argument.keyword == key.name)
    elif method in _FILTERING:
        for each in positional:
            match each:
                case tree.Compare(left=left, comparisons=(("==", right),)):
                    yield from (other for one, other in ((left, right), (right, left)) if domain.value(one) == key)
                case _:
                    pass


def _is_lasting(domain: Domain, body: Body, name: tree.Name) -> bool:
    """Whether a variable is a parameter that is never assigned to, or is assigned once and in no loop."""
    term, bound = domain.term(name), body.bindings.get(name.id)
    if isinstance(term, t.Param):
        return bound is None and (term.function, term.name) == (body.qualname, name.id)
    if bound is None or bound is not term:
        return False
    return not any(isinstance(part, t.Opaque | t.Element | t.Join) for part in t.all_in([term]))
