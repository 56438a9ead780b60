"""Lines of `async def` functions: what waits for the database there, and whether a server's loop waits with it."""

from __future__ import annotations

from collections.abc import Iterator

from sqla_leaklint.domain import Domain
from sqla_leaklint.domain.application.requests import way_from_request
from sqla_leaklint.domain.describe import described
from sqla_leaklint.domain.event_loop import BlockedLoop
from sqla_leaklint.domain.event_loop.blocked import unproven
from sqla_leaklint.domain.event_loop.blocking import Blocking, blocking_in
from sqla_leaklint.domain.event_loop.lending import Resource
from sqla_leaklint.domain.event_loop.running import LoopExcuse, is_named, loop_excuse
from sqla_leaklint.linter.explain.line import Line
from sqla_leaklint.linter.explain.paragraph import Paragraph, columns
from sqla_leaklint.linter.explain.places import Places
from sqla_leaklint.linter.explain.sessions import owner_of
from sqla_leaklint.linter.explain.ways import way_told
from sqla_leaklint.semantic.body import Body
from sqla_leaklint.semantic.events import Deed
from sqla_leaklint.syntax import tree

MOST_CALLS = 5
"""Blocking calls of a function that are listed."""


def explain_event_loop(domain: Domain, line: Line, places: Places) -> Iterator[Paragraph]:
    """What waits in an `async def` function that begins on the line, or in which the line stands."""
    for body in domain.bodies:
        if not isinstance(body.node, tree.Function) or not body.node.is_async:
            continue
        if body.node in line.nodes:
            found = list(blocking_in(domain, body))
            if found:
                yield _of_function(domain, body, found, places)
        elif any(event.node in line.nodes for event in body.events):
            for blocking in blocking_in(domain, body):
                if blocking.node in line.nodes:
                    yield _of_call(domain, body, blocking, places)
            yield from _unproven(domain, body, line, places)


def _of_function(domain: Domain, body: Body, found: list[Blocking], places: Places) -> Paragraph:
    name = domain.module.summary.functions[body.qualname].name
    told = Paragraph(f"`{name}` is `async def`, and waits for the database in the thread that runs it")
    told.add("waits at", columns((places.at(each.node), places.heading(each.node)) for each in found[:MOST_CALLS]))
    if len(found) > MOST_CALLS:
        told.add("", f"and {len(found) - MOST_CALLS} more")
    told.add("by", dict.fromkeys(_resource(each.resource, places, is_own=not each.way) for each in found[:MOST_CALLS]))
    _judge(told, domain, body, places)
    return told


def _of_call(domain: Domain, body: Body, blocking: Blocking, places: Places) -> Paragraph:
    told = Paragraph(f"{places.heading(blocking.node)} waits for the database in the thread that calls it")
    told.add("through", columns(_hops(blocking, places)))
    told.add("by", _resource(blocking.resource, places, is_own=not blocking.way))
    _judge(told, domain, body, places)
    return told


def _hops(blocking: Blocking, places: Places) -> Iterator[tuple[str, str]]:
    for hop in blocking.way:
        yield f"`{hop.function}`", places.located(hop.place)


def _resource(resource: Resource | None, places: Places, *, is_own: bool = True) -> str:
    """What it waits by, and its owner, where that is the function's own concern."""
    if resource is None:
        return "a query of whatever session: no async one has queries"
    return (
        described(resource)
        if not is_own
        else f"{described(resource)}; its owner is {owner_of(resource, 'the function', places)}"
    )


def _judge(told: Paragraph, domain: Domain, body: Body, places: Places) -> None:
    """Who runs the function, and what follows."""
    evaluator, module = domain.evaluator, domain.module.summary
    function = module.functions[body.qualname]
    way = way_from_request(evaluator, module, function, only_async=True)
    if way is not None:
        told.add("runs", way_told(domain, way, places))
    blocked = next((each for each in domain.subjects(BlockedLoop) if each.body is body), None)
    if blocked is not None:
        place = places.at(blocked.blocking.node)
        told.add("so", f"the event loop, and with it every other request, waits as well (LKS404, once, at {place})")
        return
    excuse = loop_excuse(evaluator, module, function)
    if excuse is None and not is_named(domain, function):
        excuse = LoopExcuse.NOT_NAMED
    if excuse is not None:
        told.add("so", f"silence: {excuse.value}")


def _unproven(domain: Domain, body: Body, line: Line, places: Places) -> Iterator[Paragraph]:
    for event in body.events:
        if event.deed is not Deed.CALLED or event.node not in line.nodes or not isinstance(event.node, tree.Call):
            continue
        resource = unproven(domain, event.call)
        if resource is not None:
            told = Paragraph(f"{places.heading(event.node)} may wait for the database on the event loop")
            told.add("by", f"{described(resource)}; its owner is {owner_of(resource, 'the function', places)}")
            told.add("not known", "where it is made: an annotation alone says that it is a plain one, not an async one")
            told.add("so", "silence: what an annotation says of a session need not be so")
            yield told
