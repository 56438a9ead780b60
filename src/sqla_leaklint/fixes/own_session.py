"""A background task that was handed a session gets a function round it that opens one of its own.

    tasks.add_task(send_receipt, db, order_id)

becomes

    def send_receipt_in_own_session(order_id):
        with contextmanager(get_db)() as db:
            send_receipt(db, order_id)
    …
    tasks.add_task(db.close)
    tasks.add_task(send_receipt_in_own_session, order_id)

The first of these tasks gives the request's connection back once the response is out.  Without it every request would
need two connections wherever FastAPI ends dependencies after the tasks: one that waits and one that works.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqla_leaklint.diagnostics import Applicability
from sqla_leaklint.domain.application.handoffs import Handoff
from sqla_leaklint.domain.application.providers import commits
from sqla_leaklint.domain.lifetimes.attachment import may_be_attached
from sqla_leaklint.domain.values import Origin, ProjectFunction, Symbol
from sqla_leaklint.fixes.pending import PendingFix
from sqla_leaklint.fixes.task_wrapper import Plan, edits
from sqla_leaklint.fixes.wrapping import first_user, is_known_to_module, is_plain, module_to_import, name_of, root_of
from sqla_leaklint.syntax import tree

if TYPE_CHECKING:
    from sqla_leaklint.domain.application.handoffs import Passenger
    from sqla_leaklint.domain.module import Domain


def open_in_task(handoff: Handoff, passenger: Passenger, *, is_closed_before: bool) -> PendingFix | None:
    """The fix, if the task is a plain function of the project and the provider can be called without arguments.

    `is_closed_before`: the request's session is known to be closed before the task runs.
    """
    plan = _plan(handoff, passenger, is_closed_before=is_closed_before)
    if plan is None:
        return None
    message = f"open a session of its own round `{plan.function.name}`"
    return PendingFix(Applicability.UNSAFE, message, lambda source: tuple(edits(plan, source)))


def _plan(handoff: Handoff, passenger: Passenger, *, is_closed_before: bool) -> Plan | None:
    domain, callee, provider = handoff.domain, handoff.callee, passenger.session.provider
    if passenger.hidden_in or passenger.origin is not Origin.PROVIDED or provider is None:
        return None
    if not isinstance(callee, tree.Name | tree.Attribute):
        return None
    task = domain.value(callee)
    if not isinstance(task, ProjectFunction) or task.receiver is not None:
        return None
    if not is_known_to_module(domain, handoff.body, callee, task):
        return None
    classes = domain.evaluator.classes
    function, source = classes.function(task), classes.function(provider)
    if function is None or source is None or function.is_generator or not is_plain(function):
        return None
    if not source.is_generator or source.parameters or source.decorators or (source.is_async and not function.is_async):
        return None
    if any(argument.star for argument in handoff.node.args) or _carries_entity(handoff, passenger):
        return None
    release = None
    if not is_closed_before:
        release = _statement(handoff)
        if release is None or commits(domain.evaluator, provider) or _is_needed_by_others(handoff, passenger):
            return None
        release = None if _is_released_before(domain, release, passenger) else release
    sessions = [argument for argument in handoff.arguments if argument.value is passenger.node]
    known_name = name_of(domain, provider)
    provider_import = "" if known_name is not None else module_to_import(domain, provider)
    others = _same_task(domain, task)
    before = first_user(domain, (each.body for each in others))
    name = f"{function.name}_in_own_session"
    if len(sessions) != 1 or provider_import is None or before is None or _layout(others[0]) != _layout(handoff):
        return None
    is_async = source.is_async
    plan = Plan(
        domain,
        handoff,
        sessions[0],
        callee,
        function,
        known_name or provider.qualname,
        provider_import,
        is_async,
        name,
        before,
        release,
    )
    return None if _has_collision(plan, task) else plan


def _statement(handoff: Handoff) -> tree.ExprStmt | None:
    """The statement that does nothing but hand over the task to a list of tasks."""
    stmt = handoff.event.stmt
    if handoff.row.is_constructor or not isinstance(handoff.node.func, tree.Attribute):
        return None
    return stmt if isinstance(stmt, tree.ExprStmt) and stmt.value is handoff.node else None


def _carries_entity(handoff: Handoff, passenger: Passenger) -> bool:
    """Whether something goes along that belongs to the passenger, or may."""
    domain, session = handoff.domain, handoff.domain.term(passenger.node)
    return any(may_be_attached(domain, handoff.body, each.value, session) for each in handoff.arguments)


def _is_needed_by_others(handoff: Handoff, passenger: Passenger) -> bool:
    """Whether closing the request's session would take it, or its entities, from another task of the same function."""
    domain, term = handoff.domain, handoff.domain.term(passenger.node)
    for other in domain.subjects(Handoff):
        if other is handoff or other.body is not handoff.body:
            continue
        if _carries_entity(other, passenger):
            return True
        for each in other.passengers():
            if each.hidden_in or (domain.term(each.node) is term and _plan(other, each, is_closed_before=True) is None):
                return True
    return False


def _is_released_before(domain: Domain, stmt: tree.Stmt, passenger: Passenger) -> bool:
    """Whether an earlier statement of the same block hands over the session, or its `close`, as a task."""
    term = domain.term(passenger.node)
    for handoff in domain.subjects(Handoff):
        earlier = _statement(handoff)
        if earlier is None or earlier is stmt or not _is_earlier_in_block(handoff.body.node, earlier, stmt):
            continue
        if (
            isinstance(handoff.callee, tree.Attribute)
            and handoff.callee.attr == "close"
            and domain.term(handoff.callee.value) is term
        ):
            return True
        for other in handoff.passengers():
            if domain.term(other.node) is term and _plan(handoff, other, is_closed_before=True) is not None:
                return True
    return False


def _is_earlier_in_block(node: tree.Node, earlier: tree.Stmt, later: tree.Stmt) -> bool:
    blocks = [node.body] if isinstance(node, tree.Function | tree.Module | tree.Class) else []
    while blocks:
        block = blocks.pop()
        if earlier in block and later in block:
            return block.index(earlier) < block.index(later)
        blocks.extend(
            inner
            for stmt in block
            if not isinstance(stmt, tree.Function | tree.Class)
            for inner in tree.blocks_of(stmt)
        )
    return False


def _same_task(domain: Domain, task: ProjectFunction) -> list[Handoff]:
    """Every hand-over of a task in the module, in the order of the text."""
    return [each for each in domain.subjects(Handoff) if each.callee is not None and domain.value(each.callee) == task]


def _layout(handoff: Handoff) -> tuple[tuple[str | None, bool], ...]:
    """The keywords of what is given along, and which of it is a session."""
    sessions = {passenger.node for passenger in handoff.passengers()}
    return tuple((argument.keyword, argument.value in sessions) for argument in handoff.arguments)


def _has_collision(plan: Plan, task: ProjectFunction) -> bool:
    """Whether a name of the new function is another thing's in the module, or a parameter's."""
    bindings = plan.domain.module.summary.bindings
    manager = bindings.get(plan.manager)
    if manager is not None and plan.domain.value_of(manager) != Symbol(f"contextlib.{plan.manager}"):
        return True
    if plan.name in bindings and plan.name not in plan.domain.module.executor.bodies:
        return True
    for other in plan.domain.subjects(Handoff):
        value = plan.domain.value(other.callee) if other.callee is not None else None
        if (
            isinstance(value, ProjectFunction)
            and value != task
            and value.qualname.rpartition(".")[2] == plan.function.name
        ):
            return True
    used = {plan.name, plan.manager, plan.provider_name.partition(".")[0], root_of(plan.callee)}
    return not used.isdisjoint({*(parameter.name for parameter in plan.function.parameters), "session"})
