"""Lines that open a session: what is done with it, who owns it, what ends it or where it leaks."""

from __future__ import annotations

from collections.abc import Iterator

from sqla_leaklint.domain import Domain
from sqla_leaklint.domain.describe import described
from sqla_leaklint.domain.lifetimes import Acquisition, Gap, YieldedSession
from sqla_leaklint.domain.lifetimes.acquisition import candidates
from sqla_leaklint.domain.lifetimes.doings import ENDS, Doing, Use
from sqla_leaklint.domain.values import (
    BoundMethod,
    Instance,
    Origin,
    ProjectFunction,
    ProjectInstance,
    Symbol,
    Unknown,
    Value,
    alternatives,
)
from sqla_leaklint.knowledge.facts import Kind
from sqla_leaklint.linter.explain.chain import chain
from sqla_leaklint.linter.explain.paragraph import Paragraph, columns
from sqla_leaklint.linter.explain.places import Places
from sqla_leaklint.semantic import terms as t
from sqla_leaklint.semantic.events import Deed, Event

UNDECIDED = frozenset({Doing.PASSES, Doing.STORES})
_GAPS = {
    Gap.ALWAYS: "nothing closes it after the `yield`",
    Gap.ON_ERROR: "it stays open when an exception arrives at the `yield`",
    Gap.ON_SUCCESS: "it stays open when nothing goes wrong at the `yield`",
    Gap.BEFORE: "it stays open when something raises before the `try` that closes it",
}


def explain_acquisition(acquisition: Acquisition, places: Places) -> Paragraph:
    """All that is known of a session that is opened, in the order in which it lives."""
    domain, function = acquisition.domain, acquisition.summary
    session = described(acquisition.opening.session)
    told = Paragraph(f"{places.quoted(acquisition.node)} opens a session: {session}")
    told.add("made by", columns(chain(places, acquisition.event.value, domain.module.summary)))
    name = f", in `{acquisition.name}`" if acquisition.name is not None else ""
    told.add("owner", f"the function `{function.qualname}`{name}, until it closes it or hands it on")
    told.add("uses", columns(_uses(acquisition, places)) or "none that is seen")
    yielded = YieldedSession.of(acquisition)
    if yielded is not None:
        told.add("yielded", _yielded(yielded, places))
    told.add("ends", columns(_end(use, places) for use in acquisition.ends) or "none, on any path")
    told.add("not known", columns(_undecided(domain, acquisition.uses, places)))
    exits = () if acquisition.ends or yielded is not None else acquisition.leaking_exits
    told.add("leaks at", columns((places.at(node), f"{places.quoted(node)} is last run") for node in exits))
    told.add("so", _verdict(acquisition, yielded, exits))
    return told


def _uses(acquisition: Acquisition, places: Places) -> Iterator[tuple[str, str, str]]:
    first = acquisition.first_sql
    for use in acquisition.uses:
        if isinstance(use.act, Event):
            through = f", in `{use.callee.qualname}` ({places.of(use.callee)})" if use.callee is not None else ""
            remark = ": the first SQL" if use is first else ""
            yield places.at(use.act.node), places.quoted(use.act.node), f"{use.doing.value}{through}{remark}"


def _end(use: Use, places: Places) -> tuple[str, str]:
    place = places.at(use.act.node) if isinstance(use.act, Event) else "a callee"
    return place, use.doing.value


def _yielded(yielded: YieldedSession, places: Places) -> list[str]:
    whose = "FastAPI runs the generator" if yielded.is_dependency else "whoever runs the generator goes on with it"
    told = [f"at {places.at(yielding)}: {whose}" for yielding in (yielded.yielding,)]
    gap = yielded.gap
    told.append(_GAPS[gap] if gap is not None else "what follows the `yield` closes it, or somebody else has it")
    return told


def _verdict(acquisition: Acquisition, yielded: YieldedSession | None, exits: tuple[object, ...]) -> str:
    """Why it is reported, or why not."""
    if yielded is not None:
        return "it leaks (LKS103)" if yielded.gap is not None else "no leak is seen"
    if acquisition.first_sql is None:
        return "no SQL is seen on it: without a connection there is nothing to give back"
    if acquisition.ends:
        if any(use.doing in UNDECIDED for use in acquisition.ends):
            return "silence: somebody else may close it, and that is not known"
        return "it is closed, or its owner is somebody else from there on"
    if not exits:
        return "silence: no way leads out of the function with a connection in hand"
    if acquisition.ends_with_process:
        return "silence: only commands and scripts come here, and the process ends with them"
    return "it leaks (LKS101)"


def _undecided(domain: Domain, uses: tuple[Use, ...], places: Places) -> Iterator[tuple[str, str]]:
    """The uses after which somebody else may close it, with what was not known of them."""
    for use in uses:
        if use.doing not in UNDECIDED or use.doing not in ENDS or not isinstance(use.act, Event):
            continue
        place = places.at(use.act.node)
        if use.callee is not None:
            yield place, f"`{use.callee.qualname}` ({places.of(use.callee)}) hands it on in turn"
        elif use.act.deed is Deed.CALLED:
            for value in alternatives(domain.value_of(use.act.call.func)):
                yield place, f"what {places.quoted(use.act.node)} does with it: {_of_callee(value, places)}"
        else:
            yield place, f"what becomes of {places.quoted(use.act.node)}, where it is {use.act.deed.value}"


def _of_callee(value: Value, places: Places) -> str:
    match value:
        case Unknown():
            return value.reason
        case Symbol():
            return f"`{value.path}` is a library's, and nothing says that it keeps no session"
        case BoundMethod():
            return f"{described(value)} is in no table"
        case ProjectFunction():
            return f"`{value.qualname}` ({places.of(value)}) could not be followed"
        case _:
            return described(value)


# --- sessions that are no acquisition ---


def explain_no_acquisition(domain: Domain, event: Event, value: Instance | ProjectInstance) -> str:
    """Why a call that gives a fresh session is not asked about."""
    body = next((body for body in domain.bodies if event in body.events), None)
    if body is None or not body.is_function:
        return "it is opened in the body of a module or class, which keeps it as long as the process lives"
    if any(each.deed is Deed.ENTERED and each.value is event.value for each in body.events):
        return "`with` enters it at once, and closes it when its block is left"
    if event in list(candidates(body, domain.evaluator.knowledge)):
        return "it is not certain that it takes its connection from an engine, hence that it is to be closed here"
    return "nothing is done with it here that takes a connection, nor is it handed to anybody"


def is_session(domain: Domain, value: Value) -> bool:
    """Whether a value is a session, whatever path was taken."""
    return all(domain.evaluator.classes.is_a(each, Kind.SESSION, Kind.ASYNC_SESSION) for each in alternatives(value))


def owner_of(value: Instance | ProjectInstance, holder: str, places: Places) -> str:
    """Who owns a session or other thing of that origin, and until when."""
    match value.origin:
        case Origin.FRESH:
            return "whoever made the call"
        case Origin.MANAGED:
            return "the `with` block, which closes it when it is left"
        case Origin.PARAMETER:
            return f"whoever calls {holder}"
        case Origin.GLOBAL:
            return "the process: a module keeps it"
        case Origin.ATTRIBUTE:
            return "the object whose attribute it is"
        case Origin.REGISTRY:
            return "the registry, until `remove()`"
        case Origin.PROVIDED:
            provider = value.provider
            by = f": FastAPI had it from `{provider.qualname}` ({places.of(provider)})" if provider is not None else ""
            scope = f", scope {value.scope}" if value.scope else ""
            return f"the request{by}{scope}"
        case Origin.DECLARED:
            return "not known: all that is known is the annotation"


def root_event(domain: Domain, term: t.Term) -> Event | None:
    """The event of a call."""
    return next(
        (event for body in domain.bodies for event in body.events if event.deed is Deed.CALLED and event.value is term),
        None,
    )
