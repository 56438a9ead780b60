"""A handler takes an error of the database, and the session is used again without having been rolled back."""

from __future__ import annotations

from collections.abc import Iterator

from sqla_leaklint.diagnostics import Applicability, Group
from sqla_leaklint.domain import Domain
from sqla_leaklint.domain.lifetimes import SwallowedError
from sqla_leaklint.fixes import PendingFix
from sqla_leaklint.fixes.rollback import roll_back
from sqla_leaklint.rules.base import Draft, Rule

rule = Rule(
    code="LKS108",
    name="swallowed-database-error",
    group=Group.LEAK,
    since="0.1.0",
    summary="a handler swallows an error of the database, and the session is used again without a rollback",
    fix=(Applicability.UNSAFE,),
    noisy_outside_app=True,
)

_AFTER_FLUSH = "until then every use of it raises `PendingRollbackError`, and its connection stays out of the pool"
_AFTER_STATEMENT = (
    "until then PostgreSQL answers every statement with `InFailedSqlTransaction`, "
    "and the connection is `idle in transaction (aborted)`"
)


@rule.check(SwallowedError)
def check(swallowed: SwallowedError, domain: Domain) -> Iterator[Draft]:
    name = swallowed.session.name
    subject = f"`{name}`" if name else "the session"
    draft = rule.diagnostic(swallowed.anchor, f"{subject} is not rolled back after this error, and is used again")
    keyword = "await " if swallowed.session.is_async else ""
    cure = f"call `{keyword}{name or 'session'}.rollback()` in the handler"
    if swallowed.loses_work:
        cure = "put what may fail under `begin_nested()`: a rollback here would undo what was written before, too"
    draft = draft.with_help(f"{cure}; {_AFTER_FLUSH if swallowed.is_flush else _AFTER_STATEMENT}")
    if swallowed.again is swallowed.fault:
        draft = draft.with_note(swallowed.fault, "this can fail, and is then run again on the session as it is")
    else:
        draft = draft.with_note(swallowed.fault, "this can fail")
        draft = draft.with_note(swallowed.again, "this is then run on the session as it is")
    yield draft.with_fix(_fix(swallowed))


def _fix(swallowed: SwallowedError) -> PendingFix | None:
    session = swallowed.session
    if swallowed.spelling is None or swallowed.loses_work or (session.is_async and not session.function.is_async):
        return None
    return roll_back(swallowed.handler, swallowed.spelling, is_async=session.is_async)
