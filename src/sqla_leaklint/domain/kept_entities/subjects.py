"""Where the process keeps entities: containers, names of modules, attributes of classes and applications, memos."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

from sqla_leaklint.domain.application.callers import calls_naming, last_name, users
from sqla_leaklint.domain.application.endpoints import method_name
from sqla_leaklint.domain.application.state import is_application_state
from sqla_leaklint.domain.containers import Container
from sqla_leaklint.domain.containers.definitions import GROWING_METHODS, definitions, may_grow
from sqla_leaklint.domain.containers.kinds import Growth, Other, OtherUse, Use
from sqla_leaklint.domain.kept_entities.entities import Detached, Entities
from sqla_leaklint.domain.lifetimes.kept import keeper_of
from sqla_leaklint.domain.memoization import Memoized
from sqla_leaklint.domain.memoization.keys import is_given_session, passing_parts
from sqla_leaklint.domain.values import Symbol
from sqla_leaklint.semantic import terms as t
from sqla_leaklint.semantic.events import Deed, Event
from sqla_leaklint.semantic.summary import FunctionSummary, ModuleSummary
from sqla_leaklint.syntax import tree

if TYPE_CHECKING:
    from sqla_leaklint.domain.module import Domain
    from sqla_leaklint.semantic.body import Body


_TAKING = frozenset({"pop", "remove", "discard", "popleft"})


class Place(Enum):
    """What keeps the entities."""

    CONTAINER = "container"
    NAME = "name"
    ATTRIBUTE = "attribute"
    MEMO = "memo"


@dataclass(frozen=True, slots=True, eq=False)
class KeptEntity:
    """Entities that outlive their session: where (`name`), and which function lets them."""

    node: tree.Node
    name: str
    place: Place
    module: ModuleSummary
    function: FunctionSummary
    detached: Detached

    @staticmethod
    def find(domain: Domain) -> Iterator[KeptEntity]:
        if domain.evaluator.project.root is None or domain.evaluator.project.is_test(domain.module.path):
            return
        entities = Entities(domain.evaluator)
        for definition in definitions(domain, and_bounded=True):
            if may_grow(domain, definition):
                yield from _in_container(Container(domain, definition), entities)
        for body in domain.bodies:
            if body.is_function:
                yield from _stored(domain, body, entities)
            if isinstance(body.node, tree.Function) and body.decorators:
                yield from _in_cache(domain, body, body.node, entities)
        for memoized in domain.subjects(Memoized):
            yield from _in_memo(memoized, entities)


def _in_container(container: Container, entities: Entities) -> Iterator[KeptEntity]:
    kept: KeptEntity | None = None
    for use in container.every_use():
        if _may_end(use):
            return
        if kept is None and isinstance(use, Growth) and use.function is not None:
            for term in (use.value, use.data):
                found = entities.detached(use.module, use.function, term) if term is not None else None
                if found is not None:
                    kept = KeptEntity(container.node, container.name, Place.CONTAINER, use.module, use.function, found)
                    break
    if kept is not None and not _is_merged(container.domain, container.name):
        yield kept


def _may_end(use: Use) -> bool:
    """Whether a use may take out a single entry, when its request is over: it is no cache that is emptied at once."""
    match use:
        case OtherUse(what=Other.REMOVED, term=t.Call(func=func)):
            return method_name(func) not in {"clear", "popitem"}
        case OtherUse(what=Other.REMOVED, term=t.Ref() | t.Attr()):
            return True
        case OtherUse(what=Other.OUT_OF_SIGHT, term=t.Call()):
            return True
        case _:
            return False


def _is_merged(domain: Domain, name: str) -> bool:
    """Whether a module that has it puts entities back into a session: `session.merge(users[key], load=False)`."""
    last = name.rpartition(".")[2]
    return any("merge" in calls_naming(user) for user in users(domain.evaluator, domain.module.summary, last))


def _stored(domain: Domain, body: Body, entities: Entities) -> Iterator[KeptEntity]:
    module = domain.module.summary
    function = module.functions[body.qualname]
    for event in body.events:
        named = _place_of(domain, body, event)
        if named is None or event.stmt is None:
            continue
        place, name, values = named
        found = next(filter(None, (entities.detached(module, function, value) for value in values)), None)
        if found is None or _is_merged(domain, name) or _is_reset(body, event):
            continue
        if place is not Place.CONTAINER or not _is_taken_out(domain, name):
            yield KeptEntity(event.stmt, name, place, module, function, found)


def _place_of(domain: Domain, body: Body, event: Event) -> tuple[Place, str, tuple[t.Term, ...]] | None:
    """What keeps the values of an event, under which name."""
    match event.deed:
        case Deed.STORED_GLOBAL if isinstance(event.key, str):
            is_of_module = event.key in domain.module.summary.bindings and not _is_of_function(body, event.key)
            return (Place.NAME, event.key, (event.value,)) if is_of_module else None
        case Deed.STORED_ATTRIBUTE:
            keeper = keeper_of(domain, event)
            return (Place.ATTRIBUTE, f"{keeper[1] or 'state'}.{event.key}", (event.value,)) if keeper else None
        case Deed.STORED_ITEM if event.base is not None and _is_of_state(domain, event.base):
            return Place.CONTAINER, f"state.{last_name(event.base)}", (event.value,)
        case Deed.CALLED if isinstance(event.call.func, t.Attr) and event.call.func.name in GROWING_METHODS:
            container = event.call.func.base
            return (
                (Place.CONTAINER, f"state.{last_name(container)}", event.call.args)
                if _is_of_state(domain, container)
                else None
            )
        case _:
            return None


def _is_of_state(domain: Domain, term: t.Term) -> bool:
    """Whether a term is an attribute of the application's state: `request.app.state.users`."""
    match term:
        case t.Attr(base=base):
            return is_application_state(domain.evaluator, base, domain.frame)
        case t.Ref(path=path):
            return is_application_state(domain.evaluator, t.Ref(path.rpartition(".")[0]), domain.frame)
        case _:
            return False


def _is_taken_out(domain: Domain, name: str) -> bool:
    """Whether something may be taken out of a container of that name."""
    last = name.rpartition(".")[2]
    for user in users(domain.evaluator, domain.module.summary, last):
        for _, act in user.mentions():
            if act.deed is Deed.DELETED_ITEM and act.base is not None and last_name(act.base) == last:
                return True
            func = act.value.func if act.deed is Deed.CALLED and isinstance(act.value, t.Call) else None
            if isinstance(func, t.Attr) and func.name in _TAKING and last_name(func.base) == last:
                return True
    return False


def _is_of_function(body: Body, name: str) -> bool:
    outer = body.parent
    while outer is not None:
        if outer.is_function and name in outer.bindings:
            return True
        outer = outer.parent
    return False


def _is_reset(body: Body, stored: Event) -> bool:
    """Whether the function that stores it puts something else there in the end."""
    return any(
        event.deed is stored.deed and event.key == stored.key and isinstance(event.value, t.Const)
        for event in body.events
    )


def _in_memo(memoized: Memoized, entities: Entities) -> Iterator[KeptEntity]:
    if memoized.is_local or memoized.function.is_async or memoized.function.is_generator:
        return
    for returned in memoized.function.returns:
        found = entities.detached(memoized.module, memoized.function, returned)
        if found is None:
            continue
        if next(passing_parts(memoized), None) is None and not _is_merged(memoized.domain, memoized.known_as):
            yield KeptEntity(memoized.node, memoized.known_as, Place.MEMO, memoized.module, memoized.function, found)
        return


def _in_cache(domain: Domain, body: Body, function: tree.Function, entities: Entities) -> Iterator[KeptEntity]:
    """What is returned by a function below a decorator of a library that keeps the very objects: `@cached(users)`."""
    module, summary = domain.module.summary, domain.module.summary.functions[body.qualname]
    for term, node in zip(body.decorators, function.decorators, strict=True):
        options = term if isinstance(term, t.Call) else None
        value = domain.value_of(options.func if options is not None else term)
        row = domain.evaluator.knowledge.decorator(value.path) if isinstance(value, Symbol) else None
        if row is None or not row.keeps_results or summary.scope is not None:
            continue
        if is_given_session(domain.evaluator, module, summary) and (options is None or options.keyword("key") is None):
            continue  # each request has another key, and finds nothing
        for returned in summary.returns:
            found = entities.detached(module, summary, returned)
            if found is not None and not _is_merged(domain, summary.name):
                yield KeptEntity(node, summary.name, Place.MEMO, module, summary, found)
                break
