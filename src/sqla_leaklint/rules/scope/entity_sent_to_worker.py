"""A session or an entity must not be sent to a worker in another process."""

from __future__ import annotations

from collections.abc import Iterator

from sqla_leaklint.diagnostics import Applicability, Group
from sqla_leaklint.domain import Domain
from sqla_leaklint.domain.handed_over.cargo import Cargo
from sqla_leaklint.domain.handed_over.entities import EntityKind, entity_of
from sqla_leaklint.domain.handed_over.sendings import Sending
from sqla_leaklint.domain.values import Instance, ProjectInstance, alternatives
from sqla_leaklint.fixes.own_session.sent_key import send_keys
from sqla_leaklint.knowledge.facts import Kind, Wire
from sqla_leaklint.rules.base import Draft, Rule

rule = Rule(
    code="LKS406",
    name="entity-sent-to-worker",
    group=Group.LEAK,
    summary="a session or an entity is sent to a worker in another process",
    since="0.1.0",
    fix=(Applicability.DISPLAY,),
)

_WORKERS = {"celery": "a Celery task", "rq": "an RQ job", "dramatiq": "a dramatiq actor", "arq": "an arq job"}
_REFUSALS = {"celery": "raises `EncodeError`", "dramatiq": "raises `TypeError`"}


@rule.check(Sending)
def check(sending: Sending, domain: Domain) -> Iterator[Draft]:
    wrong = list(_wrong(sending, domain))
    if not wrong:
        return
    library = sending.row.owner.partition(".")[0]
    piece, kind = wrong[0]
    if kind is None:
        what, fate = "a session", _fate_of_session(sending, library)
    else:
        what, fate = f"{'entities' if kind.is_many else 'the entity'} `{kind.model.name}`", _fate(sending, library)
    where = f" (in {piece.hidden_in})" if piece.hidden_in else ""
    draft = rule.diagnostic(piece.node, f"{_WORKERS[library]} is sent {what}{where}: {fate}")
    if sending.through is not None:
        wrapper = sending.through.function
        draft = draft.with_note(domain.locate(wrapper.path, wrapper.qualname), "this hands it to the worker")
    entities = [(each, kind) for each, kind in wrong if kind is not None]
    fix = send_keys(sending, entities) if len(entities) == len(wrong) else None
    yield draft.with_help("send the key; let the worker load what it needs in a session of its own").with_fix(fix)


def _wrong(sending: Sending, domain: Domain) -> Iterator[tuple[Cargo, EntityKind | None]]:
    """What cannot be sent, or arrives as something else: entities, and sessions (None)."""
    for piece in sending.cargo:
        kind = entity_of(piece.value)
        if _is_session(piece, domain):
            yield piece, None
        elif kind is not None and _breaks(kind, sending, domain):
            yield piece, kind


def _is_session(piece: Cargo, domain: Domain) -> bool:
    return any(
        isinstance(each, Instance | ProjectInstance)
        and domain.evaluator.classes.is_a(each, Kind.SESSION, Kind.ASYNC_SESSION, Kind.SESSION_REGISTRY)
        for each in alternatives(piece.value)
    )


def _breaks(kind: EntityKind, sending: Sending, domain: Domain) -> bool:
    """Whether the worker cannot be sent such an entity, or gets something else than an entity of a session."""
    if sending.is_taught:
        return False
    if sending.row.wire is Wire.PICKLE:
        return kind.is_loaded  # what no session has yet, it does not lose
    return domain.evaluator.classes.find(kind.model, "__json__", on_instance=False) is None


def _fate(sending: Sending, library: str) -> str:
    match sending.row.wire:
        case Wire.PICKLE:
            return "it is pickled, and the worker gets a copy that belongs to no session and loads nothing more"
        case Wire.JSON:
            return f"JSON cannot express it, so that sending it {_REFUSALS[library]}"
        case _:
            return (
                f"sent as JSON, the default, it {_REFUSALS[library]},"
                " and pickled the worker gets a copy that belongs to no session"
            )


def _fate_of_session(sending: Sending, library: str) -> str:
    if sending.row.wire is Wire.PICKLE:
        return "it cannot be pickled"
    return f"no serializer can express it, so that sending it {_REFUSALS[library]}"
