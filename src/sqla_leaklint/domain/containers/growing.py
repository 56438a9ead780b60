"""What grows with every request although it belongs to the application: its state, its objects, lists of its modules.

A dict or set grows with every new key; a list with every call, whatever is put in.  So of a list it is enough that its
growth is done each time that the world outside calls; of others, what is put in has to come from there.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqla_leaklint.domain.application.entries import Entry
from sqla_leaklint.domain.containers.attributes import object_definitions, state_definitions
from sqla_leaklint.domain.containers.container import Container, Kept
from sqla_leaklint.domain.containers.definitions import Definition, may_grow
from sqla_leaklint.domain.containers.identity import Holder
from sqla_leaklint.domain.containers.kinds import Growth
from sqla_leaklint.domain.containers.lasting import is_lasting
from sqla_leaklint.domain.containers.texts import is_growth
from sqla_leaklint.domain.memo import Memo
from sqla_leaklint.domain.origins.each_time import body_of, is_done_each_time, way_each_time
from sqla_leaklint.domain.values import ProjectClass

if TYPE_CHECKING:
    from sqla_leaklint.domain.module import Domain
    from sqla_leaklint.domain.origins.provenance import Trail
    from sqla_leaklint.semantic.summary import FunctionSummary, ModuleSummary

_HANDLERS = frozenset({Entry.REQUEST, Entry.EVENT, Entry.DEPENDENCY, Entry.MESSAGE})


@dataclass(frozen=True, slots=True, eq=False)
class GrowingState:
    """A container that the application keeps and that requests make longer, and what they put in."""

    container: Container
    kept: Kept

    @staticmethod
    def find(domain: Domain) -> Iterator[GrowingState]:
        """Every such container of the module: lists of its own, attributes of objects and of the application."""
        for container in lasting_containers(domain):
            kept = _kept(container)
            if kept is not None and _is_reported(container, kept):
                yield GrowingState(container, kept)


_LASTING: Memo[Domain, tuple[Container, ...]] = Memo(lambda domain: tuple(_lasting(domain)))


def lasting_containers(domain: Domain) -> tuple[Container, ...]:
    """The containers of the module that live as long as the process and to which something is added."""
    return _LASTING.of(domain)


def _lasting(domain: Domain) -> Iterator[Container]:
    yield from domain.subjects(Container)
    if domain.evaluator.project.root is None or domain.evaluator.project.is_test(domain.module.path):
        return
    for definition in (*object_definitions(domain), *state_definitions(domain)):
        if may_grow(domain, definition) and _is_kept_for_ever(domain, definition):
            yield Container(domain, definition)


def _is_kept_for_ever(domain: Domain, definition: Definition) -> bool:
    identity = definition.identity
    if identity.holder is not Holder.OBJECT:
        return True
    return is_lasting(domain.evaluator, ProjectClass(identity.path, identity.owner))


def _is_reported(container: Container, kept: Kept) -> bool:
    """Whether it is application state; dicts and sets of modules and classes, and what tasks fill, are caches."""
    if container.definition.identity.holder in {Holder.OBJECT, Holder.STATE}:
        return True
    return container.is_sequence and kept.trail.entry in _HANDLERS


def _kept(container: Container) -> Kept | None:
    kept = next(container.kept(), None)
    if kept is not None or not container.is_sequence or container.is_looked_after:
        return kept
    for use in container.uses:
        if isinstance(use, Growth) and use.function is not None:
            trail = _each_time(container, use.module, use.function)
            if trail is not None:
                return Kept(use.function, trail, is_as_passed=False)
    return None


def _each_time(container: Container, module: ModuleSummary, function: FunctionSummary) -> Trail | None:
    """How the outside world comes to a function that puts something in each time."""
    name = container.definition.identity.name
    body = body_of(container.domain, module, function)
    if body is None or not is_done_each_time(body, lambda node: is_growth(node, name), name=name):
        return None
    return way_each_time(container.domain, module, function)
