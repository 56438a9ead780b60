"""Flushes and collections in a loop over rows that writes nothing: they free nothing, and there is nothing to free.

    for user in session.scalars(select(User).execution_options(yield_per=500)):     # the loop, over loaded rows
        writer.writerow([user.name])                                                # reads columns only
        session.flush()                                                             # idle: nothing is to be sent

A row that is only read is freed as soon as the next batch comes, since a session refers to it weakly.  Whatever in the
loop may write (an addition, an attribute that is set, a statement that is no `select`, somebody unknown who is given a
row or the session) ends the question.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqla_leaklint.domain.application.endpoints import method_name
from sqla_leaklint.domain.linking import statements
from sqla_leaklint.domain.linking.library import unwrapped
from sqla_leaklint.domain.mapped.models import models_of
from sqla_leaklint.domain.rows.loops import Loop, Loops
from sqla_leaklint.domain.values import (
    BoundMethod,
    Entity,
    Many,
    ProjectClass,
    ProjectFunction,
    Rows,
    Statement,
    Symbol,
    TupleValue,
    Unknown,
    Value,
    alternatives,
)
from sqla_leaklint.domain.writes.flushing import SESSIONS, may_send, sending_methods
from sqla_leaklint.knowledge.facts import Effect, LoadStrategy, Role
from sqla_leaklint.semantic import terms as t
from sqla_leaklint.semantic.body import Body
from sqla_leaklint.semantic.events import Deed, Event
from sqla_leaklint.semantic.terms import Term
from sqla_leaklint.syntax import tree
from sqla_leaklint.syntax.walk import walk

if TYPE_CHECKING:
    from sqla_leaklint.domain.module import Domain

_COLLECT = "gc.collect"
_LOOKING = frozenset(f"builtins.{name}" for name in ("print", "len", "str", "repr", "isinstance", "bool", "id", "type"))
_MUTATING = frozenset(
    [
        "append",
        "extend",
        "insert",
        "add",
        "remove",
        "discard",
        "clear",
        "pop",
        "popitem",
        "update",
        "setdefault",
        "sort",
        "reverse",
    ]
)
_HARMLESS = frozenset({Effect.FLUSHES, Effect.REMOVES, None})


@dataclass(frozen=True, slots=True, eq=False)
class IdleFlush:
    """A flush or collection (`node`) that does nothing for a loop over rows (`loop`)."""

    domain: Domain
    body: Body
    event: Event
    loop: tree.For

    @property
    def node(self) -> tree.Call:
        return self.event.call_node

    @property
    def is_collection(self) -> bool:
        return _is_collection(self.event.call)

    @staticmethod
    def find(domain: Domain) -> Iterator[IdleFlush]:
        """Every such call of the module, in the order of the text."""
        for body in domain.bodies:
            if not isinstance(body.node, tree.Function | tree.Module):
                continue
            candidates = [event for event in body.events if event.deed is Deed.CALLED and _is_candidate(event.call)]
            if candidates:
                reader = _Reader(domain, body)
                for event in candidates:
                    loop = reader.loop_of(event)
                    if loop is not None:
                        yield IdleFlush(domain, body, event, loop)


def _is_candidate(call: t.Call) -> bool:
    return _is_collection(call) or (method_name(call.func) == "flush" and not call.args and not call.keywords)


def _is_collection(call: t.Call) -> bool:
    return isinstance(call.func, t.Ref) and call.func.path == _COLLECT


class _Reader:
    def __init__(self, domain: Domain, body: Body) -> None:
        self._domain = domain
        self._evaluator = domain.evaluator
        self._body = body
        self._loops = Loops(body)
        self._verdicts: dict[Loop, bool] = {}

    def loop_of(self, event: Event) -> tree.For | None:
        """The outermost loop over rows around a flush, if nothing is written in it."""
        over_rows = [
            loop
            for loop in self._loops.around(event.stmt)
            if isinstance(loop, tree.For) and self._brings_rows(self._looped_over(loop))
        ]
        if not over_rows:
            return None
        loop = over_rows[-1]
        if _is_collection(event.call):
            if any(self._may_make_cycles(each) for each in over_rows):
                return None
        else:
            value = self._domain.value_of(event.call.func)
            if not isinstance(value, BoundMethod) or not self._is_session(value.receiver):
                return None
        if loop not in self._verdicts:
            self._verdicts[loop] = not any(self._may_write(each) for each in self._loops.events_in(loop))
        return loop if self._verdicts[loop] else None

    def _looped_over(self, loop: tree.For) -> Value:
        term = self._domain.term(loop.iter)
        if isinstance(term, t.Call) and isinstance(term.func, t.Ref) and term.func.path == "builtins.enumerate":
            term = term.args[0] if term.args else term
        return self._domain.value_of(term) if term is not None else Unknown("it is never reached")

    def _brings_rows(self, value: Value) -> bool:
        value = unwrapped(value)
        rows = value if isinstance(value, Rows) else statements.looped(self._evaluator, value)
        return rows is not None and rows.statement is not None and rows.statement.is_whole

    def _may_make_cycles(self, loop: tree.For) -> bool:
        """Whether rows come with related ones, which refer back to them: only the cyclic collector frees those."""
        value = unwrapped(self._looped_over(loop))
        statement = value if isinstance(value, Statement) else getattr(value, "statement", None)
        if not isinstance(statement, Statement) or any(step.role is Role.LOADS for step in statement.steps):
            return True
        models = [
            models_of(self._evaluator).of(each) for each in statement.projections if isinstance(each, ProjectClass)
        ]
        related = [each for model in models if model is not None for each in model.relationships.items()]
        names = {name for name, _ in related}
        return any(relationship.strategy is not LoadStrategy.LAZY for _, relationship in related) or any(
            isinstance(node, tree.Attribute) and node.attr in names for stmt in loop.body for node in walk(stmt)
        )

    def _is_session(self, value: Value) -> bool:
        return self._evaluator.classes.is_a(value, *SESSIONS)

    # --- what may write ---

    def _may_write(self, event: Event) -> bool:
        match event.deed:
            case Deed.CALLED:
                return self._call_may_write(event.call)
            case Deed.AUGMENTED if isinstance(event.node, tree.AugAssign) and isinstance(event.node.target, tree.Name):
                return False  # a variable
            case Deed.STORED_ATTRIBUTE | Deed.STORED_ITEM | Deed.AUGMENTED | Deed.DELETED_ITEM:
                return event.base is None or self._is_of_row(event.base)
            case Deed.YIELDED | Deed.STORED_GLOBAL:
                return self._has_entity(event.value)
            case _:
                return False

    def _call_may_write(self, call: t.Call) -> bool:
        name = method_name(call.func)
        given = [*call.args, *(value for _, value in call.keywords)]
        gives_row = any(self._has_entity(each) for each in given)
        gives_session = any(self._is_session(value) for each in given for value in alternatives(self._value(each)))
        is_known = False
        for callee in alternatives(self._domain.value_of(call.func)):
            match callee:
                case Symbol(path=path) if path in _LOOKING:
                    continue
                case BoundMethod(receiver=receiver) if self._is_session(receiver):
                    row = self._evaluator.knowledge.method(self._evaluator.classes.library_type(receiver) or "", name)
                    if row is None or not (row.effect in _HARMLESS or self._only_selects(row.effect, call)):
                        return True
                    is_known = True
                    continue
                case BoundMethod(receiver=Entity()):
                    return True
                case ProjectClass() if self._evaluator.classes.is_mapped(callee):
                    return True
                case ProjectFunction():
                    if callee.receiver is not None or may_send(self._evaluator, callee):
                        return True
                    if not gives_session and self._only_reads(callee):
                        continue
                case _:
                    pass
            if gives_row or gives_session:
                return True
        if isinstance(call.func, t.Attr):
            if name in _MUTATING and self._is_of_row(call.func.base):
                return True
            is_of_parameter = isinstance(call.func.base, t.Param) and not is_known
            return is_of_parameter and name in sending_methods(self._evaluator.knowledge)
        return False

    def _only_reads(self, function: ProjectFunction) -> bool:
        """Whether a function sets nothing on what it is given, hands nothing of it on and calls none of its methods."""
        summary = self._evaluator.classes.function(function)
        if summary is None or summary.decorators:
            return False
        for act in summary.acts:
            match act.deed:
                case Deed.CALLED if isinstance(act.value, t.Call):
                    given = (*act.value.args, *(value for _, value in act.value.keywords))
                    if any(isinstance(each, t.Param) for each in given) or (
                        isinstance(act.value.func, t.Attr)
                        and (isinstance(act.value.func.base, t.Param) or act.value.func.name in _MUTATING)
                    ):
                        return False
                case Deed.ENTERED:
                    pass
                case _:
                    return False
        return True

    def _only_selects(self, effect: Effect | None, call: t.Call) -> bool:
        """Whether a session's method that runs SQL runs a `select`, or asks for one row by its key."""
        if effect is not Effect.RUNS_SQL:
            return False
        if method_name(call.func) in {"get", "get_one"}:
            return True
        statement = unwrapped(self._value(call.args[0])) if call.args else None
        return isinstance(statement, Statement) and statement.type.endswith(("Select", "SelectOfScalar"))

    def _value(self, term: Term) -> Value:
        return self._domain.value_of(term)

    def _has_entity(self, term: Term) -> bool:
        """Whether a term is a row that can be written to, holds some, or is not known not to."""
        match term:
            case t.Collection():
                return any(self._has_entity(each) for each in term.elements)
            case t.Const() | t.Mapped() | t.Compare() | t.Caught() | t.Opaque():
                return isinstance(term, t.Mapped) and self._has_entity(term.element)
            case t.Element() | t.Item() | t.Star() | t.Join() | t.Local():
                return self._holds_entity(self._value(term.value if isinstance(term, t.Star) else term))
            case t.Attr():
                return any(isinstance(each, Entity | Rows) for each in alternatives(self._value(term)))
            case _:
                return any(isinstance(each, Entity | Rows | Many) for each in alternatives(self._value(term)))

    def _holds_entity(self, value: Value) -> bool:
        match value:
            case Entity() | Rows():
                return True
            case TupleValue():
                return any(self._holds_entity(each) for each in value.elements)
            case Unknown(reason=reason):
                return not reason.startswith("a value")  # a column's
            case _:
                return any(isinstance(each, Entity | Rows | TupleValue) for each in alternatives(value))

    def _is_of_row(self, term: Term) -> bool:
        """Whether a term is a row, or something that it has."""
        while True:
            match term:
                case t.Attr():
                    if isinstance(self._value(term.base), Entity):
                        return True
                    term = term.base
                case t.Call(func=t.Attr(base=base)):
                    term = base
                case t.Await() | t.Enter():
                    term = term.value
                case t.Item(value=t.Element()) | t.Element():
                    return True
                case t.Item():
                    term = term.value
                case t.Join():
                    return any(self._is_of_row(each) for each in term.terms)
                case _:
                    return any(isinstance(each, Entity) for each in alternatives(self._value(term)))
