"""Lines that define a container: what puts things in, what takes them out, where they come from."""

from __future__ import annotations

from collections.abc import Iterator

from sqla_leaklint.domain import Domain
from sqla_leaklint.domain.containers import Container, Kept
from sqla_leaklint.domain.containers.definitions import Definition
from sqla_leaklint.domain.containers.kinds import Growth, Other, OtherUse
from sqla_leaklint.domain.describe import described
from sqla_leaklint.domain.values import Unknown
from sqla_leaklint.linter.explain.paragraph import Paragraph, columns
from sqla_leaklint.linter.explain.places import Places
from sqla_leaklint.semantic.summary import FunctionSummary, ModuleSummary


def explain_container(domain: Domain, definition: Definition, found: Container | None, places: Places) -> Paragraph:
    """What is known of a container; `found` is it as a subject, when something in the project puts things in."""
    identity = definition.identity
    kind = "class" if identity.owner else "module"
    told = Paragraph(f"{places.quoted(definition.node)} makes a container of the {kind}: {identity.type}")
    if found is None:
        is_alone = domain.evaluator.project.root is None
        told.add("grows", "not known: the file belongs to no project" if is_alone else "nothing seems to put things in")
        return told
    growths = [use for use in found.uses if isinstance(use, Growth)]
    told.add("grows", columns(_growth(domain, use, places) for use in growths) or "nothing is seen to put things in")
    others = [use for use in found.uses if isinstance(use, OtherUse) and use.what is not Other.READ]
    told.add("besides", columns((_place(use.module, use.function, places), use.what.value) for use in others))
    if found.is_looked_after:
        told.add("so", "something takes entries out, bounds it, or may do so because it has it")
        return told
    kept = next(found.kept(), None)
    if kept is None:
        told.add("so", "silence: what is put in is not known to be different for every request")
        return told
    told.add("trail", columns(_trail(kept, places)))
    told.add("so", "it grows, and nothing ever takes anything out (LKS601)")
    return told


def _growth(domain: Domain, use: Growth, places: Places) -> tuple[str, str]:
    value = domain.evaluator.of(use.data, domain.evaluator.frame(use.module))
    what = value.reason if isinstance(value, Unknown) else described(value)
    return _place(use.module, use.function, places), f"puts in, as key or element: {what}"


def _place(module: ModuleSummary, function: FunctionSummary | None, places: Places) -> str:
    if function is None:
        return f"the body of {places.shown(module.path)}"
    return f"`{function.qualname}` ({places.definition(module.path, function.qualname)})"


def _trail(kept: Kept, places: Places) -> Iterator[tuple[str, str]]:
    *stops, last = kept.trail.stops
    for stop in stops:
        yield (
            _place(stop.module, stop.function, places),
            f"by its parameter `{stop.parameter}`" if stop.parameter else "made there",
        )
    entry = kept.trail.entry
    called = f"called {entry.value}" if entry is not None else "wraps functions that are called with any arguments"
    yield _place(last.module, last.function, places), called
