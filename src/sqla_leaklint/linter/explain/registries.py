"""Lines that use a registry of sessions: whose session it is, where the function runs, who removes the session."""

from __future__ import annotations

from collections.abc import Iterator

from sqla_leaklint.domain import Domain
from sqla_leaklint.domain.registries import HandedOutRegistry, RegistryUse, Scope, UnremovedRegistry
from sqla_leaklint.linter.explain.chain import chain
from sqla_leaklint.linter.explain.line import Line
from sqla_leaklint.linter.explain.paragraph import Paragraph, columns
from sqla_leaklint.linter.explain.places import Places
from sqla_leaklint.syntax import tree


def registry_uses(domain: Domain, line: Line) -> Iterator[tuple[RegistryUse, tree.Call]]:
    """The uses of registries on a line, with the call that is one."""
    for use in domain.subjects(RegistryUse):
        for event, _ in use.touches:
            if event.node in line.nodes and isinstance(event.node, tree.Call):
                yield use, event.node
                break


def explain_registry_use(use: RegistryUse, node: tree.Call, places: Places) -> Paragraph:
    """What is known of the session that a registry has for a function."""
    domain, place, removal = use.domain, use.place, use.removal
    told = Paragraph(f"{places.heading(node)} uses a registry, which keeps its session until `remove()`")
    told.add("made by", columns(chain(places, use.touches[0][1].term, domain.module.summary)))
    by_thread = use.registry.scope is Scope.THREAD and not use.registry.is_async
    told.add("a session for", "each thread" if by_thread else use.registry.scope.value)
    told.add("runs in", place.where.value if place is not None else "not known: nobody is seen to run it but callers")
    if removal is not None and place is not None:
        whose = removal.function.qualname if removal.function is not None else "the body of a module"
        where = places.definition(removal.module.path, removal.function.qualname if removal.function else "")
        told.add("ended by", f"`{whose}` ({where}), or so it may be")
    told.add("leaves", columns((places.at(each), "with a connection in the session's hands") for each in use.exits))
    told.add("so", _verdict(use))
    return told


def _verdict(use: RegistryUse) -> str:
    """Why it is reported, or why not."""
    domain = use.domain
    if any(each.body is use.body for each in domain.subjects(HandedOutRegistry)):
        return "FastAPI keeps no request to one thread (LKS114)"
    if any(each.use is use for each in domain.subjects(UnremovedRegistry)):
        return "its session is never removed (LKS110)"
    if use.is_removed:
        return "the function removes it itself"
    if use.making is not None:
        return "no leak is seen: its session is ended, or the registry is somebody else's, or it runs no SQL"
    if use.place is None:
        return "silence: whoever calls the function may remove it"
    if use.removal is not None:
        return "silence: its session may be ended by somebody else when the function is done"
    return "silence: no way is known to lead out of the function with a connection in the session's hands"
