"""A memo whose key no later request has again: it never hits, and keeps what it was given."""

from __future__ import annotations

from collections.abc import Iterator

from sqla_leaklint.diagnostics import Group
from sqla_leaklint.domain import Domain
from sqla_leaklint.domain.memoization import Memoized
from sqla_leaklint.domain.memoization.keys import KeyPart, Passing, passing_parts
from sqla_leaklint.domain.memoization.memoizers import Bound
from sqla_leaklint.domain.values import Instance, ProjectInstance
from sqla_leaklint.rules.base import Draft, Rule

rule = Rule(
    code="LKS604",
    name="session-as-cache-key",
    group=Group.LEAK,
    summary="a function is memoised by a session, a request or an entity, or is `async def`",
    since="0.1.0",
    noisy_outside_app=True,
)

_HELP = {
    Passing.SESSION: "memoise a function of plain values, and open the session inside of it with `with`",
    Passing.REQUEST: "memoise a function of the plain values that are read of the request",
    Passing.ENTITY: "memoise a function of the entity's key and of plain values",
}
_KEPT = {Passing.SESSION: "sessions", Passing.REQUEST: "requests", Passing.ENTITY: "entities"}


@rule.check(Memoized)
def check(memoized: Memoized, domain: Domain) -> Iterator[Draft]:
    if not memoized.is_local:
        part = next(passing_parts(memoized), None)
        if part is not None:
            yield _of_key(memoized, part, domain)
            return
    if memoized.keeps_coroutines:
        message = f"`{memoized.known_as}` is `async def`: its memo keeps coroutines, which can be awaited but once"
        yield rule.diagnostic(memoized.node, message).with_help(
            "memoise what it awaits, in a store that knows coroutines: the second call with the same arguments ends in "
            "`RuntimeError: cannot reuse already awaited coroutine`"
        )


def _of_key(memoized: Memoized, part: KeyPart, domain: Domain) -> Draft:
    what = part.what.value
    article = "an" if what[0] in "aeiou" else "a"
    message = (
        f"`{memoized.known_as}` is memoised by `{part.parameter}`, {article} {what}: no other request finds what it "
        f"keeps, {_kept(memoized.memoizer.bound, _KEPT[part.what])}"
    )
    draft = rule.diagnostic(memoized.node, message).with_help(_HELP[part.what])
    if part.module is not None and part.caller is not None:
        place = domain.locate(part.module.path, part.caller.qualname)
        draft = draft.with_note(place, f"`{part.caller.name}` passes it")
    provider = part.value.provider if isinstance(part.value, Instance | ProjectInstance) else None
    if provider is not None:
        draft = draft.with_note(domain.locate(provider.path, provider.qualname), f"`{provider.qualname}` provides it")
    return draft


def _kept(bound: Bound, what: str) -> str:
    if bound.is_infinite:
        return f"and all {what} are kept"
    return f"and up to {bound.most} {what} are kept" if bound.most is not None else f"and the last {what} are kept"
