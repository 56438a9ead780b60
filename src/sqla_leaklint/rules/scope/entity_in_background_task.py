"""An entity of the request's session must not be handed to a background task."""

from __future__ import annotations

from collections.abc import Iterator

from sqla_leaklint.diagnostics import Applicability, Group
from sqla_leaklint.domain import Domain
from sqla_leaklint.domain.application.fastapi_version import exit_of
from sqla_leaklint.domain.handed_over.handed_entities import HandedEntity, Want
from sqla_leaklint.domain.values import Origin
from sqla_leaklint.fixes.own_session.entities import load_in_task
from sqla_leaklint.knowledge.facts import Moment
from sqla_leaklint.rules.base import Draft, Rule

rule = Rule(
    code="LKS402",
    name="entity-in-background-task",
    group=Group.LEAK,
    summary="an entity of the request's session is handed to a background task",
    since="0.1.0",
    fix=(Applicability.DISPLAY,),
)

_HELP = "pass its key and plain values; let the task load what it needs in a session of its own"


@rule.check(HandedEntity)
def check(handed: HandedEntity, domain: Domain) -> Iterator[Draft]:
    want, session = handed.want, handed.belonging.session
    if want is None:
        return
    is_closed_before = session.origin is Origin.MANAGED or exit_of(domain, session) is Moment.BEFORE_RESPONSE
    if want is Want.WRITTEN and not is_closed_before:
        return  # the session may yet write it
    kind = handed.belonging.kind
    what = f"entities `{kind.model.name}`" if kind.is_many else f"the entity `{kind.model.name}`"
    where = f" (in {handed.piece.hidden_in})" if handed.piece.hidden_in else ""
    fate = _lost(is_many=kind.is_many) if want is Want.WRITTEN else _fate(handed, is_closed_before=is_closed_before)
    draft = rule.diagnostic(
        handed.piece.node, f"a background task is handed {what}{where}{_state(handed, want)}: {fate}"
    )
    provider = session.provider
    origin = domain.locate(provider.path, provider.qualname) if provider else None
    yield (
        draft.with_help(_HELP)
        .with_note(origin, "its session is provided here")
        .with_fix(load_in_task(handed, is_closed_before=is_closed_before))
    )


def _state(handed: HandedEntity, want: Want) -> str:
    """What is known of the entity when the task runs."""
    match want:
        case Want.EXPIRED:
            return ", which the commit has expired"
        case Want.UNLOADED:
            names = [f"`{name}`" for name in handed.unloaded]
            return f", whose {' and '.join(names)} {'is' if len(names) == 1 else 'are'} not loaded"
        case _:
            return ""


def _lost(*, is_many: bool) -> str:
    them = "them" if is_many else "it"
    return f"the session is closed before the task runs, so that what the task changes in {them} is never written"


def _fate(handed: HandedEntity, *, is_closed_before: bool) -> str:
    """What reading such an attribute in the task comes to."""
    session = handed.belonging.session
    reading = "reading what is not loaded" if handed.want is Want.OPEN else "reading it"
    open_ = (
        "raises `MissingGreenlet`"
        if handed.is_async
        else "queries by the request's session, which keeps its connection from the pool until the task ends"
    )
    if is_closed_before:
        return f"its session is closed before the task runs, and {reading} raises `DetachedInstanceError`"
    if session.origin is Origin.PARAMETER:
        return f"once its session is closed, {reading} raises `DetachedInstanceError`; until then it {open_}".replace(
            "the request's session", "that session"
        )
    if exit_of(handed.domain, session) is Moment.AFTER_BACKGROUND_TASKS:
        return f"{reading} {open_}"
    return f"{reading} raises `DetachedInstanceError` (FastAPI 0.106 to 0.117), or it {open_}"
