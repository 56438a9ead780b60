"""Lines that define a container: what puts things in, what takes them out, where they come from."""

from __future__ import annotations

from collections.abc import Iterator

from sqla_leaklint.domain import Domain
from sqla_leaklint.domain.containers import Container, Kept
from sqla_leaklint.domain.containers.definitions import Definition, may_grow
from sqla_leaklint.domain.containers.exceptions import StoredException
from sqla_leaklint.domain.containers.growing import GrowingState
from sqla_leaklint.domain.containers.identity import Holder, Identity
from sqla_leaklint.domain.containers.kinds import Growth, Other, OtherUse
from sqla_leaklint.domain.describe import described
from sqla_leaklint.domain.values import Unknown
from sqla_leaklint.linter.explain.paragraph import Paragraph, columns
from sqla_leaklint.linter.explain.places import Places
from sqla_leaklint.semantic.summary import FunctionSummary, ModuleSummary
from sqla_leaklint.syntax.walk import walk


def explain_container(domain: Domain, definition: Definition, found: Container | None, places: Places) -> Paragraph:
    """What is known of a container; `found` is it as a subject, when something in the project puts things in."""
    identity = definition.identity
    told = Paragraph(f"{places.quoted(definition.node)} makes a container of {_holder(identity)}: {identity.type}")
    told.about = tuple(walk(definition.node))
    if found is None:
        told.add("grows" if may_grow(domain, definition) else "so", _no_subject(domain, definition))
        return told
    growths = [use for use in found.uses if isinstance(use, Growth)]
    told.add(
        "grows",
        columns(dict.fromkeys(_growth(domain, use, places) for use in growths)) or "nothing is seen to put things in",
    )
    others = [use for use in found.uses if isinstance(use, OtherUse) and use.what is not Other.READ]
    told.add("besides", columns((_place(use.module, use.function, places), use.what.value) for use in others))
    if found.is_looked_after:
        told.add("so", "something takes entries out, bounds it, or may do so because it has it")
        return told
    told.add("so", list(_verdicts(domain, found, told, places)))
    return told


def _holder(identity: Identity) -> str:
    match identity.holder:
        case Holder.OBJECT:
            return f"each `{identity.owner}`"
        case Holder.STATE:
            return "the application's state"
        case Holder.CLASS:
            return "the class"
        case Holder.MODULE:
            return "the module"


def _no_subject(domain: Domain, definition: Definition) -> str:
    """Why nobody asks what a container keeps."""
    identity = definition.identity
    if domain.evaluator.project.root is None:
        return "not known: the file belongs to no project"
    if identity.holder is Holder.OBJECT and may_grow(domain, definition):
        return f"perhaps, but no `{identity.owner}` is known to live as long as the process"
    return "nothing seems to put things in"


def _verdicts(domain: Domain, found: Container, told: Paragraph, places: Places) -> Iterator[str]:
    growing = next((each for each in domain.subjects(GrowingState) if each.container.node is found.node), None)
    kept = growing.kept if growing is not None else next(found.kept(), None)
    exception = next((each for each in domain.subjects(StoredException) if each.container.node is found.node), None)
    if kept is not None:
        told.add("trail", columns(_trail(kept, places)))
        code = "LKS606" if growing is not None else "LKS601"
        yield f"it grows, and nothing ever takes anything out ({code})"
    if exception is not None:
        yield f"it keeps exceptions, with all that their frames hold: `{exception.function.name}` puts them in (LKS611)"
    if kept is None and exception is None:
        yield "silence: what is put in is not known to be different for every request"


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
