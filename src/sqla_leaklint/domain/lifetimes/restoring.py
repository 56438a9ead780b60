"""Restoring: what makes a session usable again after an error, or may for all that is known.

A session is restored by `rollback()`, by closing it, by the end of the block that began its transaction or savepoint,
and by whoever else does that on its behalf: a helper, a registry, a context manager of the project.  What cannot be
looked into may.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqla_leaklint.domain.application.endpoints import method_name
from sqla_leaklint.domain.lifetimes.doings import TRACED
from sqla_leaklint.domain.lifetimes.resources import SESSION
from sqla_leaklint.domain.lifetimes.sessions_in_use import SessionInUse
from sqla_leaklint.domain.memo import Memo
from sqla_leaklint.domain.values import ProjectFunction, ProjectInstance, Unknown, alternatives
from sqla_leaklint.flow import build_cfg
from sqla_leaklint.knowledge.facts import Kind
from sqla_leaklint.semantic import terms as t
from sqla_leaklint.semantic.events import Deed
from sqla_leaklint.semantic.terms import Term
from sqla_leaklint.syntax import tree

if TYPE_CHECKING:
    from sqla_leaklint.domain.evaluation import Evaluator

RESTORING = frozenset({"rollback", "close", "aclose", "close_all", "remove", "reset", "invalidate", "dispose"})
_LEAVING = frozenset({"abort", "exit", "_exit", "fail", "quit", "retry", "reraise", "skip"})
"""Functions that by custom raise: `flask.abort`, `self.retry()` of a Celery task, `pytest.fail`."""
_ENTERING = frozenset({"begin", "begin_nested"})
_DATABASE = (*SESSION.kinds, Kind.SESSION_REGISTRY, Kind.TRANSACTION, Kind.CONNECTION, Kind.ASYNC_CONNECTION)
_DEEPEST = 2
"""Calls below a helper that are looked into."""


def may_restore(session: SessionInUse, call: t.Call) -> bool:
    """Whether a call may make the session usable again, or does not return."""
    name = method_name(call.func)
    if name in _LEAVING or (name in RESTORING and _may_concern(session, call.func)):
        return True
    evaluator = session.domain.evaluator
    functions = [each for each in alternatives(session.domain.value_of(call.func)) if isinstance(each, ProjectFunction)]
    if any(_only_raises(session, each) for each in functions):
        return True
    return _is_reachable(session, call) and any(restores(evaluator, each) for each in functions)


def _may_concern(session: SessionInUse, function: Term) -> bool:
    """Whether what `rollback`, `close` … is called on can be the session, its transaction, or what holds it."""
    if not isinstance(function, t.Attr):
        return True
    evaluator = session.domain.evaluator
    return any(
        isinstance(each, Unknown | ProjectInstance) or evaluator.classes.is_a(each, *_DATABASE)
        for each in alternatives(session.domain.value_of(function.base))
    )


def _is_reachable(session: SessionInUse, call: t.Call) -> bool:
    """Whether a callee can get at the session: by an argument, its object, its scope, or because all share it."""
    if not isinstance(session.seed, t.Param | t.Enter | t.Call | t.Await | t.Declared):
        return True
    if isinstance(call.func, t.FunctionRef):
        return True
    parts = (call.func, *call.args, *(value for _, value in call.keywords))
    return any(session.tracker.carry(part) in TRACED for part in parts)


def restores(evaluator: Evaluator, function: ProjectFunction) -> bool:
    """Whether a function of the project, or one that it calls, restores some session, or begins a block that will."""
    return calls_any(evaluator, function, RESTORING | _ENTERING)


def may_end_transaction(evaluator: Evaluator, function: ProjectFunction) -> bool:
    """Whether a function of the project, or one that it calls, commits or rolls back some session."""
    return calls_any(evaluator, function, RESTORING | _ENTERING | {"commit"})


def calls_any(evaluator: Evaluator, function: ProjectFunction, names: frozenset[str], depth: int = 0) -> bool:
    """Whether something of these names is called in a function of the project or below it; True if it is not known."""
    memo = _MEMO.of(evaluator)
    key = (function.path, function.qualname, names, depth)
    known = memo.get(key)
    if known is None:
        memo[key] = False  # what calls itself adds nothing
        known = memo[key] = _calls_any(evaluator, function, names, depth)
    return known


def _calls_any(evaluator: Evaluator, function: ProjectFunction, names: frozenset[str], depth: int) -> bool:
    summary = evaluator.classes.function(function)
    module = evaluator.project.summary_at(function.path)
    if summary is None or module is None:
        return True
    calls = [act.value for act in summary.acts if act.deed is Deed.CALLED and isinstance(act.value, t.Call)]
    if any(method_name(call.func) in names for call in calls):
        return True
    if depth >= _DEEPEST:
        return False
    frame = evaluator.frame(module)
    callees = (each for call in calls for each in alternatives(evaluator.of(call.func, frame)))
    return any(isinstance(each, ProjectFunction) and calls_any(evaluator, each, names, depth + 1) for each in callees)


_MEMO: Memo[Evaluator, dict[tuple[str, str, frozenset[str], int], bool]] = Memo(lambda _: {})


def _only_raises(session: SessionInUse, function: ProjectFunction) -> bool:
    """Whether no way leads to the end of a function of the project."""
    domain = session.domain
    is_here = function.path == domain.module.path
    module = domain.module if is_here else domain.evaluator.project.module_at(function.path)
    body = module.executor.bodies.get(function.qualname) if module is not None else None
    if body is None or not isinstance(body.node, tree.Function) or not _ends_badly(body.node.body):
        return False
    graph = build_cfg(body.node)
    return not graph.predecessors(graph.exit)


def _ends_badly(block: tree.Block) -> bool:
    """Whether a block may end by raising, at a glance."""
    return bool(block) and not isinstance(block[-1], tree.Return | tree.Assign | tree.ExprStmt | tree.For)


def restored_on_leaving(session: SessionInUse, item: tree.WithItem) -> bool:
    """Whether leaving a `with` restores the session: it entered the session itself, its transaction or a savepoint, or
    something that may do so.
    """
    term = session.domain.term(item.context)
    if term is None:
        return True
    if session.is_it(term) or any(session.is_it(part) for part in _entered(session, term)):
        return not _switches_autoflush(term)
    if not isinstance(term, t.Call):
        return isinstance(session.domain.value_of(term), ProjectInstance)
    if session.tracker.method(term.func) is not None or method_name(term.func) in _ENTERING:
        return True
    given = (*term.args, *(value for _, value in term.keywords))
    functions = [each for each in alternatives(session.domain.value_of(term.func)) if isinstance(each, ProjectFunction)]
    if functions:
        return any(restores(session.domain.evaluator, each) for each in functions)
    return any(session.tracker.carry(each) in TRACED for each in given)


def _entered(session: SessionInUse, term: Term) -> tuple[Term, ...]:
    pool = session.domain.module.executor.pool
    return tuple(pool.make(t.Enter, term, is_async) for is_async in (False, True))


def _switches_autoflush(term: Term) -> bool:
    return isinstance(term, t.Attr) and term.name == "no_autoflush"
