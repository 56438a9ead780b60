"""How the calls of a function change the standing of the entities in its variables.

A commit expires every entity of the session, unless its maker says `expire_on_commit=False`; a rollback expires what
was loaded before, whatever the maker says, and what was new is in no session again.  `refresh(x)` loads the columns of
`x`, with names these attributes only.  A query may load what was expired, so that nobody can say, unless it asks for
something else; and a helper that is given the session may do any of these.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import TYPE_CHECKING

from sqla_leaklint.domain.application.endpoints import method_name
from sqla_leaklint.domain.async_entities.actions import Called
from sqla_leaklint.domain.async_entities.bringing import WITH_THE_ROW, may_bring
from sqla_leaklint.domain.async_entities.held import Held, Standing, State
from sqla_leaklint.domain.lifetimes.doings import TRACED
from sqla_leaklint.domain.mapped.models import models_of
from sqla_leaklint.domain.values import (
    BoundMethod,
    Entity,
    Literal,
    ProjectClass,
    ProjectFunction,
    Statement,
    Symbol,
    Unknown,
    alternatives,
)
from sqla_leaklint.knowledge.sqlalchemy import SELECT
from sqla_leaklint.semantic import terms as t
from sqla_leaklint.syntax import tree

if TYPE_CHECKING:
    from sqla_leaklint.domain.lifetimes.sessions_in_use import SessionInUse

_IN_SESSION = frozenset({Standing.ADDED, Standing.LOADED, Standing.KEPT, Standing.EXPIRED})
_SENDS = frozenset({"execute", "scalars", "scalar", "stream", "stream_scalars", "exec", "get", "get_one"})
_ENDS = frozenset({"close", "aclose", "reset", "invalidate", "close_all", "expunge_all", "remove", "run_sync"})
_LOOKING = frozenset({"inspect", "instance_state", "set_committed_value", "object_session", "instance_dict"})
_IDLE = frozenset(
    {"begin", "begin_nested", "get_bind", "in_transaction", "is_modified", "in_nested_transaction", "get_transaction"}
)


class Changes:
    """What calls do to the entities of one session."""

    def __init__(self, session: SessionInUse, *, is_expiring: bool) -> None:
        self.session = session
        self.is_expiring = is_expiring

    def after(self, called: Called, state: State) -> State:
        """What is held after a call."""
        call = self.session.domain.term(called.node)
        if not isinstance(call, t.Call):
            return state
        method = self.session.tracker.method(call.func)
        if method is None:
            return self._after_other(called, call, state)
        if method == "commit":
            return self.committed(called.node, state) if called.is_awaited else state
        if method == "rollback":
            return self.rolled_back(called.node, state) if called.is_awaited else state
        if method in _ENDS:
            return lost(state)
        if method in _SENDS:
            return self._sent(call, method, state)
        match method:
            case "expire_all":
                return _each(state, lambda held: _expired(held, called.node))
            case "expire":
                return self._expired_one(called.node, state)
            case "refresh":
                return self._refreshed(called.node, state) if called.is_awaited else state
            case "add" | "add_all":
                return self._added(called.node, state)
            case "delete" | "expunge" | "merge":
                names = _names(called.node)
                return _each(state, lambda held: _unknown(held) if held.holder in names else held)
            case "flush":
                return _each(state, _in_transaction)
            case _:
                return state if method in _IDLE else _each(state, _undecided)

    # --- the ends of transactions ---

    def committed(self, node: tree.Node, state: State) -> State:
        """What is held after a commit."""
        if self.is_expiring:
            return _each(state, lambda held: _expired(held, node) if held.standing in _IN_SESSION else held)
        ends = {Standing.ADDED, Standing.LOADED}
        return _each(state, lambda held: replace(held, standing=Standing.KEPT) if held.standing in ends else held)

    def rolled_back(self, node: tree.Node, state: State) -> State:
        """What is held after a rollback; without a transaction it does nothing."""

        def change(held: Held) -> Held:
            if held.standing is Standing.ADDED:
                return replace(held, standing=Standing.NEW)
            return _expired(held, node) if held.standing is Standing.LOADED else held

        return _each(state, change)

    # --- one entity ---

    def _expired_one(self, call: tree.Call, state: State) -> State:
        names, is_whole = _names(call), len(call.args) == 1
        return _each(
            state,
            lambda held: held if held.holder not in names else _expired(held, call) if is_whole else _unknown(held),
        )

    def _refreshed(self, call: tree.Call, state: State) -> State:
        given = call.args[0].value if call.args else None
        name = given.id if isinstance(given, tree.Name) else None
        attributes = _attribute_names(call)
        comes_along = any(self._loads_others(held) for held in state if held.holder == name) or name is None

        def change(held: Held) -> Held:
            if held.holder != name:
                return _undecided(held) if comes_along else _in_transaction(held)
            if attributes is None:
                return _unknown(held)
            if attributes:
                return replace(_in_transaction(held), known=held.known | attributes)
            if held.standing not in _IN_SESSION:
                return _unknown(held)
            # What was assigned before is expired with the rest; what options a query had, is asked for again.
            statement = Statement(SELECT, (held.model,)) if held.is_new else held.statement
            return replace(
                held, standing=Standing.LOADED, statement=statement, known=frozenset(), by=call, is_renewed=True
            )

        state = _each(state, change)
        is_known = any(held.holder == name for held in state)
        if name is None or is_known or attributes is None or attributes or given is None:
            return state
        return state | frozenset(self._arrived(given, name, Standing.LOADED))

    def _added(self, call: tree.Call, state: State) -> State:
        names = _names(call)
        held_names = {held.holder for held in state}

        def change(held: Held) -> Held:
            is_new = held.holder in names and held.standing is Standing.NEW
            return replace(held, standing=Standing.ADDED) if is_new else held

        arrived: list[Held] = []
        for expr in _given(call):
            if isinstance(expr, tree.Name) and expr.id not in held_names:
                arrived.extend(self._arrived(expr, expr.id, Standing.ADDED))
        return _each(state, change) | frozenset(arrived)

    def _arrived(self, expr: tree.Expr, name: str, standing: Standing) -> Iterable[Held]:
        """An entity that a parameter brought, of which only now it is certain that it belongs to the session."""
        term = self.session.domain.term(expr)
        if not isinstance(term, t.Param):
            return
        found = [each for each in alternatives(self.session.domain.value_of(term)) if each != Literal(None)]
        if len(found) == 1 and isinstance(found[0], Entity):
            yield Held(name, term, found[0].model, standing)

    def _loads_others(self, held: Held) -> bool:
        model = models_of(self.session.domain.evaluator).of(held.model)
        return model is None or any(each.strategy in WITH_THE_ROW for each in model.relationships.values())

    # --- queries, and what others do ---

    def _sent(self, call: t.Call, method: str, state: State) -> State:
        def change(held: Held) -> Held:
            if held.standing is not Standing.NEW and may_bring(self.session, call, held.model):
                held = _unknown(held) if held.is_expired else replace(held, statement=None)
            return held if method in {"get", "get_one"} else _in_transaction(held)

        return _each(state, change)

    def _after_other(self, called: Called, call: t.Call, state: State) -> State:
        """After a call of something that is no method of the session."""
        carry = self.session.tracker.carry
        parts = [*call.args, *(value for _, value in call.keywords)]
        if isinstance(call.func, t.Attr):
            parts.append(call.func.base)
        is_given = any(carry(part) in TRACED for part in parts)
        names = _names(called.node)
        if method_name(call.func) in _LOOKING:  # whether something is loaded may be asked for, and then heeded
            return _each(state, lambda held: _unknown(held) if held.holder in names else held)
        if not is_given and not called.is_awaited:
            return state
        if not is_given and all(map(_is_elsewhere, alternatives(self.session.domain.value_of(call.func)))):
            return state
        return _each(
            state,
            lambda held: (
                _unknown(held) if held.holder in names else _maybe_ended(held) if is_given else _undecided(held)
            ),
        )


def _is_elsewhere(callee: object) -> bool:
    """Whether a callee cannot get at a session that it is not given: a library's function, or one of the project."""
    if isinstance(callee, ProjectFunction):
        return callee.receiver is None
    return isinstance(callee, Symbol | ProjectClass | BoundMethod) and not isinstance(callee, Unknown)


def _each(state: State, change: Callable[[Held], Held]) -> State:
    return frozenset(map(change, state))


def lost(state: State) -> State:
    """What is held after something that may have done anything."""
    return _each(state, _unknown)


def _unknown(held: Held) -> Held:
    return replace(held, standing=Standing.UNKNOWN, statement=None, by=None)


def _undecided(held: Held) -> Held:
    """After what may have loaded it again."""
    return _unknown(held) if held.is_expired else replace(held, statement=None)


def _maybe_ended(held: Held) -> Held:
    """After what may have loaded it again, and may have ended the transaction."""
    held = _undecided(held)
    return replace(held, standing=Standing.KEPT) if held.standing in {Standing.LOADED, Standing.ADDED} else held


def _expired(held: Held, node: tree.Node) -> Held:
    if held.standing in {Standing.NEW, Standing.UNKNOWN}:
        return held
    if held.standing is Standing.ADDED and isinstance(node, tree.Call) and _method(node) in {"expire_all", "expire"}:
        return _unknown(held)  # what was never flushed is left alone
    return replace(held, standing=Standing.EXPIRED, by=node, known=frozenset(), is_renewed=False)


def _in_transaction(held: Held) -> Held:
    return replace(held, standing=Standing.LOADED) if held.standing is Standing.KEPT else held


def _method(call: tree.Call) -> str:
    return call.func.attr if isinstance(call.func, tree.Attribute) else ""


def _given(call: tree.Call) -> Iterable[tree.Expr]:
    """The arguments of a call, those of a list that is written out included."""
    for argument in call.args:
        if isinstance(argument.value, tree.Display):
            yield from argument.value.elements
        else:
            yield argument.value


def _names(call: tree.Call) -> frozenset[str | tree.For]:
    return frozenset(expr.id for expr in _given(call) if isinstance(expr, tree.Name))


def _attribute_names(call: tree.Call) -> frozenset[str] | None:
    """The attributes that `refresh` is asked for; none where it loads all, None where nobody can tell."""
    given = [arg for arg in call.args[1:] if arg.keyword in {None, "attribute_names"}]
    if not given:
        return None if any(arg.star for arg in call.args) else frozenset()
    names = given[0].value
    if not isinstance(names, tree.Display):
        return None
    constants = [each.value for each in names.elements if isinstance(each, tree.Constant)]
    found = frozenset(each for each in constants if isinstance(each, str))
    return found if len(found) == len(names.elements) and found else None
