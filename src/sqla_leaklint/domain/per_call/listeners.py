"""Event listeners that a function adds to an engine, factory or class each time that it is called.

SQLAlchemy holds a listener as long as what it listens to, and knows it again by its identity: a function of module
level is added once however often that is asked for, but a closure, a lambda or a method of a new object is another
one each time.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqla_leaklint.domain.application.callers import last_name
from sqla_leaklint.domain.application.endpoints import method_name
from sqla_leaklint.domain.containers.attributes import CONSTRUCTORS
from sqla_leaklint.domain.containers.lasting import is_lasting
from sqla_leaklint.domain.origins.each_time import is_done_each_time, way_each_time
from sqla_leaklint.domain.subjects import Excuse, Excused
from sqla_leaklint.domain.values import (
    Instance,
    ModelAttribute,
    Origin,
    Partial,
    ProjectClass,
    ProjectFunction,
    ProjectInstance,
    Symbol,
    Value,
    alternatives,
)
from sqla_leaklint.knowledge.facts import Kind
from sqla_leaklint.semantic import terms as t
from sqla_leaklint.semantic.events import Deed
from sqla_leaklint.syntax import tree

if TYPE_CHECKING:
    from sqla_leaklint.domain.module import Domain
    from sqla_leaklint.domain.origins.provenance import Trail
    from sqla_leaklint.semantic.body import Body
    from sqla_leaklint.semantic.events import Event

_LISTEN = "sqlalchemy.event.listen"
_LISTENS_FOR = "sqlalchemy.event.listens_for"
_REMOVE = "sqlalchemy.event.remove"
_ADDING = frozenset({_LISTEN, _LISTENS_FOR})
_LAST_NAMES = frozenset({"listen", "listens_for"})

_HAVING_EVENTS = (
    Kind.ENGINE,
    Kind.ASYNC_ENGINE,
    Kind.POOL,
    Kind.SESSION_FACTORY,
    Kind.SESSION_REGISTRY,
    Kind.TABLE,
    Kind.METADATA,
)
"""Objects that programs keep for long.  A session or connection ends soon, and its listeners with it."""

_PARTS = frozenset({"sync_engine", "pool"})
"""Attributes of an engine that live as long as it does."""

_LEAVING = frozenset({Deed.RETURNED, Deed.YIELDED, Deed.STORED_ATTRIBUTE, Deed.STORED_ITEM, Deed.STORED_GLOBAL})


class ListenerExcuse(Excuse):
    """Why a listener that a function adds does not pile up, as far as is known."""

    SAME = "it is not known to be another function or object at each call: the same one is added but once"
    SHORT_LIVED = "what it listens to is not known to live longer than the call"
    REMOVED = "the module removes listeners of that event, or of one that is not known"
    PERHAPS = "not every call of the function adds it, as far as its text shows: something may ask before"
    NOT_REACHED = "no request, event or task is known to come here each time"


@dataclass(frozen=True, slots=True, eq=False)
class ListenerPerCall:
    """A call that adds a new listener to what outlives it, in a function that the outside world comes to each time.

    `name` is the listener's ("" for a lambda or the like), `target` the name of what it listens to.
    """

    domain: Domain
    body: Body
    node: tree.Call
    name: str
    target: str
    trail: Trail

    @staticmethod
    def find(domain: Domain) -> Iterator[ListenerPerCall]:
        """Every such call of the module, in the order of the text."""
        yield from (each for each in ListenerPerCall.weighed(domain) if isinstance(each, ListenerPerCall))

    @staticmethod
    def weighed(domain: Domain) -> Iterator[ListenerPerCall | Excused]:
        """Every call by which a function adds a listener."""
        if domain.evaluator.project.is_test(domain.module.path):
            return
        for body in domain.bodies:
            if not body.is_function:
                continue
            for event in body.events:
                if event.deed is Deed.CALLED and method_name(event.call.func) in _LAST_NAMES:
                    yield from _added(domain, body, event)


def _added(domain: Domain, body: Body, event: Event) -> Iterator[ListenerPerCall | Excused]:
    call, node = event.call, event.node
    if domain.value_of(call.func) not in {Symbol(path) for path in _ADDING} or not isinstance(node, tree.Call):
        return
    target = call.args[0] if call.args else call.keyword("target")
    name = _new_listener(domain, body, call)
    if name is None:
        yield Excused(node, ListenerExcuse.SAME)
    elif target is None or not _outlives_calls(domain, target):
        yield Excused(node, ListenerExcuse.SHORT_LIVED)
    elif _is_removed(domain, call):
        yield Excused(node, ListenerExcuse.REMOVED)
    elif not is_done_each_time(body, lambda each: each is node, always=True):
        yield Excused(node, ListenerExcuse.PERHAPS)
    else:
        function = domain.module.summary.functions[body.qualname]
        trail = way_each_time(domain, domain.module.summary, function, always=True)
        if trail is None:
            yield Excused(node, ListenerExcuse.NOT_REACHED)
        else:
            yield ListenerPerCall(domain, body, node, name, last_name(_whole(target) or target), trail)


# --- the listener ---


def _new_listener(domain: Domain, body: Body, call: t.Call) -> str | None:
    """The name of a listener that is another object at each call; None where it is not known to be."""
    if domain.value_of(call.func) == Symbol(_LISTENS_FOR):
        for inner in domain.bodies:
            if call in inner.decorators and inner.parent is body and isinstance(inner.node, tree.Function):
                return None if _leaves(body, inner.qualname) else inner.node.name
        return None
    listener = call.args[2] if len(call.args) > 2 else call.keyword("fn")
    if listener is None:
        return None
    match listener:
        case t.FunctionRef(qualname=qualname):
            function = domain.module.summary.functions.get(qualname)
            if function is None or function.scope is None or _leaves(body, qualname):
                return None
            return "" if function.name.startswith("<") else function.name
        case t.Call():
            value = domain.value_of(listener)
            is_new = isinstance(value, Partial) or any(_is_nested(domain, each) for each in alternatives(value))
            return "" if is_new else None
        case t.Attr(base=base):
            return listener.name if _is_made_here(domain, body, base) else None
        case _:
            return None


def _leaves(body: Body, qualname: str) -> bool:
    """Whether a function hands out its listener: whoever has it can remove it."""
    return any(
        isinstance(part, t.FunctionRef) and part.qualname == qualname
        for event in body.events
        if event.deed in _LEAVING
        for part in t.all_in([event.value])
    )


def _is_nested(domain: Domain, value: Value) -> bool:
    """Whether a value is a function that another makes when it is called."""
    if not isinstance(value, ProjectFunction) or value.receiver is not None:
        return False
    summary = domain.evaluator.classes.function(value)
    return summary is not None and summary.scope is not None


def _is_made_here(domain: Domain, body: Body, base: t.Term) -> bool:
    """Whether the object of a bound method is made by this call, or is the one that is being made."""
    if isinstance(base, t.Param):
        function = domain.module.summary.functions.get(base.function)
        return (
            function is not None
            and base.function == body.qualname
            and function.owner is not None
            and function.name in CONSTRUCTORS
            and function.parameters[0].name == base.name
        )
    value = domain.value_of(base)
    return isinstance(base, t.Call) and isinstance(value, ProjectInstance) and value.origin is Origin.FRESH


# --- what it listens to ---


def _outlives_calls(domain: Domain, target: t.Term) -> bool:
    """Whether what is listened to lives longer than the call: a class, or an object that the process keeps."""
    part = _whole(target)
    if part is not None:
        return _outlives_calls(domain, part)
    if isinstance(target, t.Attr) and isinstance(target.base, t.Param) and _is_engine_like(domain, target):
        function = domain.module.summary.functions.get(target.base.function)
        is_own = function is not None and function.owner is not None and function.parameters[0].name == target.base.name
        return is_own and is_lasting(
            domain.evaluator, ProjectClass(domain.module.path, str(function and function.owner))
        )
    return all(_is_lasting_value(domain, value) for value in alternatives(domain.value_of(target)))


def _whole(target: t.Term) -> t.Term | None:
    """The engine of which a term names a part."""
    match target:
        case t.Attr(base=base, name=name) if name in _PARTS:
            return base
        case t.Ref(path=path) if path.rpartition(".")[2] in _PARTS:
            return t.Ref(path.rpartition(".")[0])
        case _:
            return None


def _is_engine_like(domain: Domain, term: t.Term) -> bool:
    return domain.evaluator.classes.is_a(domain.value_of(term), *_HAVING_EVENTS)


def _is_lasting_value(domain: Domain, value: Value) -> bool:
    evaluator = domain.evaluator
    match value:
        case Symbol(path=path):
            return evaluator.knowledge.type(path) is not None or path in {
                "sqlalchemy.orm.Mapper",
                "sqlalchemy.orm.mapper",
            }
        case ProjectClass():
            summary = evaluator.classes.summary(value)
            return summary is not None and summary.scope is None
        case ModelAttribute(model=model):
            return _is_lasting_value(domain, model)
        case Instance(origin=Origin.GLOBAL):
            return evaluator.classes.is_a(value, *_HAVING_EVENTS)
        case Instance(origin=Origin.PROVIDED, provider=ProjectFunction() as provider):
            module = evaluator.project.summary_at(provider.path)
            function = evaluator.classes.function(provider)
            return (
                module is not None
                and function is not None
                and bool(function.returns)
                and all(
                    _is_lasting_value(domain, each)
                    for returned in function.returns
                    for each in alternatives(evaluator.of(returned, evaluator.frame(module)))
                )
            )
        case _:
            return False


def _is_removed(domain: Domain, call: t.Call) -> bool:
    """Whether the module removes listeners of that event, or of one that is not known."""
    wanted = _event_name(call)
    for body in domain.bodies:
        for event in body.events:
            if event.deed is not Deed.CALLED or method_name(event.call.func) != "remove":
                continue
            removed = _event_name(event.call)
            if domain.value_of(event.call.func) == Symbol(_REMOVE) and (not wanted or removed in {None, wanted}):
                return True
    return False


def _event_name(call: t.Call) -> str | None:
    name = call.args[1] if len(call.args) > 1 else call.keyword("identifier")
    return name.value if isinstance(name, t.Const) and isinstance(name.value, str) else None
