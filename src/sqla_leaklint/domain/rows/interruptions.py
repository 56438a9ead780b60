"""What may end the transaction, or the session, while rows are still to come: they are lost with it.

A stream of rows lives as long as the transaction that it was begun in.  Drivers tell of that in their own ways
(`ProgrammingError: named cursor isn't valid anymore`, `NoActiveSQLTransactionError`), and SQLite not at all.

    for order in session.scalars(query.execution_options(yield_per=500)):
        settle(order)                # … where `settle` is this project's, and calls `session.commit()`
        order.close_books()          # … likewise a method of the model
        report(session, order)       # … may, for all that is known: it has the session
        self.billing.charge(order)   # … may, where the session is `self.session`
        print(order.id)              # … does not
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from sqla_leaklint.domain.values import BoundMethod, Entity, ProjectClass, ProjectFunction, Unknown, Value, alternatives
from sqla_leaklint.domain.writes.flushing import may_call
from sqla_leaklint.knowledge.facts import Kind
from sqla_leaklint.semantic import terms as t
from sqla_leaklint.semantic.terms import Term
from sqla_leaklint.syntax import tree
from sqla_leaklint.syntax.walk import walk

if TYPE_CHECKING:
    from sqla_leaklint.domain.module import Domain
    from sqla_leaklint.domain.rows.queries import Load

_ENDS_THE_RESULT = frozenset({"commit", "rollback", "close", "remove", "expunge_all", "reset", "invalidate", "begin"})
_SESSIONS = (Kind.SESSION, Kind.ASYNC_SESSION, Kind.SESSION_REGISTRY, Kind.CONNECTION, Kind.ASYNC_CONNECTION)


def may_end_result(load: Load, nodes: Iterable[tree.Node]) -> bool:
    """Whether something that is called below some nodes may commit: by itself, in a function of the project, or in
    whatever unknown can get at the session.
    """
    calls = [call for node in nodes for call in walk(node) if isinstance(call, tree.Call)]
    if not calls:
        return False
    keeper = _keeper_of(load)
    return any(_may_end(load.domain, call, keeper) for call in calls)


def _may_end(domain: Domain, call: tree.Call, keeper: t.Param | None) -> bool:
    if isinstance(call.func, tree.Attribute) and call.func.attr in _ENDS_THE_RESULT:
        return True
    evaluator = domain.evaluator
    callees = alternatives(domain.value(call.func))
    functions = [each for each in (_function(domain, callee) for callee in callees) if each is not None]
    if any(may_call(evaluator, function, _ENDS_THE_RESULT) for function in functions):
        return True
    if len(functions) == len(callees):
        return False
    if any(
        evaluator.classes.is_a(value, *_SESSIONS)
        for argument in call.args
        for value in alternatives(domain.value(argument.value))
    ):
        return True
    is_unknown = any(isinstance(each, Unknown | ProjectClass) for each in callees)
    if not is_unknown or keeper is None:
        return False
    return _root(domain.term(call.func)) is keeper or any(domain.term(each.value) is keeper for each in call.args)


def _function(domain: Domain, callee: Value) -> ProjectFunction | None:
    """The function of the project that is called: itself, or the method of a row."""
    match callee:
        case ProjectFunction():
            return callee
        case BoundMethod(receiver=Entity(model=model), name=name):
            found = domain.evaluator.classes.find(model, name, on_instance=False)
            if found is None or not isinstance(found[1], t.FunctionRef):
                return None
            return ProjectFunction(found[0].path, found[1].qualname)
        case _:
            return None


def _keeper_of(load: Load) -> t.Param | None:
    """The object that has the session of a load, `self` mostly: whatever else it has may use the session."""
    for call in load.calls:
        session = load.domain.term(call.func.value) if isinstance(call.func, tree.Attribute) else None
        if isinstance(session, t.Attr) and load.domain.evaluator.classes.is_a(
            load.domain.value_of(session), *_SESSIONS
        ):
            return _root(session)
    return None


def _root(term: Term | None) -> t.Param | None:
    """The parameter that a chain of attributes begins with."""
    while isinstance(term, t.Attr):
        term = term.base
    return term if isinstance(term, t.Param) else None
