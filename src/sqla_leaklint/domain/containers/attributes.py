"""Where objects and applications get their containers: `self.seen = {}` of a constructor, `app.state.seen = {}`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from sqla_leaklint.domain.application.state import is_application_state
from sqla_leaklint.domain.containers.definitions import Definition, definition_of
from sqla_leaklint.domain.containers.identity import Holder
from sqla_leaklint.domain.lifetimes.conditions import asks_for
from sqla_leaklint.domain.lifetimes.process import Reach, reach_of
from sqla_leaklint.domain.values import ProjectClass
from sqla_leaklint.semantic import terms as t
from sqla_leaklint.semantic.events import Deed
from sqla_leaklint.syntax import tree

if TYPE_CHECKING:
    from sqla_leaklint.domain.module import Domain
    from sqla_leaklint.semantic.body import Body
    from sqla_leaklint.semantic.events import Event

CONSTRUCTORS = frozenset({"__init__", "__post_init__"})

STATE = "app.state"
"""What the state of an application is called in messages, whatever the application is called."""


def object_definitions(domain: Domain) -> Iterator[Definition]:
    """The containers that constructors of the module's classes make, each stored once and under one name."""
    for body in domain.bodies:
        owner = body.parent
        if owner is None or not isinstance(owner.node, tree.Class) or not isinstance(body.node, tree.Function):
            continue
        if body.node.name not in CONSTRUCTORS or not body.node.params:
            continue
        cls = ProjectClass(domain.module.path, owner.qualname)
        stores = [event for event in body.events if _is_own(event, body)]
        for event in stores:
            if sum(other.key == event.key for other in stores) > 1 or domain.evaluator.classes.is_mapped(cls):
                continue
            definition = _definition(domain, event, owner.qualname, Holder.OBJECT, body.qualname)
            if definition is not None:
                yield definition


def state_definitions(domain: Domain) -> Iterator[Definition]:
    """The containers that the module puts in the state of an application, once for each."""
    for body in domain.bodies:
        for event in body.events:
            if event.deed is not Deed.STORED_ATTRIBUTE or event.base is None:
                continue
            if is_application_state(domain.evaluator, event.base, domain.frame) and _is_stored_once(
                domain, body, event
            ):
                made_in = body.qualname if body.is_function else ""
                definition = _definition(domain, event, STATE, Holder.STATE, made_in)
                if definition is not None:
                    yield definition


def _is_own(event: Event, constructor: Body) -> bool:
    """Whether a constructor stores something in an attribute of its object."""
    assert isinstance(constructor.node, tree.Function)
    return (
        event.deed is Deed.STORED_ATTRIBUTE
        and isinstance(event.base, t.Param)
        and (event.base.function, event.base.name) == (constructor.qualname, constructor.node.params[0].name)
    )


def _is_stored_once(domain: Domain, body: Body, event: Event) -> bool:
    """Whether a function does not put a new container there for every request: it is set up, or asked for before."""
    if isinstance(body.node, tree.Module):
        return True
    if not isinstance(body.node, tree.Function):
        return False
    if asks_for(body.node, str(event.key)):
        return True
    function = domain.module.summary.functions[body.qualname]
    return reach_of(domain.evaluator, domain.module.summary, function)[0] is not Reach.OUTSIDE


def _definition(domain: Domain, event: Event, owner: str, holder: Holder, made_in: str) -> Definition | None:
    stmt = event.stmt
    if not isinstance(stmt, tree.Assign | tree.AnnAssign):
        return None
    targets = stmt.targets if isinstance(stmt, tree.Assign) else (stmt.target,)
    if len(targets) != 1 or not isinstance(targets[0], tree.Attribute):
        return None
    return definition_of(domain, stmt, targets[0].attr, owner, holder, made_in)
