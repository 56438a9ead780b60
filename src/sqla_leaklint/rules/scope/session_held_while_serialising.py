"""A `def` endpoint leaves its transaction open while FastAPI waits for a thread to serialise the response."""

from __future__ import annotations

from collections.abc import Iterator

from sqla_leaklint.diagnostics import Applicability, Group
from sqla_leaklint.domain import Domain
from sqla_leaklint.domain.lifetimes.serialised import SerialisedInTransaction
from sqla_leaklint.domain.values import ProjectFunction
from sqla_leaklint.fixes.built_response import build_response
from sqla_leaklint.rules.base import Draft, Rule

rule = Rule(
    code="LKS408",
    name="session-held-while-serialising",
    group=Group.STRICT,
    since="0.1.0",
    summary="a `def` endpoint keeps its connection while its response waits for a thread",
    fix=(Applicability.DISPLAY,),
    noisy_outside_app=True,
)

_BUILD = "build the response in the endpoint and close the session before returning it, or commit last"
_BUILD_ALL = "build the response in the endpoint and close all of its sessions before returning it"
_LOAD = (
    "under load every thread runs an endpoint that waits for a connection, and every connection is that of a request"
    " which waits for a thread"
)


@rule.check(SerialisedInTransaction)
def check(serialised: SerialisedInTransaction, domain: Domain) -> Iterator[Draft]:
    session = serialised.session
    names = [f"`{each.name}`" if each.name else "the session" for each in (session, *serialised.others)]
    what = f"{names[0]} keeps its connection" if len(names) == 1 else f"{' and '.join(names)} keep their connections"
    place = serialised.returned.value or serialised.returned
    draft = rule.diagnostic(place, f"{what} until a thread is free to serialise the response")
    if not serialised.is_opened_by_return:
        draft = draft.with_note(serialised.opened_by, "this asks the database, and the connection stays out")
    provider = serialised.provider
    name = provider.qualname.rpartition(".")[2]
    draft = draft.with_note(
        domain.locate(provider.path, provider.qualname), f"`{name}` gives it back after the response has been made"
    )
    dependency = serialised.taken_by
    if serialised.others:
        yield draft.with_help(f"{_BUILD_ALL}: {_LOAD}")
    elif dependency is None:
        yield draft.with_help(f"{_BUILD}: {_LOAD}").with_fix(build_response(serialised))
    else:
        yield _with_dependency(draft, dependency, domain)


def _with_dependency(draft: Draft, dependency: ProjectFunction, domain: Domain) -> Draft:
    """What another dependency has taken, the endpoint alone cannot give back in time."""
    name = dependency.qualname.rpartition(".")[2]
    draft = draft.with_note(
        domain.locate(dependency.path, dependency.qualname), f"`{name}` takes the connection before, and leaves it out"
    )
    return draft.with_help(f"{_BUILD}, and let `{name}` do likewise: {_LOAD}")
