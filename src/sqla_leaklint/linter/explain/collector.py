"""Lines that touch the cyclic garbage collector, or make what only that can free."""

from __future__ import annotations

from collections.abc import Iterator

from sqla_leaklint.domain import Domain
from sqla_leaklint.domain.collector.cycles import ReferenceCycle
from sqla_leaklint.domain.collector.disabled import DisabledCollector
from sqla_leaklint.domain.collector.forced import ForcedCollection
from sqla_leaklint.domain.subjects import Excused
from sqla_leaklint.linter.explain.line import Line
from sqla_leaklint.linter.explain.paragraph import Paragraph
from sqla_leaklint.linter.explain.places import Places
from sqla_leaklint.linter.explain.ways import steps_told, trail_told
from sqla_leaklint.syntax.walk import walk


def explain_collector(domain: Domain, line: Line, places: Places) -> Iterator[Paragraph]:
    """What becomes of the collector on the line, and of objects that refer to each other."""
    for disabled in DisabledCollector.weighed(domain):
        if disabled.node in line.nodes:
            told = Paragraph(f"{places.heading(disabled.node)} keeps the cyclic collector from freeing something")
            told.about = tuple(walk(disabled.node))
            if isinstance(disabled, Excused):
                told.add("so", f"silence: {disabled.excuse.value}")
            else:
                told.add("reached", steps_told(disabled.way, places))
                told.add("so", "nothing undoes it, in a program that has sessions (LKS612)")
            yield told
    for forced in ForcedCollection.weighed(domain):
        if forced.node in line.nodes:
            told = Paragraph(f"{places.heading(forced.node)} looks through all objects of the process")
            told.about = tuple(walk(forced.node))
            if isinstance(forced, Excused):
                told.add("so", f"silence: {forced.excuse.value}")
            else:
                told.add("reached", trail_told(forced.trail, places))
                told.add("so", "it is done anew each time (LKS703)")
            yield told
    for cycle in ReferenceCycle.weighed(domain):
        if cycle.node in line.nodes:
            told = Paragraph(f"{places.heading(cycle.node)} makes two objects refer to each other")
            if isinstance(cycle, Excused):
                told.add("so", f"silence: {cycle.excuse.value}")
            else:
                owner, part = (f"`{each.name}` ({places.of(each)})" for each in (cycle.owner, cycle.part))
                told.add("keeps", f"{owner} keeps {part} in `{cycle.attribute}`")
                told.add("", f"which keeps it in `{cycle.back}`")
                told.add("so", "only the cyclic collector frees them, some time later (LKS609)")
            yield told
