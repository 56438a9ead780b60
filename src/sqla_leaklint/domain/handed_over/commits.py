"""Whether a commit has expired an entity for good by the time that a function is over, on whatever way it went.

    order.status = "paid"
    db.commit()                          # expires `order`
    tasks.add_task(send_receipt, order)  # and nothing loads it again: no read, refresh or query follows

A commit under a condition, a read behind it, or a query that may load the entity again ends the question.
"""

from __future__ import annotations

from collections.abc import Iterator

from sqla_leaklint.domain.async_entities.expiry import is_expiring
from sqla_leaklint.domain.handed_over.belonging import Belonging, session_in
from sqla_leaklint.domain.handed_over.branches import is_on_every_way
from sqla_leaklint.domain.handed_over.handoffs import Handoff
from sqla_leaklint.domain.lifetimes.doings import TRACED
from sqla_leaklint.domain.lifetimes.uses import Tracker
from sqla_leaklint.knowledge.facts import Executor
from sqla_leaklint.semantic import terms as t
from sqla_leaklint.semantic.events import Deed
from sqla_leaklint.semantic.questions import is_name
from sqla_leaklint.semantic.terms import Term
from sqla_leaklint.syntax import tree
from sqla_leaklint.syntax.walk import walk


def is_expired_at_the_end(handoff: Handoff, found: Belonging, holder: str, term: Term | None) -> bool:
    """Whether the last thing that happens to an entity is a commit of its session that expires it."""
    domain, body = handoff.domain, handoff.body
    function = domain.module.summary.functions[body.qualname]
    seed = session_in(domain, body, found)
    kind = domain.evaluator.classes.library_type(found.session)
    if seed is None or kind is None or not is_expiring(domain.evaluator, domain.module.summary, seed):
        return False
    tracker = Tracker(domain.evaluator, domain.module.summary, function, kind, seed=seed)
    order = {node: place for place, node in enumerate(walk(body.node))}
    made = set(t.all_in([term])) if term is not None else set()
    births = (each for each in body.events if each.deed is Deed.CALLED and each.value in made)
    born = max((order.get(each.node, 0) for each in births), default=0)
    commit = -1
    for event in body.events:
        is_commit = event.deed is Deed.CALLED and tracker.method(event.call.func) == "commit"
        if is_commit and order.get(event.node, 0) > born and is_on_every_way(domain, body, event.node, handoff.node):
            commit = max(commit, order[event.node])
    if commit < 0:
        return False
    own = {node for each in _tasks(handoff) for node in walk(each.node)}
    if any(
        isinstance(node, tree.Name) and node.id == holder and place > commit and node not in own
        for node, place in order.items()
    ):
        return False
    handing_over = {each.node for each in _tasks(handoff)}
    for event in body.events:
        if event.deed is Deed.CALLED and order.get(event.node, 0) > commit and event.node not in handing_over:
            given = (*event.call.args, *(value for _, value in event.call.keywords))
            if tracker.method(event.call.func) is not None or any(tracker.carry(each) in TRACED for each in given):
                return False
    return True


def is_touched(handoff: Handoff, holder: str, name: str) -> bool:
    """Whether the function has to do with an attribute of an entity itself, or shows the entity to who may read it."""
    own = {node for each in _tasks(handoff) for node in walk(each.node)}
    for node in walk(handoff.body.node):
        if node in own:
            continue
        match node:
            case tree.Attribute(value=tree.Name(id=base), attr=attr) if base == holder and attr == name:
                return True
            case tree.Return(value=value) if value is not None and _names(value, holder):
                return True
            case tree.Call() if any(is_name(each.value, holder) for each in node.args) and not _is_of_session(node):
                return True
            case _:
                pass
    return False


def _is_of_session(call: tree.Call) -> bool:
    """`db.add(order)` does not load; `db.refresh(order)` loads the columns."""
    return isinstance(call.func, tree.Attribute) and call.func.attr in {"add", "flush", "delete"} | (
        {"refresh"} if len(call.args) == 1 else set()
    )


def _names(expr: tree.Expr, holder: str) -> bool:
    """Whether an expression gives what a variable holds, and not only an attribute of it."""
    match expr:
        case tree.Name(id=name):
            return name == holder
        case tree.Attribute():
            return False
        case _:
            return any(isinstance(each, tree.Name) and each.id == holder for each in walk(expr))


def _tasks(handoff: Handoff) -> Iterator[Handoff]:
    for other in handoff.domain.subjects(Handoff):
        if other.body is handoff.body and other.executor is Executor.BACKGROUND_TASK:
            yield other
