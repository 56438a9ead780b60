"""Lines that make what the process keeps, and with it a session or entities: who keeps it, and who comes there."""

from __future__ import annotations

from collections.abc import Iterator

from sqla_leaklint.domain import Domain
from sqla_leaklint.domain.describe import described
from sqla_leaklint.domain.kept_entities import KeptEntity
from sqla_leaklint.domain.lifetimes.long_lived import LongLivedSession
from sqla_leaklint.domain.values import ProjectFunction
from sqla_leaklint.linter.explain.line import Line
from sqla_leaklint.linter.explain.paragraph import Paragraph, columns
from sqla_leaklint.linter.explain.places import Places
from sqla_leaklint.linter.explain.ways import function_told, keeper_told, trail_told


def explain_long_lived(session: LongLivedSession, places: Places) -> Paragraph:
    """All that is known of a session that lives as long as the process."""
    held, user = session.held, session.user
    told = Paragraph(
        f"{places.quoted(session.node)} gives the process a session to keep: {described(held.opening.instance)}"
    )
    opened = places.call(held.call, held.module)
    told.add("opened", columns([opened]) if opened is not None else "")
    if held.holder is not None:
        told.add("held in", f"`{held.attribute}` of a `{held.holder.name}` ({places.of(held.holder)})")
    told.add("kept by", keeper_told(session.kept))
    if user.function is not None:
        function = ProjectFunction(user.module.path, user.function.qualname)
        told.add("used by", f"`{function.qualname}` ({places.of(function)}), which does not close it")
    told.add("reached", _trail(session, places))
    told.add("so", "it lives as long as the process, and is shared (LKS106)")
    return told


def _trail(session: LongLivedSession, places: Places) -> list[str]:
    if session.trail is None or session.trail.entry is None:
        return ["nobody is known to come there, but other modules import what keeps it"]
    stops = [ProjectFunction(stop.module.path, stop.function.qualname) for stop in session.trail.stops]
    path = " ← ".join(f"`{stop.qualname}`" for stop in stops)
    return [f"{session.trail.entry.value}: {path} ({places.of(stops[-1])})"]


def explain_kept_entities(domain: Domain, line: Line, places: Places) -> Iterator[Paragraph]:
    """Which entities outlive their session by way of the line, and what of them is missing afterwards."""
    for kept in domain.subjects(KeptEntity):
        if kept.node in line.nodes:
            model, missing = kept.detached.model, kept.detached.missing
            told = Paragraph(f"`{kept.name}` keeps entities of `{model.name}` ({places.of(model.cls)})")
            told.add("let in by", function_told(kept.module, kept.function, places))
            if kept.detached.trail is not None:
                told.add("reached", trail_told(kept.detached.trail, places))
            told.add("missing", f"`{missing.name}`, unless it is loaded before the session ends")
            told.add("so", f"their session ends, and this {kept.place.value} keeps them (LKS605)")
            yield told
