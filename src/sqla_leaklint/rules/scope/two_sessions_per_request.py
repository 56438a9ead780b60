"""One request gets two sessions of one database."""

from __future__ import annotations

from collections.abc import Iterator

from sqla_leaklint.diagnostics import Group
from sqla_leaklint.domain import Domain
from sqla_leaklint.domain.injection import SecondSession
from sqla_leaklint.domain.injection.needs import Need
from sqla_leaklint.domain.injection.second import Cause
from sqla_leaklint.rules.base import Draft, Rule

rule = Rule(
    code="LKS409",
    name="two-sessions-per-request",
    group=Group.STRICT,
    since="0.1.0",
    summary="one request gets two sessions of one database",
)

_HELP = (
    "let one provider open the session and everything else depend on it, with the same `scope` everywhere: two sessions"
    " are two connections for each request, and two transactions that do not see each other's changes"
)


@rule.check(SecondSession)
def check(session: SecondSession, domain: Domain) -> Iterator[Draft]:
    first, second = session.first, session.second
    name = f"`{session.function.name}`"
    match session.cause:
        case Cause.PROVIDERS:
            same = first.name == second.name
            both = f"of {_named(first, in_full=same)} and of {_named(second, in_full=same)}"
            what = f"{name} gets two sessions in one request: {both}"
        case Cause.NOT_CACHED:
            what = f"{name} gets two sessions in one request: `use_cache=False` has {_named(second)} open another"
        case Cause.SCOPES:
            scopes = f"one of scope `{first.scope}`, one of scope `{second.scope}`"
            what = f"{name} gets two sessions in one request: {_named(second)} opens {scopes}"
    draft = rule.diagnostic(session.node, what).with_help(_HELP)
    for need in dict.fromkeys((first, second) if first.function is not second.function else (first,)):
        place = domain.locate(need.module.path, need.function.qualname)
        draft = draft.with_note(place, f"`{need.name}` opens one")
    yield draft


def _named(need: Need, *, in_full: bool = False) -> str:
    """A provider, and through which dependencies the endpoint comes to it."""
    between = ", ".join(f"`{each.name}`" for each in need.way[:-1])
    own = f"`{need.module.name}.{need.name}`" if in_full else f"`{need.name}`"
    return f"{own} (through {between})" if between else own
