"""Which calls open a session that is then the caller's to close."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqla_leaklint.domain.calls import NOT_KNOWN, apply
from sqla_leaklint.domain.library import unwrapped
from sqla_leaklint.domain.lifetimes.makers import called
from sqla_leaklint.domain.lifetimes.uses import HANDED_ON, uses_in
from sqla_leaklint.domain.merging import merge
from sqla_leaklint.domain.values import (
    Instance,
    Literal,
    Origin,
    Partial,
    ProjectClass,
    ProjectFunction,
    ProjectInstance,
    Symbol,
    Unknown,
    Value,
    alternatives,
)
from sqla_leaklint.knowledge.facts import Kind
from sqla_leaklint.semantic import terms as t
from sqla_leaklint.semantic.project import binding

if TYPE_CHECKING:
    from sqla_leaklint.domain.evaluation import Evaluator, Frame

SESSIONS = (Kind.SESSION, Kind.ASYNC_SESSION)
_DEEPEST = 6
"""Factories that call factories, before the question is given up."""


@dataclass(frozen=True, slots=True)
class Opening:
    """What a call opens; `factory` is the function of the project that does it for the caller, if one does."""

    session: Instance | ProjectInstance
    factory: ProjectFunction | None
    is_async: bool

    @property
    def is_plain(self) -> bool:
        """Whether it is a library's own session, so that leaving `with` is known to close it and to do nothing else."""
        return isinstance(self.session, Instance)


def opening(evaluator: Evaluator, call: t.Call, frame: Frame, depth: int = 0) -> Opening | None:
    """What a call opens, when everything that it can be opens a session; None when it does not, or is not known to."""
    if depth > _DEEPEST:
        return None
    callees = called(evaluator, call, frame)
    if not callees:
        return None
    for callee in callees:
        if not _opens(evaluator, callee, call, frame, depth):
            return None
    made = evaluator.of(call, frame)
    if isinstance(made, Unknown | Literal):  # the callees are known from elsewhere
        made = merge([apply(evaluator, callee, NOT_KNOWN, ()) for callee in callees])
    session = _session(evaluator, unwrapped(made))
    if session is None:
        return None
    factory = callees[0] if isinstance(callees[0], ProjectFunction) else None
    return Opening(session, factory, evaluator.classes.is_a(session, Kind.ASYNC_SESSION))


def _session(evaluator: Evaluator, value: Value) -> Instance | ProjectInstance | None:
    """The fresh session that a value is; a function may also return None, but nothing else."""
    found: Instance | ProjectInstance | None = None
    for each in alternatives(value):
        made = unwrapped(each)
        if made == Literal(None):
            continue
        if not isinstance(made, Instance | ProjectInstance) or made.origin is not Origin.FRESH:
            return None
        if not evaluator.classes.is_a(made, *SESSIONS):
            return None
        found = made
    return found


def _opens(evaluator: Evaluator, callee: Value, call: t.Call, frame: Frame, depth: int) -> bool:
    knowledge = evaluator.knowledge
    match callee:
        case Instance():
            maker = factory_call(evaluator, call.func, frame)
            is_factory = knowledge.is_a(callee.type, Kind.SESSION_FACTORY) and callee.makes is not None
            return is_factory and not autocommits(call, maker) and not _borrows(evaluator, call, frame, maker)
        case Symbol():
            row = knowledge.type(callee.path)
            is_session = row is not None and row.kind in SESSIONS
            return is_session and not autocommits(call, None) and _has_engine(evaluator, call, frame)
        case ProjectClass():
            base = evaluator.classes.library_base(callee)
            return base is not None and any(knowledge.is_a(base, kind) for kind in SESSIONS)
        case ProjectFunction():
            return _hands_out(evaluator, callee, call, frame, depth)
        case Partial(function=Symbol(path=path), args=args, keywords=keywords):
            row = knowledge.type(path)
            bind = args[0] if args else dict(keywords).get("bind")
            is_session = row is not None and row.kind in SESSIONS
            return is_session and bind is not None and evaluator.classes.is_a(bind, Kind.ENGINE, Kind.ASYNC_ENGINE)
        case _:
            return False


# --- whose connection ---


def autocommits(call: t.Call, maker: t.Call | None) -> bool:
    """Whether a session gives its connection back after every statement: `autocommit=True`, before SQLAlchemy 2.0."""
    given = (each.keyword("autocommit") for each in (call, maker) if each is not None)
    return any(isinstance(each, t.Const) and each.value is True for each in given)


def _bind(call: t.Call, *, positional: bool) -> t.Term | None:
    bind = call.keyword("bind")
    if bind is None and positional and call.args and not isinstance(call.args[0], t.Star):
        bind = call.args[0]
    return bind


def _is_engine(evaluator: Evaluator, bind: t.Term, frame: Frame) -> bool:
    values = [each for each in alternatives(evaluator.of(bind, frame)) if each != Literal(None)]
    return bool(values) and all(evaluator.classes.is_a(each, Kind.ENGINE, Kind.ASYNC_ENGINE) for each in values)


def _has_engine(evaluator: Evaluator, call: t.Call, frame: Frame) -> bool:
    """Whether a session that is constructed by hand takes connections from an engine, not its caller's connection."""
    if call.keyword("binds") is not None:
        return True
    bind = _bind(call, positional=True)
    return bind is not None and _is_engine(evaluator, bind, frame)


def _borrows(evaluator: Evaluator, call: t.Call, frame: Frame, maker: t.Call | None) -> bool:
    """Whether what a factory makes borrows a connection: bound to one, or to something unknown, by this very call."""
    bind = _bind(call, positional=False)
    if bind is not None and not _is_engine(evaluator, bind, frame):
        return True
    bind = _bind(maker, positional=True) if maker is not None else None
    if bind is None:
        return False
    return evaluator.classes.is_a(evaluator.of(bind, frame), Kind.CONNECTION, Kind.ASYNC_CONNECTION)


def factory_call(evaluator: Evaluator, function: t.Term, frame: Frame) -> t.Call | None:
    """The call that made a factory, where the text of this module, or the module that it is imported from, shows it."""
    if isinstance(function, t.Ref):
        target = evaluator.project.resolve(function.path, frame.module)
        found = (
            binding(evaluator.project, target[0], target[1][0]) if target is not None and len(target[1]) == 1 else None
        )
        function = found[1] if found is not None else function
    if isinstance(function, t.Declared) and function.value is not None:
        function = function.value
    return function if isinstance(function, t.Call) else None


# --- factories of the project ---


def _hands_out(evaluator: Evaluator, function: ProjectFunction, call: t.Call, frame: Frame, depth: int) -> bool:
    """Whether a function opens what it returns and then has nothing more to do with it."""
    if _session(evaluator, unwrapped(evaluator.of(call, frame))) is None:
        return False
    summary = evaluator.classes.function(function)
    module = evaluator.project.summary_at(function.path)
    if summary is None or module is None or summary.is_generator:
        return False
    inner = evaluator.frame(module)
    roots = [root for term in summary.returns for root in roots_of(term)]
    for root in roots:
        callee = evaluator.of(root.func, inner)
        if not isinstance(callee, Unknown) and opening(evaluator, root, inner, depth + 1) is None:
            return False
        uses = uses_in(evaluator, module, summary, root)
        if any(use.doing in HANDED_ON for use in uses):
            return False
    return bool(roots)


def roots_of(term: t.Term) -> Iterator[t.Call]:
    """The calls that a term is the value of, through names, `await`, annotations and branches."""
    pending, seen = [term], set()
    while pending:
        part = pending.pop()
        if id(part) in seen:
            continue
        seen.add(id(part))
        match part:
            case t.Call():
                yield part
            case t.Await():
                pending.append(part.value)
            case t.Declared(value=value) if value is not None:
                pending.append(value)
            case t.Join():
                pending.extend(reversed(part.terms))
            case _:
                pass
