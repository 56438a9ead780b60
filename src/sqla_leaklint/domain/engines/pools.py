"""Pools without a limit: engines whose options let them open a connection for whoever asks, however many do.

`max_overflow=-1` says so on every version; `pool_size=0` does since SQLAlchemy 2.0.  Before, it left the ten
connections of the default `max_overflow`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqla_leaklint.domain.application.versions import VersionRange, versions_below
from sqla_leaklint.domain.engines.options import entries, options_of
from sqla_leaklint.domain.lifetimes.library_openings import keeps_connections, makes_engine
from sqla_leaklint.domain.values import Literal, Symbol, Value
from sqla_leaklint.knowledge.facts import Kind
from sqla_leaklint.semantic import terms as t
from sqla_leaklint.semantic.body import Body
from sqla_leaklint.semantic.events import Deed, Event
from sqla_leaklint.syntax import tree

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqla_leaklint.domain.module import Domain

_SINCE_2_0 = VersionRange(since=(2,))
_BEFORE_2_0 = VersionRange(until=(2,))
_FLASK_OPTIONS = "SQLALCHEMY_ENGINE_OPTIONS"
_FLASK_KEYWORD = "engine_options"
_TELLING = frozenset({"max_overflow", "pool_size", _FLASK_KEYWORD})


@dataclass(frozen=True, slots=True, eq=False)
class UnboundedPool:
    """A pool that may open any number of connections: what makes it so, and where it is made, or configured."""

    domain: Domain
    node: tree.Node
    option: str
    value: int

    @staticmethod
    def find(domain: Domain) -> Iterator[UnboundedPool]:
        """Every such pool of the module, in the order of the text."""
        for body in domain.bodies:
            for node, options in _given(domain, body):
                limitless = _limitless(domain, options) if options else None
                if limitless is not None:
                    yield UnboundedPool(domain, _place(node, limitless[0]), *limitless)


def _given(domain: Domain, body: Body) -> Iterator[tuple[tree.Node, Mapping[str, Value]]]:
    """The places of a body where an engine is given options, and these."""
    for event in body.events:
        yield event.node, _options(domain, event)
    for stmt in body.node.body if isinstance(body.node, tree.Module | tree.Class) else ():
        match stmt:
            case tree.Assign(targets=(tree.Name(id=name),), value=value) if name == _FLASK_OPTIONS:
                term = domain.term(value)
                yield value, entries(domain.evaluator, term, domain.frame) if term is not None else {}
            case _:
                pass


def _options(domain: Domain, event: Event) -> Mapping[str, Value]:
    """The options that an event gives an engine; none where it gives none."""
    evaluator, frame = domain.evaluator, domain.frame
    match event:
        case Event(deed=Deed.CALLED, value=t.Call() as call) if _may_set_size(call):
            callee = domain.value_of(call.func) if isinstance(call.func, t.Ref | t.Attr) else None
            if not isinstance(callee, Symbol):
                return {}
            if makes_engine(evaluator, callee.path) or evaluator.knowledge.is_a(callee.path, Kind.QUEUE_POOL):
                return options_of(evaluator, call, frame)
            given = call.keyword(_FLASK_KEYWORD)
            if given is not None and evaluator.knowledge.is_a(callee.path, Kind.DATABASE_EXTENSION):
                return entries(evaluator, given, frame)
        case Event(deed=Deed.STORED_ITEM, key=t.Const(value=key)) if key == _FLASK_OPTIONS:
            return entries(evaluator, event.value, frame)
        case _:
            pass
    return {}


def _may_set_size(call: t.Call) -> bool:
    """Cheaply: whether a call names an option that takes the limit away, or unpacks options."""
    return any(name in _TELLING for name, _ in call.keywords) or any(
        isinstance(argument, t.Star) and argument.depth > 1 for argument in call.args
    )


def _limitless(domain: Domain, options: Mapping[str, Value]) -> tuple[str, int] | None:
    """The option that takes the limit away, with its value."""
    pool = options.get("poolclass")
    if "pool" in options or (pool is not None and not keeps_connections(domain.evaluator, pool)):
        return None
    match options.get("max_overflow"), options.get("pool_size"):
        case Literal(value=int() as overflow), _ if overflow < 0:
            return "max_overflow", overflow
        case _, Literal(value=0 as size) if size is not False and _is_limitless_at_zero(domain):
            return "pool_size", 0
        case _:
            return None


def _is_limitless_at_zero(domain: Domain) -> bool:
    """Whether the project is known to run on SQLAlchemy 2.0 or later."""
    found = versions_below(domain.evaluator.project.root, "sqlalchemy")
    return found.overlaps(_SINCE_2_0) and not found.overlaps(_BEFORE_2_0)


def _place(node: tree.Node, option: str) -> tree.Node:
    """The argument that names the option, where a call does; else the whole of it."""
    for argument in node.args if isinstance(node, tree.Call) else ():
        if argument.keyword == option:
            return argument.value
    return node
