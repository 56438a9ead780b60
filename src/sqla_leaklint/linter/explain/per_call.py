"""Lines by which a function adds a listener, table or mapped class to what outlives its call."""

from __future__ import annotations

from collections.abc import Iterator

from sqla_leaklint.domain import Domain
from sqla_leaklint.domain.per_call.listeners import ListenerPerCall
from sqla_leaklint.domain.per_call.tables import TablePerCall
from sqla_leaklint.domain.subjects import Excused
from sqla_leaklint.linter.explain.line import Line
from sqla_leaklint.linter.explain.paragraph import Paragraph
from sqla_leaklint.linter.explain.places import Places
from sqla_leaklint.linter.explain.ways import trail_told
from sqla_leaklint.syntax.walk import walk


def explain_per_call(domain: Domain, line: Line, places: Places) -> Iterator[Paragraph]:
    """What each call of a function adds on the line, and whether it piles up."""
    for listener in ListenerPerCall.weighed(domain):
        if listener.node in line.nodes:
            told = Paragraph(f"{places.heading(listener.node)} adds an event listener")
            told.about = tuple(walk(listener.node))
            if isinstance(listener, Excused):
                told.add("so", f"silence: {listener.excuse.value}")
            else:
                told.add("listener", f"`{listener.name}`" if listener.name else "one without a name")
                told.add("added to", f"`{listener.target}`, which outlives the call")
                told.add("reached", trail_told(listener.trail, places))
                told.add("so", "another one is added each time, and none is removed (LKS607)")
            yield told
    for table in TablePerCall.weighed(domain):
        if table.node in line.nodes:
            told = Paragraph(f"{places.heading(table.node)} defines a table on a `MetaData` that outlives the call")
            told.about = tuple(walk(table.node))
            if isinstance(table, Excused):
                told.add("so", f"silence: {table.excuse.value}")
            else:
                told.add("reached", trail_told(table.trail, places))
                more = "the one table gets more each time" if table.is_extended else "another table stays each time"
                told.add("so", f"{more} (LKS608)")
            yield told
