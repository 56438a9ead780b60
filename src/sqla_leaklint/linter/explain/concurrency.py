"""Lines that set work going beside their function: what runs, with which sessions, and who waits for it."""

from __future__ import annotations

from collections.abc import Iterator

from sqla_leaklint.domain import Domain
from sqla_leaklint.domain.concurrency import SharedSession
from sqla_leaklint.domain.concurrency.shared import Sharing, excuse_of
from sqla_leaklint.domain.concurrency.starts import RUNNING, Start, starts
from sqla_leaklint.domain.concurrency.work import Idle, Piece, Rider, pieces
from sqla_leaklint.domain.describe import described
from sqla_leaklint.domain.handed_over.handoffs import Handoff
from sqla_leaklint.linter.explain.line import Line
from sqla_leaklint.linter.explain.paragraph import Paragraph, columns
from sqla_leaklint.linter.explain.places import Places
from sqla_leaklint.linter.explain.sessions import owner_of
from sqla_leaklint.semantic.body import Body
from sqla_leaklint.semantic.events import Deed
from sqla_leaklint.syntax import tree
from sqla_leaklint.syntax.walk import walk


def explain_work(domain: Domain, line: Line, places: Places) -> Iterator[Paragraph]:
    """Which sessions the work takes along that is started on the line, and with whom it shares them."""
    handed = {each.node: each for each in domain.subjects(Handoff) if each.executor in RUNNING}
    for body in domain.bodies:
        if not isinstance(body.node, tree.Function):
            continue
        found = {start.node: start for start in starts(domain, body)}
        for event in body.events:
            if event.deed is Deed.CALLED and (event.node in found or event.node in handed):
                node = event.call_node
                work = list(_work(domain, body, found.get(node), handed.get(node)))
                if work and any(each in line.nodes for each in (node, *_named(work))):
                    yield _explain(domain, node, found.get(node), work, places)


def _named(work: list[Piece]) -> Iterator[tree.Node]:
    """Where pieces of work stand, and their sessions: a diagnostic may stand there, lines below the call."""
    for piece in work:
        yield piece.node
        yield from (each.passenger.node for each in _sessions_of(piece))


def _work(domain: Domain, body: Body, start: Start | None, handoff: Handoff | None) -> Iterator[Piece]:
    """The pieces of work that a call starts, those included that take along nothing that could be shared."""
    if handoff is None:
        yield from start.pieces if start is not None else ()
    elif handoff.row.callee >= 0:
        yield from (each for each in pieces(domain, body, handoff.node) if each.riders or each.idle)
    else:
        for argument in handoff.node.args:
            yield from pieces(domain, body, argument.value)


def _explain(domain: Domain, node: tree.Call, start: Start | None, work: list[Piece], places: Places) -> Paragraph:
    told = Paragraph(f"{places.heading(node)} ({places.at(node)}) sets work going beside the function that calls it")
    told.about = tuple(walk(node))
    told.add("runs", columns(dict.fromkeys(_run(piece, places) for piece in work)))
    told.add("sessions", columns(dict.fromkeys(_sessions(work, places))))
    told.add("waited for", _end(start, places))
    shared = [each for each in domain.subjects(SharedSession) if each.start.node is node]
    told.add(
        "so", [_sharing(each, places) for each in shared] or list(dict.fromkeys(_silence(domain, start, work, places)))
    )
    return told


def _sessions_of(piece: Piece) -> list[Rider | Idle]:
    return [*piece.riders, *piece.idle]


def _run(piece: Piece, places: Places) -> tuple[str, str]:
    """A piece of work, and where and how often it runs."""
    what = places.quoted(piece.node)
    where = "in a thread" if piece.in_thread else "on the event loop"
    if piece.repeated_by is not None:
        return what, f"{where}, many times: once for each round at {places.at(piece.repeated_by)}"
    return what, f"{where}, once for each of many arguments" if piece.is_mapped else where


def _sessions(work: list[Piece], places: Places) -> Iterator[tuple[str, str]]:
    for piece in work:
        for each in _sessions_of(piece):
            passenger = each.passenger
            hidden = f", in {passenger.hidden_in}" if passenger.hidden_in else ""
            owner = owner_of(passenger.session, "the function", places)
            yield places.heading(passenger.node), f"{described(passenger.session)}{hidden}; its owner is {owner}"


def _end(start: Start | None, places: Places) -> str | list[str]:
    """Where the function waits for the work; nothing where that does not matter."""
    if start is None:
        return []
    if start.joined:
        return "at once, or by whoever is given what the call returns"
    if start.left is not None:
        return f"where the block of {places.heading(start.left.context)} ({places.at(start.left)}) is left"
    if start.joins:
        return ", ".join(sorted({places.at(node) for node in start.joins}))
    return "by nobody in this function"


def _sharing(shared: SharedSession, places: Places) -> str:
    what = places.heading(shared.node)
    match shared.sharing:
        case Sharing.EACH_OTHER:
            return f"{what}: all of them use one session at the same time (LKS405)"
        case Sharing.OTHER_WORK:
            is_elsewhere = shared.other is not None and places.at(shared.other) != places.at(shared.node)
            other = f", named at {places.at(shared.other)}" if shared.other is not None and is_elsewhere else ""
            return f"{what}: other work uses the same session meanwhile{other} (LKS405)"
        case Sharing.CREATOR:
            other = f" at {places.at(shared.other)}" if shared.other is not None else ""
            return f"{what}: the function goes on using the session{other} before the work is waited for (LKS405)"
        case Sharing.NOBODY:
            return f"{what}: its owner ends the session before the work is done (LKS405)"


def _silence(domain: Domain, start: Start | None, work: list[Piece], places: Places) -> Iterator[str]:
    for piece in work:
        for each in _sessions_of(piece):
            yield f"silence about {places.heading(each.passenger.node)}: {_excuse(domain, start, piece, each)}"


def _excuse(domain: Domain, start: Start | None, piece: Piece, session: Rider | Idle) -> str:
    return session.excuse.value if isinstance(session, Idle) else excuse_of(domain, start, piece, session).value
