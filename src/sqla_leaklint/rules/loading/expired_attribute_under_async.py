"""An attribute is read of an entity that an async session has expired: the load that this needs, nobody awaits."""

from __future__ import annotations

from collections.abc import Iterator

from sqla_leaklint.diagnostics import Applicability, Group
from sqla_leaklint.domain import Domain
from sqla_leaklint.domain.async_entities import Cause, ExpiredRead
from sqla_leaklint.fixes import PendingFix
from sqla_leaklint.fixes.refreshing import refresh_after
from sqla_leaklint.rules.base import Draft, Rule

rule = Rule(
    code="LKS305",
    name="expired-attribute-under-async",
    group=Group.LEAK,
    since="0.1.0",
    summary="an attribute is read after the commit or rollback of an async session has expired it",
    fix=(Applicability.UNSAFE,),
    noisy_outside_app=True,
)


@rule.check(ExpiredRead)
def check(read: ExpiredRead, domain: Domain) -> Iterator[Draft]:
    what = f"`{read.holder}.{read.attribute}`" if read.holder else f"`{read.attribute}`"
    act = f"the {read.cause.value}" if read.cause is not Cause.EXPIRE else "the session"
    if read.serializer:
        message = f"`{read.serializer}` reads {what} after {act} has expired it"
    else:
        message = f"{what} is read after {act} has expired it"
    draft = rule.diagnostic(read.node, message).with_help(f"{_help(read)}; the read raises `MissingGreenlet`")
    yield draft.with_note(read.by, "this expires what the session has loaded").with_fix(_fix(read))


def _help(read: ExpiredRead) -> str:
    match read.cause:
        case Cause.COMMIT if read.is_refreshable:
            name = read.session.name or "session"
            refresh = f"call `await {name}.refresh({read.holder})` after the commit"
            return f"{refresh}, or make the session with `expire_on_commit=False`"
        case Cause.COMMIT:
            return "make the session with `expire_on_commit=False`, or read what is needed before the commit"
        case Cause.ROLLBACK:
            return "read what is needed before the rollback, which expires entities whatever `expire_on_commit` says"
        case Cause.EXPIRE:
            return "read what is needed before, or refresh the entity"


def _fix(read: ExpiredRead) -> PendingFix | None:
    if read.cause is not Cause.COMMIT or not read.is_refreshable:
        return None
    return refresh_after(read.session.function, read.by, read.holder)
