"""Lines that hand work to somebody else: who runs it, and which sessions travel with it."""

from __future__ import annotations

from collections.abc import Iterator

from sqla_leaklint.domain.describe import described
from sqla_leaklint.domain.fastapi_version import (
    VersionRange,
    fastapi_versions,
    moment_of_exit,
    source_of_version,
    written,
)
from sqla_leaklint.domain.handoffs import Handoff
from sqla_leaklint.domain.values import Origin, ProjectFunction, Unknown, alternatives
from sqla_leaklint.linter.explain.paragraph import Paragraph, columns
from sqla_leaklint.linter.explain.places import Places
from sqla_leaklint.linter.explain.sessions import owner_of


def explain_handoff(handoff: Handoff, places: Places) -> Paragraph:
    """Who runs what is handed over, with which sessions, and when these are closed."""
    domain = handoff.domain
    told = Paragraph(f"{places.quoted(handoff.node)} hands over work, to be run as: {handoff.executor.value}")
    if handoff.callee is not None:
        told.add("work", _work(handoff, places))
    passengers = list(handoff.passengers())
    holder = f"`{handoff.body.qualname}`"
    told.add(
        "sessions",
        [
            f"{places.quoted(each.node)}: {described(each.session)}"
            f"{f', in {each.hidden_in}' if each.hidden_in else ''}; its owner is {owner_of(each.session, holder, places)}"
            for each in passengers
        ]
        or "none that belongs to a request, a caller or a `with` block travels along",
    )
    told.add("not known", columns(_unknown(handoff, places)))
    for each in passengers:
        if each.origin is Origin.PROVIDED:
            root = domain.evaluator.project.root
            versions = fastapi_versions(root, domain.settings.fastapi_version)
            source = source_of_version(root, domain.settings.fastapi_version)
            told.add("FastAPI", f"{_range(versions)}, {_source(source, places)}")
            moment = moment_of_exit(domain.evaluator.knowledge.dependency_exits, versions, each.session.scope)
            told.add("closed", moment.value if moment is not None else "not known: the possible versions differ in that")
            break
    return told


def _work(handoff: Handoff, places: Places) -> Iterator[str]:
    assert handoff.callee is not None
    for value in alternatives(handoff.domain.value(handoff.callee)):
        place = f" ({places.of(value)})" if isinstance(value, ProjectFunction) else ""
        yield f"{described(value)}{place}"


def _unknown(handoff: Handoff, places: Places) -> Iterator[tuple[str, str]]:
    for argument in handoff.arguments:
        for value in alternatives(handoff.domain.value(argument.value)):
            if isinstance(value, Unknown):
                yield places.quoted(argument.value), value.reason


def _range(versions: VersionRange) -> str:
    since, until = written(versions.since), written(versions.until)
    if since and until:
        return f"from {since} on, below {until}"
    return f"from {since} on" if since else f"below {until}" if until else "any version"


def _source(source: str, places: Places) -> str:
    return f"by {places.shown(source)}" if source else "as no file or setting names one"
