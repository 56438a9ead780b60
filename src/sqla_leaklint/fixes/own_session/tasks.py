"""A background task that was handed a session gets a function round it that opens one of its own.

    tasks.add_task(send_receipt, db, order_id)

becomes

    def send_receipt_in_own_session(order_id):
        with contextmanager(get_db)() as db:
            send_receipt(db, order_id)
    …
    tasks.add_task(db.close)                                     # why: `closed_first`
    tasks.add_task(send_receipt_in_own_session, order_id)
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqla_leaklint.diagnostics import Applicability
from sqla_leaklint.domain.handed_over.handoffs import Handoff
from sqla_leaklint.domain.values import Origin
from sqla_leaklint.fixes.own_session.closed_first import Bond, Release, belongings_in, release
from sqla_leaklint.fixes.own_session.task_wrapper import Plan, edits
from sqla_leaklint.fixes.own_session.wrapped_task import wrapped_task
from sqla_leaklint.fixes.pending import PendingFix

if TYPE_CHECKING:
    from sqla_leaklint.domain.handed_over.handoffs import Passenger
    from sqla_leaklint.semantic.terms import Term


def open_in_task(handoff: Handoff, passenger: Passenger, *, is_closed_before: bool) -> PendingFix | None:
    """The fix, if the task is a plain function of the project and the provider can be called without arguments.

    `is_closed_before`: the request's session is known to be closed before the task runs.
    """
    plan = _plan(handoff, passenger, is_closed_before=is_closed_before)
    if plan is None:
        return None
    message = f"open a session of its own round `{plan.task.function.name}`"
    return PendingFix(Applicability.UNSAFE, message, lambda source: tuple(edits(plan, source)))


def _plan(handoff: Handoff, passenger: Passenger, *, is_closed_before: bool) -> Plan | None:
    provider = passenger.session.provider
    if passenger.hidden_in or passenger.origin is not Origin.PROVIDED or provider is None:
        return None
    sessions = [argument for argument in handoff.arguments if argument.value is passenger.node]
    session = handoff.domain.term(passenger.node)
    task = wrapped_task(handoff, provider, "in_own_session", _layout)
    if task is None or len(sessions) != 1 or belongings_in(handoff, session) or not task.has_room_for((), ()):
        return None
    closing: Release | None = Release(None)
    if not is_closed_before:
        closing = release(handoff, provider, session, lambda other: _bond(other, session))
    return Plan(task, sessions[0], passenger.node, closing.before) if closing is not None else None


def _bond(other: Handoff, session: Term | None) -> Bond:
    """What another hand-over has to do with the session."""
    if belongings_in(other, session):
        return Bond.NEEDS
    found = Bond.NONE
    for passenger in other.passengers():
        if passenger.hidden_in:
            return Bond.NEEDS
        if other.domain.term(passenger.node) is session:
            if _plan(other, passenger, is_closed_before=True) is None:
                return Bond.NEEDS
            found = Bond.OWN
    return found


def _layout(handoff: Handoff) -> tuple[tuple[str | None, bool], ...]:
    """The keywords of what is given along, and which of it is a session."""
    sessions = {passenger.node for passenger in handoff.passengers()}
    return tuple((argument.keyword, argument.value in sessions) for argument in handoff.arguments)
