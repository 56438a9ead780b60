"""Which calls into libraries open a resource for whoever calls, and which hand out what somebody else owns."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from sqla_leaklint.domain.values import (
    BoundMethod,
    Instance,
    Literal,
    Partial,
    ProjectClass,
    Symbol,
    Value,
    alternatives,
)
from sqla_leaklint.knowledge.facts import Kind
from sqla_leaklint.semantic import terms as t
from sqla_leaklint.semantic.project import binding

if TYPE_CHECKING:
    from sqla_leaklint.domain.evaluation import Evaluator, Frame

# --- sessions ---


def opens_session(evaluator: Evaluator, callee: Value, call: t.Call, frame: Frame) -> bool:
    """Whether a factory or a class of sessions makes one that takes connections from an engine."""
    knowledge = evaluator.knowledge
    match callee:
        case Instance():
            maker = factory_call(evaluator, call.func, frame)
            is_factory = knowledge.is_a(callee.type, Kind.SESSION_FACTORY) and callee.makes is not None
            return is_factory and not autocommits(call, maker) and not _borrows(evaluator, call, frame, maker)
        case Symbol():
            row = knowledge.type(callee.path)
            is_session = row is not None and row.kind in {Kind.SESSION, Kind.ASYNC_SESSION}
            return is_session and not autocommits(call, None) and _has_engine(evaluator, call, frame)
        case ProjectClass():
            base = evaluator.classes.library_base(callee)
            return base is not None and (knowledge.is_a(base, Kind.SESSION) or knowledge.is_a(base, Kind.ASYNC_SESSION))
        case Partial(function=Symbol(path=path), args=args, keywords=keywords):
            row = knowledge.type(path)
            bind = args[0] if args else dict(keywords).get("bind")
            is_session = row is not None and row.kind in {Kind.SESSION, Kind.ASYNC_SESSION}
            return is_session and bind is not None and evaluator.classes.is_a(bind, Kind.ENGINE, Kind.ASYNC_ENGINE)
        case _:
            return False


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


# --- connections ---


def opens_connection(evaluator: Evaluator, callee: Value, call: t.Call, frame: Frame) -> bool:
    """Whether it is `connect()` of an engine whose pool gives every caller a connection of its own.

    Raw connections are not meant: nothing keeps them alive, and without a name they go back to the pool at once.
    """
    if not (isinstance(callee, BoundMethod) and callee.name == "connect"):
        return False
    if not evaluator.classes.is_a(callee.receiver, Kind.ENGINE, Kind.ASYNC_ENGINE):
        return False
    makers = _makers(evaluator, _receiver(call.func), frame)
    return not any(_shares_connection(evaluator, maker, frame) for maker in makers)


def _shares_connection(evaluator: Evaluator, maker: t.Call, frame: Frame) -> bool:
    """Whether an engine has one connection for all, or one a thread: a pool of that kind, or SQLite in memory."""
    pool = maker.keyword("poolclass")
    if pool is not None:
        value = evaluator.of(pool, frame)
        return isinstance(value, Symbol) and value.path.rpartition(".")[2] in _SHARING_POOLS
    url = maker.args[0] if maker.args else maker.keyword("url")
    match url:
        case t.Const(value=str(text)):
            return text.startswith("sqlite") and (":memory:" in text or text.endswith("://"))
        case _:
            return False


_SHARING_POOLS = frozenset({"StaticPool", "SingletonThreadPool"})


# --- engines ---


def opens_engine(evaluator: Evaluator, callee: Value, call: t.Call, frame: Frame) -> bool:
    """Whether it makes an engine with a pool that keeps connections: `NullPool` keeps none, `StaticPool` one, whoever
    asks for it; what is unpacked among the arguments may name any pool.
    """
    if not (isinstance(callee, Symbol) and makes_engine(evaluator, callee.path)):
        return False
    if call.keyword("pool") is not None or any(isinstance(each, t.Star) for each in call.args):
        return False
    pool = call.keyword("poolclass")
    if pool is None:
        return not _is_sqlite(evaluator, call.args[0] if call.args else call.keyword("url"), frame)
    return keeps_connections(evaluator, evaluator.of(pool, frame))


def keeps_connections(evaluator: Evaluator, pool: Value) -> bool:
    """Whether a class of pools is known to keep connections for whoever asks next."""
    return all(
        isinstance(each, Symbol) and evaluator.knowledge.is_a(each.path, Kind.QUEUE_POOL) for each in alternatives(pool)
    )


def makes_engine(evaluator: Evaluator, path: str) -> bool:
    """Whether a function of a library makes an engine: `create_engine`, `async_engine_from_config` …"""
    row = evaluator.knowledge.function(path)
    return row is not None and any(
        evaluator.knowledge.is_a(row.returns, kind) for kind in (Kind.ENGINE, Kind.ASYNC_ENGINE)
    )


def _is_sqlite(evaluator: Evaluator, url: t.Term | None, frame: Frame) -> bool:
    """Whether an engine is SQLite's: before 2.0 it pools nothing, in memory it has one connection for all."""
    value = evaluator.of(url, frame) if url is not None else None
    return isinstance(value, Literal) and isinstance(value.value, str) and value.value.startswith("sqlite")


# --- clients ---


def opens_client(evaluator: Evaluator, callee: Value, call: t.Call, _frame: Frame) -> bool:
    """Whether a class of clients makes one that opens sockets of its own, not one that goes through somebody's."""
    if any(call.keyword(name) is not None for name in ("transport", "app", "mounts")):
        return False
    if any(isinstance(argument, t.Star) for argument in call.args):
        return False
    knowledge = evaluator.knowledge
    match callee:
        case Symbol():
            row = knowledge.type(callee.path)
            return row is not None and row.kind is Kind.RESOURCE
        case _:
            return False


# --- what made it ---


def factory_call(evaluator: Evaluator, function: t.Term, frame: Frame) -> t.Call | None:
    """The call that made a factory, where the text of this module, or the module that it is imported from, shows it."""
    return next(_makers(evaluator, function, frame), None)


def _makers(evaluator: Evaluator, term: t.Term, frame: Frame) -> Iterator[t.Call]:
    """The call that made a thing, and the one that made what that was called on."""
    if isinstance(term, t.Ref):
        target = evaluator.project.resolve(term.path, frame.module)
        found = (
            binding(evaluator.project, target[0], target[1][0]) if target is not None and len(target[1]) == 1 else None
        )
        term = found[1] if found is not None else term
    if isinstance(term, t.Declared) and term.value is not None:
        term = term.value
    if isinstance(term, t.Call):
        yield term
        yield from _makers(evaluator, _receiver(term.func), frame)


def _receiver(function: t.Term) -> t.Term:
    """What a method is called on; a name of a module is a reference with its attributes."""
    match function:
        case t.Attr(base=base):
            return base
        case t.Ref(path=path):
            return t.Ref(path.rpartition(".")[0])
        case _:
            return function
