"""Lines that hand entities to a background task or send them to a worker: what is read there, and what is lost."""

from __future__ import annotations

from collections.abc import Iterator

from sqla_leaklint.domain import Domain
from sqla_leaklint.domain.application.fastapi_version import exit_of
from sqla_leaklint.domain.describe import described
from sqla_leaklint.domain.handed_over.entities import entity_of
from sqla_leaklint.domain.handed_over.handed_entities import HandedEntity, Want
from sqla_leaklint.domain.handed_over.sendings import Sending
from sqla_leaklint.domain.values import Instance, Origin, ProjectInstance, Unknown, alternatives
from sqla_leaklint.knowledge.facts import Kind, Moment
from sqla_leaklint.linter.explain.line import Line
from sqla_leaklint.linter.explain.paragraph import Paragraph, columns
from sqla_leaklint.linter.explain.places import Places
from sqla_leaklint.linter.explain.sessions import add_exit, owner_of
from sqla_leaklint.syntax.walk import walk


def explain_entities(domain: Domain, line: Line, places: Places) -> Iterator[Paragraph]:
    """What becomes of the entities that leave their session from the line."""
    for handed in domain.subjects(HandedEntity):
        if handed.handoff.node in line.nodes or handed.piece.node in line.nodes:
            yield _of_handed(handed, places)
    for sending in domain.subjects(Sending):
        if sending.node in line.nodes or any(piece.node in line.nodes for piece in sending.cargo):
            yield _of_sending(sending, places)


def _of_handed(handed: HandedEntity, places: Places) -> Paragraph:
    belonging, reads = handed.belonging, handed.reads
    hidden = f" (in {handed.piece.hidden_in})" if handed.piece.hidden_in else ""
    what = f"{'entities' if belonging.kind.is_many else 'an entity'} of `{belonging.kind.model.name}`"
    told = Paragraph(
        f"{places.quoted(handed.piece.node)}{hidden} hands {what} to a background task, without its session"
    )
    told.add("session", f"{described(belonging.session)}; its owner is {owner_of(belonging.session, 'it', places)}")
    add_exit(told, handed.domain, belonging.session, places)
    if reads is None:
        told.add("not known", "what the task reads of it")
    else:
        told.add("reads", ", ".join(f"`{name}`" for name in sorted(reads.names)) or "nothing that is seen")
        told.add("writes", ", ".join(f"`{name}`" for name in sorted(reads.written)) or [])
        if not reads.is_whole:
            told.add("not known", "what else the task does with it: it is handed on to something that is not followed")
    if handed.is_expired:
        told.add("expired", "by a commit, before the task runs")
    told.add("unloaded", ", ".join(f"`{name}`" for name in handed.unloaded) or [])
    if handed.want is Want.WRITTEN and not _is_closed_before(handed):
        told.add("so", "silence: the session may yet write what the task changes")
    elif handed.want is not None:
        told.add("so", f"{handed.want.value} (LKS402)")
    elif reads is not None and reads.is_reattached:
        told.add("so", "silence: the task may give it to a session of its own")
    else:
        told.add("so", "silence: nothing that the task reads is certain to be missing")
    return told


def _is_closed_before(handed: HandedEntity) -> bool:
    session = handed.belonging.session
    return session.origin is Origin.MANAGED or exit_of(handed.domain, session) is Moment.BEFORE_RESPONSE


def _of_sending(sending: Sending, places: Places) -> Paragraph:
    told = Paragraph(f"{places.heading(sending.node)} sends work to another process")
    told.about = tuple(walk(sending.node))
    if sending.through is not None:
        wrapper = sending.through.function
        told.add("through", f"`{wrapper.qualname}` ({places.of(wrapper)}), which hands on what it is given")
    wire = sending.row.wire
    told.add("arguments", f"travel as {wire.value}" if wire is not None else "travel in a form that no table names")
    if sending.is_taught:
        told.add("", "the project teaches the library to send objects of its own")
    pieces = list(dict.fromkeys(_cargo(sending, places)))
    told.add("sent", columns(pieces) or "nothing but the name of the work")
    told.add("so", _verdict(sending))
    return told


def _cargo(sending: Sending, places: Places) -> Iterator[tuple[str, str]]:
    for piece in sending.cargo:
        hidden = f", in {piece.hidden_in}" if piece.hidden_in else ""
        yield places.quoted(piece.node), f"{described(piece.value)}{hidden}"


def _verdict(sending: Sending) -> str:
    classes = sending.domain.evaluator.classes
    values = [each for piece in sending.cargo for each in alternatives(piece.value)]
    sessions = (Kind.SESSION, Kind.ASYNC_SESSION, Kind.SESSION_REGISTRY)
    if any(isinstance(each, Instance | ProjectInstance) and classes.is_a(each, *sessions) for each in values):
        return "a session cannot be sent (LKS406)"
    if any(entity_of(piece.value) is not None for piece in sending.cargo):
        if sending.is_taught:
            return "silence: the library may know how to send an entity"
        return "an entity does not arrive as one that a session has (LKS406), unless its class says how to send it"
    if any(isinstance(each, Unknown) for each in values):
        return "silence: of what is sent, nothing is known to be an entity or a session"
    return "no entity and no session is sent"
