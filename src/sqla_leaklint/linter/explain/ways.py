"""How the world outside comes to a function, and what keeps something: facts that several families tell alike."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from sqla_leaklint.domain import Domain
from sqla_leaklint.domain.application.entries import entry_of
from sqla_leaklint.domain.application.requests import Link
from sqla_leaklint.domain.application.starting import Step
from sqla_leaklint.domain.lifetimes.kept import Keeper, Kept
from sqla_leaklint.domain.origins.provenance import Trail
from sqla_leaklint.linter.explain.places import Places
from sqla_leaklint.semantic.summary import FunctionSummary, ModuleSummary


def way_told(domain: Domain, way: tuple[Link, ...], places: Places) -> list[str]:
    """How often, and by which functions, one a line, from outside to the last: "for every request: `read` (line 7)"."""
    first = way[0]
    entry = entry_of(domain.evaluator, first.module, first.function)
    return _told(entry.value if entry is not None else "from outside", _functions(way), places)


def trail_told(trail: Trail, places: Places) -> list[str]:
    """The same, of a trail, which begins at its other end."""
    stops = [(stop.module, stop.function) for stop in reversed(trail.stops)]
    often = trail.entry.value if trail.entry is not None else "by whatever is decorated with it"
    return _told(often, stops, places)


def steps_told(way: tuple[Step, ...], places: Places) -> list[str]:
    """How the program comes to something when it starts, one step a line."""
    shown = (
        function_told(step.module, step.function, places)
        if step.function is not None
        else f"the body of {places.shown(step.module.path)}"
        for step in way
    )
    first, *others = dict.fromkeys(shown)
    return [first, *(f"→ {each}" for each in others)]


def _functions(way: Iterable[Link]) -> Iterator[tuple[ModuleSummary, FunctionSummary]]:
    return ((link.module, link.function) for link in way)


def _told(often: str, functions: Iterable[tuple[ModuleSummary, FunctionSummary]], places: Places) -> list[str]:
    first, *others = dict.fromkeys(function_told(module, function, places) for module, function in functions)
    return [f"{often}: {first}", *(f"→ {each}" for each in others)]


def function_told(module: ModuleSummary, function: FunctionSummary, places: Places) -> str:
    """A function, and where it is."""
    return f"`{function.qualname}` ({places.definition(module.path, function.qualname)})"


def keeper_told(kept: Kept) -> str:
    """What keeps a value for as long as the process lives, under which name."""
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
