"""A background task that was handed an entity gets a function round it that loads the entity in a session of its own.

    tasks.add_task(send_receipt, order)

becomes

    def send_receipt_by_key(order_id):
        with contextmanager(get_db)() as session:
            order = session.get(Order, order_id, options=[selectinload(Order.customer)])
        send_receipt(order)
    …
    tasks.add_task(db.close)                                     # why: `closed_first`
    tasks.add_task(send_receipt_by_key, order_id)

The session is closed before the task begins, so that no connection is kept while the task is at work.  That takes
knowing all that it reads; else, and without asyncio, it is called inside of the `with`.

The key is what the entity was looked up by, or the entity's own where that is certain to be in memory.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqla_leaklint.diagnostics import Applicability
from sqla_leaklint.domain.application.providers import may_expire
from sqla_leaklint.domain.handed_over.belonging import session_in
from sqla_leaklint.domain.handed_over.entities import entity_of
from sqla_leaklint.domain.handed_over.handed_entities import HandedEntity, Want
from sqla_leaklint.domain.handed_over.held_keys import HeldEntity
from sqla_leaklint.domain.handed_over.lookups import primary_key
from sqla_leaklint.domain.handed_over.task_reads import loads_for
from sqla_leaklint.domain.values import Origin
from sqla_leaklint.fixes.own_session.closed_first import Bond, Release, belongings_in, release
from sqla_leaklint.fixes.own_session.task_wrapper import ByKey, Plan, edits, is_loader_free
from sqla_leaklint.fixes.own_session.wrapped_task import model_name, wrapped_task
from sqla_leaklint.fixes.pending import PendingFix
from sqla_leaklint.semantic import terms as t
from sqla_leaklint.syntax import tree

if TYPE_CHECKING:
    from sqla_leaklint.domain.handed_over.handoffs import Handoff
    from sqla_leaklint.domain.module import Domain
    from sqla_leaklint.semantic.terms import Term


def load_in_task(handed: HandedEntity, *, is_closed_before: bool) -> PendingFix | None:
    """The change, for one entity that is an argument, where the provider of its session can serve the task as well.

    `is_closed_before`: the request's session is known to be closed before the task runs.
    """
    plan = _plan(handed, is_closed_before=is_closed_before)
    if plan is None:
        return None
    message = f"load the `{handed.belonging.kind.model.name}` by its key, in a session of its own"
    return PendingFix(Applicability.DISPLAY, message, lambda source: tuple(edits(plan, source)))


def _plan(handed: HandedEntity, *, is_closed_before: bool) -> Plan | None:
    domain, handoff, piece, found = handed.domain, handed.handoff, handed.piece, handed.belonging
    provider, argument = found.session.provider, piece.argument
    if found.session.origin is not Origin.PROVIDED or provider is None or argument is None or found.kind.is_many:
        return None
    if argument.value is not piece.node or piece.hidden_in or handed.want not in {Want.EXPIRED, Want.UNLOADED}:
        return None
    task = wrapped_task(handoff, provider, "by_key", _layout)
    by_key = _by_key(handed, task.parameter_of(argument)) if task is not None else None
    if task is None or by_key is None or (handed.is_async and not task.function.is_async):
        return None
    if not task.has_room_for([by_key.model.partition(".")[0]], [by_key.parameter]):
        return None
    session = session_in(domain, handoff.body, found)
    if by_key.parameter in {each.name for each in task.function.parameters}:
        return None
    if set(belongings_in(handoff, session)) - {argument}:
        return None
    closing: Release | None = Release(None)
    if not is_closed_before:
        closing = release(handoff, provider, session, lambda other: _bond(domain, other, session))
    spelled = _name_of_session(handed, session)
    if closing is None or (closing.before is not None and not spelled):
        return None
    return Plan(task, argument, spelled, closing.before, by_key)


def _by_key(handed: HandedEntity, name: str) -> ByKey | None:
    """What is handed over, and how the entity that the task calls `name` is loaded by it."""
    evaluator, found, reads = handed.domain.evaluator, handed.belonging, handed.reads
    key, model, column = (
        _key(handed),
        model_name(handed.domain, found.kind.model),
        primary_key(evaluator, found.kind.model),
    )
    if key is None or model is None or column is None or reads is None or reads.written:
        return None
    related = loads_for(evaluator, reads, found.kind.model)
    if related and not is_loader_free(handed.domain):
        related = None
    if related is None and handed.is_async:
        return None  # nothing is loaded by being read
    assert found.session.provider is not None
    is_enough = related is not None and not may_expire(evaluator, found.session.provider)
    return ByKey(model, column, key, name, related or (), is_enough=is_enough, is_awaited=handed.is_async)


def _key(handed: HandedEntity) -> str | None:
    """What to hand over for the entity."""
    handoff, term, node = handed.handoff, handed.piece.term, handed.piece.node
    if term is None or not isinstance(node, tree.Name):
        return None
    held = HeldEntity(handed.domain, handoff.body, handoff.node, node.id, term, handed.belonging)
    return held.key(may_be_loaded=False)


def _name_of_session(handed: HandedEntity, session: Term | None) -> str:
    """The parameter that is the session; "" where it is not a plain one."""
    body = handed.handoff.body
    match session:
        case t.Param(function=body.qualname, name=name) if name not in body.bindings:
            return name
        case _:
            return ""


def _bond(domain: Domain, other: Handoff, session: Term | None) -> Bond:
    """What another hand-over has to do with the session."""
    for passenger in other.passengers():
        if passenger.hidden_in or domain.term(passenger.node) is session:
            return Bond.NEEDS
    attached = set(belongings_in(other, session))
    own = {
        each.piece.argument
        for each in domain.subjects(HandedEntity)
        if each.handoff is other and _plan(each, is_closed_before=True) is not None
    }
    if not attached:
        return Bond.NONE
    return Bond.OWN if attached <= own else Bond.NEEDS


def _layout(handoff: Handoff) -> tuple[tuple[str | None, bool], ...]:
    """The keywords of what is given along, and which of it is an entity."""
    domain = handoff.domain
    return tuple(
        (argument.keyword, entity_of(domain.value(argument.value)) is not None) for argument in handoff.arguments
    )
