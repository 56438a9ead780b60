"""Lines that make what the process keeps, and with it a session: who keeps it, who uses it, who comes there."""

from __future__ import annotations

from sqla_leaklint.domain.describe import described
from sqla_leaklint.domain.lifetimes.kept import Keeper, Kept
from sqla_leaklint.domain.lifetimes.long_lived import LongLivedSession
from sqla_leaklint.domain.values import ProjectFunction
from sqla_leaklint.linter.explain.paragraph import Paragraph, columns
from sqla_leaklint.linter.explain.places import Places


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
    told.add("kept by", _keeper(session.kept))
    if user.function is not None:
        function = ProjectFunction(user.module.path, user.function.qualname)
        told.add("used by", f"`{function.qualname}` ({places.of(function)}), which does not close it")
    told.add("reached", _trail(session, places))
    told.add("so", "it lives as long as the process, and is shared (LKS106)")
    return told


def _keeper(kept: Kept) -> str:
    match kept.keeper:
        case Keeper.MODULE:
            return f"the module, as `{kept.name}`"
        case Keeper.CLASS:
            return f"the class `{kept.owner}`, as `{kept.name}`, for all its instances"
        case Keeper.STATE:
            return f"the application, as `state.{kept.name}`"
        case Keeper.DEFAULT:
            return f"the function `{kept.owner}`, as the default of `{kept.name}`"
        case Keeper.MEMO:
            return f"the memoised function `{kept.owner}`"


def _trail(session: LongLivedSession, places: Places) -> list[str]:
    if session.trail is None or session.trail.entry is None:
        return ["nobody is known to come there, but other modules import what keeps it"]
    stops = [ProjectFunction(stop.module.path, stop.function.qualname) for stop in session.trail.stops]
    path = " ← ".join(f"`{stop.qualname}`" for stop in stops)
    return [f"{session.trail.entry.value}: {path} ({places.of(stops[-1])})"]
