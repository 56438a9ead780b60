"""Lines on which an entity of an async session is read that would have to be loaded first."""

from __future__ import annotations

from collections.abc import Iterator

from sqla_leaklint.domain import Domain
from sqla_leaklint.domain.async_entities import ExpiredRead, LazyRead
from sqla_leaklint.linter.explain.line import Line
from sqla_leaklint.linter.explain.paragraph import Paragraph, columns
from sqla_leaklint.linter.explain.places import Places


def explain_reads(domain: Domain, line: Line, places: Places) -> Iterator[Paragraph]:
    """What expired an entity that is read on the line, or which query has left out what is read of it."""
    for expired in domain.subjects(ExpiredRead):
        if expired.node in line.nodes:
            told = _begun(expired, places)
            told.add("expired at", columns([(places.at(expired.by), places.heading(expired.by))]))
            told.add("so", "reading it has to load the row, which nobody awaits (LKS305)")
            yield told
    for lazy in domain.subjects(LazyRead):
        if lazy.node in line.nodes:
            told = _begun(lazy, places)
            load = lazy.load
            if load is not None:
                told.add("loaded at", columns([(places.at(load.node), places.heading(load.node))]))
            told.add("so", "nothing has loaded it, and reading it cannot: nobody awaits that (LKS304)")
            yield told


def _begun(read: ExpiredRead | LazyRead, places: Places) -> Paragraph:
    what = places.heading(read.node)
    if read.serializer:
        told = Paragraph(f"`{read.serializer}` reads `{read.attribute}` of {what}, of an async session")
    else:
        told = Paragraph(f"{what} reads an entity of an async session")
    told.add("session", f"`{read.session.name}`" if read.session.name else "one without a name")
    return told
