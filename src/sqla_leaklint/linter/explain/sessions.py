"""Lines that open a session, connection or client: what is done with it, who owns it, what ends it, where it leaks."""

from __future__ import annotations

from collections.abc import Iterator

from sqla_leaklint.domain import Domain
from sqla_leaklint.domain.application.fastapi_version import (
    VersionRange,
    fastapi_versions,
    moment_of_exit,
    source_of_version,
    written,
)
from sqla_leaklint.domain.describe import described
from sqla_leaklint.domain.lifetimes import (
    Acquisition,
    Gap,
    LeakedClient,
    LeakedConnection,
    ReturnedSession,
    YieldedSession,
)
from sqla_leaklint.domain.lifetimes.acquisition import candidates
from sqla_leaklint.domain.lifetimes.doings import Doing, Use
from sqla_leaklint.domain.lifetimes.opening import roots_of
from sqla_leaklint.domain.lifetimes.reopened import ReopenedSession
from sqla_leaklint.domain.lifetimes.resources import CLIENT, SESSION
from sqla_leaklint.domain.lifetimes.skipped import SkippedClose
from sqla_leaklint.domain.values import (
    Instance,
    Origin,
    ProjectFunction,
    ProjectInstance,
    Value,
    alternatives,
)
from sqla_leaklint.knowledge.facts import Kind
from sqla_leaklint.linter.explain.chain import chain
from sqla_leaklint.linter.explain.paragraph import Paragraph, columns
from sqla_leaklint.linter.explain.places import Places
from sqla_leaklint.linter.explain.undecided import UNDECIDED, undecided
from sqla_leaklint.semantic.events import Deed, Event
from sqla_leaklint.syntax import tree

_STORED = frozenset({Deed.STORED_ATTRIBUTE, Deed.STORED_ITEM, Deed.STORED_GLOBAL})
_GAPS = {
    Gap.ALWAYS: "nothing closes it after the `yield`",
    Gap.ON_ERROR: "it stays open when an exception arrives at the `yield`",
    Gap.ON_SUCCESS: "it stays open when nothing goes wrong at the `yield`",
    Gap.BEFORE: "it stays open when something raises before the `try` that closes it",
}


def explain_acquisition(acquisition: Acquisition, places: Places) -> Paragraph:
    """All that is known of a resource that is opened, in the order in which it lives."""
    domain, function, resource = acquisition.domain, acquisition.summary, acquisition.opening.resource
    opened = described(acquisition.opening.instance)
    told = Paragraph(f"{places.quoted(acquisition.node)} opens a {resource.noun}: {opened}")
    told.add("made by", columns(chain(places, acquisition.event.value, domain.module.summary)))
    name = f", in `{acquisition.name}`" if acquisition.name is not None else ""
    told.add("owner", f"the function `{function.qualname}`{name}, until it closes it or hands it on")
    told.add("uses", columns(_uses(acquisition, places)) or "none that is seen")
    yielded = YieldedSession.of(acquisition)
    if yielded is not None:
        told.add("yielded", _yielded(yielded, places))
    told.add("ends", list(dict.fromkeys(columns(_end(use, places) for use in acquisition.ends))) or "none, on any path")
    told.add("not known", columns(undecided(acquisition, places)))
    exits = () if acquisition.ends or yielded is not None else acquisition.leaking_exits
    told.add(
        "leaks at",
        columns(
            (places.at(node), f"left here with {_held(acquisition)} in hand: {places.quoted(node)}") for node in exits
        ),
    )
    if exits:
        ends = acquisition.ends_with_process
        told.add(
            "process", "ends soon after" if ends else "goes on: not only commands and scripts are known to come here"
        )
    skipped = any(each.acquisition.node is acquisition.node for each in domain.subjects(SkippedClose))
    reopened = next((each for each in domain.subjects(ReopenedSession) if each.acquisition is acquisition), None)
    if reopened is not None:
        told.add(
            "again", f"{places.at(reopened.use)} {places.heading(reopened.use)}: closed, it opens again, and stays open"
        )
    told.add("so", _verdict(acquisition, yielded, exits, is_skipped=skipped, is_reopened=reopened is not None))
    return told


def _uses(acquisition: Acquisition, places: Places) -> Iterator[tuple[str, str, str]]:
    """What is done with it, by the node that does it: a call of a function may do several things."""
    first = acquisition.first_sql
    acts: dict[tuple[tree.Node, ProjectFunction | None], list[str]] = {}
    for use in acquisition.uses:
        if isinstance(use.act, Event):
            doing = _sends(use) if acquisition.opening.resource is CLIENT else use.doing.value
            remark = " (the first SQL)" if use is first and acquisition.opening.resource is not CLIENT else ""
            acts.setdefault((use.act.node, use.callee), []).append(f"{doing}{remark}")
    for (node, callee), doings in acts.items():
        through = f", in `{callee.qualname}` ({places.of(callee)})" if callee is not None else ""
        yield places.at(node), places.heading(node), f"{'; '.join(dict.fromkeys(doings))}{through}"


def _sends(use: Use) -> str:
    return "sends a request, so a socket is opened" if use.doing is Doing.RUNS_SQL else use.doing.value


def _held(acquisition: Acquisition) -> str:
    return "a socket" if acquisition.opening.resource is CLIENT else "a connection"


def _end(use: Use, places: Places) -> tuple[str, str]:
    place = places.at(use.act.node) if isinstance(use.act, Event) else "a callee"
    return place, use.doing.value


def _yielded(yielded: YieldedSession, places: Places) -> list[str]:
    whose = "FastAPI runs the generator" if yielded.is_dependency else "whoever runs the generator goes on with it"
    told = [f"at {places.at(yielded.yielding)}: {whose}"]
    gap = yielded.gap
    told.append(_GAPS[gap] if gap is not None else "what follows the `yield` closes it, or somebody else has it")
    return told


def _verdict(
    acquisition: Acquisition,
    yielded: YieldedSession | None,
    exits: tuple[object, ...],
    *,
    is_skipped: bool,
    is_reopened: bool,
) -> str:
    """Why it is reported, or why not."""
    resource = acquisition.opening.resource
    if resource is not SESSION:
        leaks = (*acquisition.domain.subjects(LeakedConnection), *acquisition.domain.subjects(LeakedClient))
        code = "LKS610" if resource is CLIENT else "LKS502"
        for leak in leaks:
            if leak.acquisition.node is acquisition.node:
                way = "is closed, but not on every way" if leak.skipped is not None else "leaks"
                return f"it {way} ({code})"
        if acquisition.first_sql is None:
            return f"nothing keeps it alive: the {resource.noun} is freed with its last name"
        if resource is CLIENT and exits:
            return "silence: no request is known to come here"
    if yielded is not None:
        return "it leaks (LKS103)" if yielded.gap is not None else "no leak is seen"
    if is_skipped and acquisition.ends_with_process:
        return _WITH_PROCESS
    if is_skipped:
        end = "it is closed" if acquisition.ends else "a commit gives its connection back"
        again = ", and used again afterwards (LKS107)" if is_reopened else ""
        return f"{end}, but not on every way (LKS102){again}"
    if is_reopened:
        return "it is closed, and used again afterwards (LKS107)"
    if acquisition.ends:
        if any(use.doing in UNDECIDED for use in acquisition.ends):
            return "silence: somebody else may close it, and whether they do is not known"
        return "it is closed, or somebody else owns it from there on"
    if acquisition.first_sql is None:
        return "no SQL is seen on it: without a connection there is nothing to give back"
    if not exits:
        return "silence: no way leads out of the function with a connection in hand"
    if acquisition.ends_with_process:
        return _WITH_PROCESS
    return "it leaks (LKS101)"


_WITH_PROCESS = "silence: only commands and scripts come here, and the process ends with them"


def explain_returned(returned: ReturnedSession, places: Places) -> Paragraph:
    """What becomes of a session that a dependency opens and returns."""
    domain = returned.domain
    told = Paragraph(f"{places.quoted(returned.node)} opens a session: {described(returned.opening.instance)}")
    told.add("made by", columns(chain(places, domain.term(returned.node), domain.module.summary)))
    provider = f"the dependency `{returned.summary.name}`" if returned.function is not None else "this lambda"
    told.add("owner", f"{provider}, which returns it")
    if returned.is_closed and returned.closing is not None:
        told.add("closed", f"at {places.at(returned.closing)}, before anybody uses it: it opens again when it is used")
    dependent = returned.dependent
    if dependent is not None and dependent.function is not None:
        name = dependent.function.qualname
        told.add("used by", f"`{name}` ({places.definition(dependent.module.path, name)}), which leaves it open")
    told.add("so", "it leaks (LKS104): FastAPI closes nothing that a dependency returns")
    return told


# --- sessions that are no acquisition ---


def explain_no_acquisition(domain: Domain, event: Event) -> str:
    """Why a call that gives a fresh session is not asked about."""
    body = next((body for body in domain.bodies if event in body.events), None)
    if body is None or not body.is_function:
        return "it is opened in the body of a module or class, which keeps it as long as the process lives"
    if any(each.deed is Deed.ENTERED and each.value is event.value for each in body.events):
        return "`with` enters it at once, and closes it when its block is left"
    if any(root is event.value for each in body.events if each.deed is Deed.RETURNED for root in roots_of(each.value)):
        return f"it is returned as it is, so that whoever calls `{body.qualname}` has to close it"
    if any(root is event.value for each in body.events if each.deed in _STORED for root in roots_of(each.value)):
        return "it is stored, and who closes it where it is kept is not followed"
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


def add_exit(told: Paragraph, domain: Domain, session: Instance | ProjectInstance, places: Places) -> None:
    """When a session that FastAPI provides is closed, which depends on the version of FastAPI."""
    provider = domain.evaluator.classes.function(session.provider) if session.provider is not None else None
    if provider is not None and not provider.is_generator and not provider.decorators:
        told.add("until", "somebody closes it: FastAPI closes nothing that a dependency returns")
        return
    root, setting = domain.evaluator.project.root, domain.settings.fastapi_version
    versions = fastapi_versions(root, setting)
    source = source_of_version(root, setting)
    by = f"by {source if setting else places.shown(source)}" if source else "as no file or setting names one"
    moment = moment_of_exit(domain.evaluator.knowledge.dependency_exits, versions, session.scope)
    told.add("until", moment.value if moment is not None else "not known: it depends on the version of FastAPI")
    told.add("FastAPI", f"{_range(versions)}, {by}")


def _range(versions: VersionRange) -> str:
    since, until = written(versions.since), written(versions.until)
    if since and until:
        return f"{since} or newer, older than {until}"
    return f"{since} or newer" if since else f"older than {until}" if until else "any version"
