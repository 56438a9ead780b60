"""The paragraphs of a line: what stands there, asked family by family, and then every expression that is left."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from sqla_leaklint.domain import Domain
from sqla_leaklint.domain.containers.attributes import object_definitions, state_definitions
from sqla_leaklint.domain.containers.definitions import definitions
from sqla_leaklint.domain.containers.growing import lasting_containers
from sqla_leaklint.domain.handed_over.handoffs import Handoff
from sqla_leaklint.domain.lifetimes import Acquisition, ReturnedSession, WaitInTransaction
from sqla_leaklint.domain.lifetimes.acquisition import opened
from sqla_leaklint.domain.lifetimes.long_lived import LongLivedSession
from sqla_leaklint.domain.lifetimes.resources import CLIENT, CONNECTION
from sqla_leaklint.domain.rows.queries import Load
from sqla_leaklint.linter.explain.async_reads import explain_reads
from sqla_leaklint.linter.explain.collector import explain_collector
from sqla_leaklint.linter.explain.concurrency import explain_work
from sqla_leaklint.linter.explain.containers import explain_container
from sqla_leaklint.linter.explain.definitions import (
    explain_function,
    explain_import,
    explain_parameter,
    explain_with,
)
from sqla_leaklint.linter.explain.engines import explain_engines
from sqla_leaklint.linter.explain.entities import explain_entities
from sqla_leaklint.linter.explain.event_loop import explain_event_loop
from sqla_leaklint.linter.explain.handoffs import explain_handoff
from sqla_leaklint.linter.explain.injection import explain_injection
from sqla_leaklint.linter.explain.kept import explain_kept_entities, explain_long_lived
from sqla_leaklint.linter.explain.line import Line
from sqla_leaklint.linter.explain.memoized import explain_memoized
from sqla_leaklint.linter.explain.paragraph import Paragraph
from sqla_leaklint.linter.explain.per_call import explain_per_call
from sqla_leaklint.linter.explain.places import Places
from sqla_leaklint.linter.explain.profiling import explain_profiling
from sqla_leaklint.linter.explain.registries import explain_registry_use, registry_uses
from sqla_leaklint.linter.explain.rows import explain_load
from sqla_leaklint.linter.explain.sessions import explain_acquisition, explain_returned, is_session
from sqla_leaklint.linter.explain.streams import explain_streams
from sqla_leaklint.linter.explain.transactions import explain_handler, explain_wait
from sqla_leaklint.linter.explain.values import explain_value, is_telling
from sqla_leaklint.syntax import tree
from sqla_leaklint.syntax.walk import walk

MOST_VALUES = 12
"""Expressions of one line that are explained."""


_FAMILIES: tuple[Callable[[Domain, Line, Places], Iterator[Paragraph]], ...] = (
    explain_engines,
    explain_memoized,
    explain_work,
    explain_event_loop,
    explain_injection,
    explain_streams,
    explain_entities,
    explain_kept_entities,
    explain_per_call,
    explain_collector,
    explain_profiling,
)
"""Those that find what they speak of by themselves."""


def paragraphs(domain: Domain, line: Line, places: Places) -> Iterator[Paragraph]:
    """All that there is to say of a line."""
    told: set[tree.Node] = set()
    for family in _FAMILIES:
        for found in family(domain, line, places):
            told.update(found.about)
            yield found
    for definition in (*definitions(domain), *object_definitions(domain), *state_definitions(domain)):
        if definition.node in line.nodes:
            container = next((each for each in lasting_containers(domain) if each.node is definition.node), None)
            told.update(walk(definition.node))
            yield explain_container(domain, definition, container, places)
    for session in domain.subjects(LongLivedSession):
        if session.node in line.nodes:
            told.update(walk(session.node))
            yield explain_long_lived(session, places)
    for returned in domain.subjects(ReturnedSession):
        if returned.node in line.nodes:
            told.update((returned.node, returned.node.func))
            yield explain_returned(returned, places)
    for acquisition in _acquisitions(domain):
        if acquisition.node in line.nodes and acquisition.node not in told:
            told.update((acquisition.node, acquisition.node.func))
            yield explain_acquisition(acquisition, places)
    for handler in line.of_type(tree.ExceptHandler):
        paragraph = explain_handler(domain, handler, places)
        if paragraph is not None:
            told.update(walk(handler.type) if handler.type is not None else (handler,))
            yield paragraph
    for waiting in domain.subjects(WaitInTransaction):
        if waiting.call in line.nodes:
            told.update((waiting.call, waiting.call.func))
            yield explain_wait(waiting, places)
    yield from explain_reads(domain, line, places)
    for use, node in registry_uses(domain, line):
        told.update((node, node.func))
        yield explain_registry_use(use, node, places)
    for load in domain.subjects(Load):
        if load.node in line.nodes and load.node not in told:
            told.update(_spoken_for(domain, load.node))
            yield explain_load(load, places)
    for handoff in domain.subjects(Handoff):
        if handoff.node not in told and (
            handoff.node in line.nodes or any(each.node in line.nodes for each in handoff.passengers())
        ):
            told.update(walk(handoff.node))
            yield explain_handoff(handoff, places)
    for block in line.of_type(tree.With):
        for item in block.items:
            if item.context in told:
                continue
            paragraph = explain_with(domain, block, item, places)
            if paragraph is not None:
                told.update((item.context, *([item.context.func] if isinstance(item.context, tree.Call) else [])))
                yield paragraph
    yield from _defined(domain, line, places)
    others = list(_values(domain, line, places, told))
    if not others and not told:
        others = list(_values(domain, line, places, told, everything=True))
    yield from others


def _acquisitions(domain: Domain) -> Iterator[Acquisition]:
    """Whatever is opened: sessions, connections, clients."""
    yield from domain.subjects(Acquisition)
    for resource in (CONNECTION, CLIENT):
        yield from opened(domain, resource)


def _spoken_for(domain: Domain, node: tree.Expr) -> Iterator[tree.Node]:
    """The parts of a load that its paragraph explains: all but the session."""
    for part in walk(node):
        if not (isinstance(part, tree.Name | tree.Attribute) and is_session(domain, domain.value(part))):
            yield part


def _defined(domain: Domain, line: Line, places: Places) -> Iterator[Paragraph]:
    for function in line.of_type(tree.Function):
        if function in domain.body_of:
            yield explain_function(domain, function, places)
    found = [
        *(explain_parameter(domain, parameter, places) for parameter in line.of_type(tree.Parameter)),
        *(explain_import(domain, name, places) for name in line.of_type(tree.ImportedName)),
    ]
    yield from (paragraph for paragraph in found if paragraph is not None)


def _values(
    domain: Domain, line: Line, places: Places, told: set[tree.Node], *, everything: bool = False
) -> Iterator[Paragraph]:
    """The other expressions, each text once; `everything`: even if it is only a library's name or a constant."""
    seen: set[str] = set()
    for expr in line.values():
        text = places.quoted(expr)
        if expr in told or text in seen or not (everything or is_telling(domain, expr)):
            continue
        seen.add(text)
        if len(seen) > MOST_VALUES:
            yield Paragraph(f"More than {MOST_VALUES} expressions: the others are left out.")
            return
        yield explain_value(domain, expr, places)
