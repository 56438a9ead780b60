"""Entities of an async session, followed along the ways of a function to where reading one of them would have to load.

    user = await session.get(User, 1)        # `user`: loaded
    user.name = name
    await session.commit()                   # expired, unless the session was made with `expire_on_commit=False`
    log.info("%s renamed", user.email)       # read: the load has nobody to await it, `MissingGreenlet`
    await session.refresh(user)              # (never reached)

Along each way each variable has one standing.  A read counts when the entity cannot be loaded on any way that leads to
it, or when all ways lead through the call that expired it; where a condition decides, nobody can say.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from sqla_leaklint.domain.async_entities.actions import (
    Action,
    Bound,
    Called,
    Left,
    Read,
    Returned,
    Suspended,
    Written,
    actions_of,
)
from sqla_leaklint.domain.async_entities.bringing import Brought, brought
from sqla_leaklint.domain.async_entities.changes import Changes, lost
from sqla_leaklint.domain.async_entities.held import Held, Standing, State
from sqla_leaklint.domain.lifetimes.doings import TRACED
from sqla_leaklint.domain.lifetimes.paths import UNASKED
from sqla_leaklint.domain.lifetimes.sessions_in_use import SessionInUse
from sqla_leaklint.domain.lifetimes.uses import Doing
from sqla_leaklint.flow import Edge, EdgeKind, Step, StepKind, build_cfg, solve_forward
from sqla_leaklint.semantic import terms as t
from sqla_leaklint.semantic.terms import Term
from sqla_leaklint.syntax import tree

MOST_HELD = 64
"""Ways to hold entities at one step before the function is given up."""


@dataclass(frozen=True, slots=True, eq=False)
class Reading:
    """A place where attributes are read, and all that the variable may hold there."""

    node: tree.Expr
    names: frozenset[str] | None
    """The attributes; None for those that a serializer reads."""
    held: tuple[Held, ...]
    step: Step


class Tracing:
    """Follows the entities of one session through one function."""

    def __init__(self, session: SessionInUse, *, is_expiring: bool, raises: Callable[[Held, str], bool]) -> None:
        """`raises` tells whether reading an attribute of what is held raises."""
        self.session = session
        self.graph = build_cfg(session.function)
        self._raises = raises
        self._changes = Changes(session, is_expiring=is_expiring)
        self._actions: dict[Step, tuple[Action, ...]] = {
            step: actions_of(self.graph, step) for step in self.graph.steps
        }
        self._brought: dict[tree.Expr, Brought | None] = {}
        self._before: dict[Step, State] = {}

    def readings(self) -> Iterator[Reading]:
        """Every read of something that is held, in the order of the text."""
        self._before = solve_forward(
            self.graph, initial=frozenset(), flow=self._flow, join=lambda one, other: one | other
        )
        for step in sorted(self._before, key=lambda each: each.index):
            state = self._before[step]
            for action in self._actions[step]:
                if isinstance(action, Read):
                    yield from self._reading(action.node, frozenset({action.node.attr}), action.node.value, state, step)
                elif isinstance(action, Returned) and action.node.value is not None:
                    yield from self._reading(action.node.value, None, action.node.value, state, step)
                elif isinstance(action, Called) and len(action.node.args) == 1:
                    given = action.node.args[0].value
                    yield from self._reading(action.node, None, given, state, step)
                state = self._after(action, state)

    def held_at(self, node: tree.Node, holder: str) -> tuple[Held, ...]:
        """What a variable may hold before the step that evaluates a call."""
        for step, state in self._before.items():
            if any(isinstance(each, Called) and each.node is node for each in self._actions[step]):
                return tuple(held for held in state if held.holder == holder)
        return ()

    def leads_through(self, node: tree.Node, step: Step) -> bool:
        """Whether every way to a step leads through what a call did."""
        through = {each for each, actions in self._actions.items() if any(_is_done(one, node) for one in actions)}
        if step in through:
            return True
        around = self.graph.reachable(
            self.graph.entry,
            avoiding=lambda edge: edge.kind in UNASKED or (edge.source in through and not edge.is_exceptional),
        )
        return step not in around

    def _reading(
        self, node: tree.Expr, names: frozenset[str] | None, expr: tree.Expr, state: State, step: Step
    ) -> Iterator[Reading]:
        held = tuple(self._held_by(expr, state))
        if held:
            yield Reading(node, names, held, step)

    # --- along the ways ---

    def _flow(self, edge: Edge, state: State) -> State | None:
        if edge.kind in UNASKED:
            return None
        step = edge.source
        if step.kind is StepKind.NEXT:
            is_turn = edge.kind is EdgeKind.TRUE and isinstance(step.node, tree.For)
            return self._turn(step.node, state) if is_turn and isinstance(step.node, tree.For) else state
        if edge.is_exceptional and step.kind is not StepKind.WITH_EXIT:
            return state
        for action in self._actions[step]:
            state = self._after(action, state)
        return state if len(state) <= MOST_HELD else frozenset(map(_forgotten, state))

    def _after(self, action: Action, state: State) -> State:
        match action:
            case Called():
                return self._changes.after(action, state) if state or action.node.args else state
            case Bound(holder=holder, value=value):
                return self._bound(holder, value, state)
            case Read(node=node) if state:
                return self._read(node, state)
            case Written(node=tree.Attribute(value=tree.Name(id=name), attr=attribute)) if state:
                return frozenset(
                    replace(held, known=held.known | {attribute}) if held.holder == name else held for held in state
                )
            case Left():
                return self._left(action, state)
            case Suspended():
                return lost(state)
            case _:
                return state

    def _read(self, node: tree.Attribute, state: State) -> State:
        """After an attribute was read, the ways on which that raises are over."""
        found = frozenset(self._held_by(node.value, state))
        if not found:
            return state
        if node.attr == "awaitable_attrs":
            return (state - found) | lost(found)
        return frozenset(held for held in state if held not in found or not self._raises(held, node.attr))

    def _bound(self, holder: str | tree.For, value: tree.Expr | None, state: State) -> State:
        old = [held for held in state if held.holder == holder]
        rest = state.difference(old)
        if isinstance(value, tree.Name):
            given = [held for held in state if held.holder == value.id]
            if given and isinstance(holder, str):
                return rest | frozenset(replace(held, holder=holder) for held in given)
        found = self._what(value) if value is not None else None
        term = self.session.domain.term(value) if value is not None else None
        if found is None or term is None:
            return rest | lost(frozenset(old))
        standing = Standing.LOADED if found.is_loaded else Standing.NEW
        if found.is_loaded and self._may_end(value):
            standing = Standing.KEPT
        is_new = not found.is_loaded
        return rest | {Held(holder, term, found.model, standing, found.is_rows, found.statement, is_new=is_new)}

    def _what(self, value: tree.Expr) -> Brought | None:
        if value not in self._brought:
            term = self.session.domain.term(value)
            is_asked = isinstance(term, t.Call | t.Await)
            self._brought[value] = brought(self.session, term) if is_asked and term is not None else None
        return self._brought[value]

    def _may_end(self, value: tree.Expr | None) -> bool:
        """Whether a helper that gives an entity may have ended the transaction."""
        call = value.value if isinstance(value, tree.Await) else value
        term = self.session.domain.term(call) if call is not None else None
        if isinstance(term, t.Call) and self.session.tracker.method(term.func) is not None:
            return False
        done = [use.doing for use in self.session.uses if use.act.value is term and use.callee is not None]
        return any(doing in {Doing.ENDS_TRANSACTION, Doing.PASSES, Doing.TRANSACTS} for doing in done)

    def _turn(self, loop: tree.For, state: State) -> State:
        """What is held when a loop has bound its next item."""
        if not isinstance(loop.target, tree.Name):
            return state
        name = loop.target.id
        source = loop.iter.id if isinstance(loop.iter, tree.Name) else loop
        rows = [held for held in state if held.is_rows and held.holder == source]
        state = self._bound(name, None, state)
        if not rows:
            return state
        make = self.session.domain.module.executor.pool.make
        turns = {
            replace(held, holder=name, term=make(t.Element, held.term, loop.is_async), is_rows=False, is_of_loop=True)
            for held in rows
        }
        return frozenset(held for held in state if held.holder != name) | turns

    def _left(self, action: Left, state: State) -> State:
        """What is held after a `with` block."""
        session, term = self.session, self.session.domain.term(action.item.context)
        if term is None or not state:
            return lost(state)
        make = session.domain.module.executor.pool.make
        if session.is_it(term) or any(session.is_it(make(t.Enter, term, is_async)) for is_async in (False, True)):
            return state if isinstance(term, t.Attr) and term.name == "no_autoflush" else lost(state)
        method = session.tracker.method(term.func) if isinstance(term, t.Call) else None
        if method == "begin":
            end = self._changes.rolled_back if action.is_exceptional else self._changes.committed
            return end(action.item.context, state)
        if method is not None:
            return lost(state) if action.is_exceptional else state
        parts = (*term.args, *(value for _, value in term.keywords)) if isinstance(term, t.Call) else (term,)
        return lost(state) if any(session.tracker.carry(part) in TRACED for part in parts) else state

    # --- who holds what ---

    def _held_by(self, expr: tree.Expr, state: State) -> Iterator[Held]:
        """What an expression holds: a variable, an element of one, or what a comprehension runs over."""
        term = self.session.domain.term(expr)
        if term is None or not state:
            return
        if isinstance(expr, tree.Subscript) and isinstance(expr.value, tree.Name):
            is_slice = any(isinstance(each, tree.Operation) and each.kind == "slice" for each in expr.index)
            holder = expr.value.id
            yield from (held for held in state if held.holder == holder and held.is_rows and not is_slice)
        elif isinstance(expr, tree.Name):
            leaves = set(_leaves(term))
            for held in state:
                if held.holder == expr.id and (held.term in leaves or held.standing is Standing.UNKNOWN):
                    yield held
                elif held.is_rows and isinstance(term, t.Element) and term.value is held.term:
                    yield from () if any(each.holder == expr.id for each in state) else (held,)


def _is_done(action: Action, node: tree.Node) -> bool:
    match action:
        case Called():
            return action.node is node
        case Left(item=item, is_exceptional=is_exceptional):
            return item.context is node and not is_exceptional
        case _:
            return False


def _leaves(term: Term) -> Iterator[Term]:
    """What a term may be, by the ways that meet in it."""
    match term:
        case t.Join():
            for each in term.terms:
                yield from _leaves(each)
        case t.Declared(value=value) if value is not None:
            yield term
            yield from _leaves(value)
        case _:
            yield term


def _forgotten(held: Held) -> Held:
    return Held(held.holder, held.term, held.model, Standing.UNKNOWN)
