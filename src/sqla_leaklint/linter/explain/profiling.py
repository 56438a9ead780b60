"""Lines that look at a running program: tracing, profilers, endpoints that tell of the heap."""

from __future__ import annotations

from collections.abc import Iterator

from sqla_leaklint.domain import Domain
from sqla_leaklint.domain.profiling.open_heap import OpenHeapEndpoint
from sqla_leaklint.domain.profiling.profiled import ProfiledFunction
from sqla_leaklint.domain.profiling.tracing import TracingStart
from sqla_leaklint.domain.subjects import Excused
from sqla_leaklint.linter.explain.line import Line
from sqla_leaklint.linter.explain.paragraph import Paragraph
from sqla_leaklint.linter.explain.places import Places
from sqla_leaklint.linter.explain.ways import steps_told
from sqla_leaklint.syntax.walk import walk


def explain_profiling(domain: Domain, line: Line, places: Places) -> Iterator[Paragraph]:
    """What is measured or told of the process by way of the line, and who decides that."""
    for start in TracingStart.weighed(domain):
        if start.node in line.nodes:
            told = Paragraph(f"{places.heading(start.node)} traces every allocation from there on")
            told.about = tuple(walk(start.node))
            if isinstance(start, Excused):
                told.add("so", f"silence: {start.excuse.value}")
            else:
                told.add("frames", f"{start.frames} of each allocation are kept, as far as the call says")
                told.add("reached", steps_told(start.way, places))
                told.add("so", "it stays on for as long as the process lives (LKS701)")
            yield told
    for profiled in domain.subjects(ProfiledFunction):
        if profiled.decorator in line.nodes or profiled.function in line.nodes:
            told = Paragraph(f"{places.heading(profiled.decorator)} measures each line of `{profiled.function.name}`")
            told.about = tuple(walk(profiled.decorator))
            told.add("by", f"`{profiled.package}`, in a module of the program")
            told.add("so", "it does so whenever the function is called (LKS702)")
            yield told
    for endpoint in OpenHeapEndpoint.weighed(domain):
        if isinstance(endpoint, Excused):
            if endpoint.node in line.nodes:
                told = Paragraph("The endpoint returns what is in the memory of the process")
                told.add("so", f"silence: {endpoint.excuse.value}")
                yield told
        elif endpoint.function in line.nodes or endpoint.route in line.nodes:
            told = Paragraph(f"`{endpoint.function.name}` returns what `{endpoint.listing}` tells of the process")
            told.add("so", "nothing on the way to it asks who wants to know (LKS704)")
            yield told
