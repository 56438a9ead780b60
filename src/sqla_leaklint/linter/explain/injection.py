"""Lines that define endpoints with dependencies: the sessions that come with these, and for how long they are held."""

from __future__ import annotations

from collections.abc import Iterator

from sqla_leaklint.domain import Domain
from sqla_leaklint.domain.describe import described
from sqla_leaklint.domain.injection import HeldBySocket, SecondSession
from sqla_leaklint.domain.injection.needs import Need, needs_of
from sqla_leaklint.domain.injection.provided import sessions_opened
from sqla_leaklint.domain.injection.second import Cause
from sqla_leaklint.domain.injection.sockets import is_socket, waits_in
from sqla_leaklint.domain.lifetimes.serialised import SerialisedInTransaction
from sqla_leaklint.linter.explain.line import Line
from sqla_leaklint.linter.explain.paragraph import Paragraph, columns
from sqla_leaklint.linter.explain.places import Places
from sqla_leaklint.linter.explain.ways import function_told
from sqla_leaklint.semantic.body import Body
from sqla_leaklint.syntax import tree

_CAUSES = {
    Cause.PROVIDERS: "two dependencies open a session each",
    Cause.NOT_CACHED: "`use_cache=False` makes a second one",
    Cause.SCOPES: "dependencies of two scopes share nothing",
}


def explain_injection(domain: Domain, line: Line, places: Places) -> Iterator[Paragraph]:
    """What an endpoint that begins on the line, or has a parameter there, depends on; what a `return` leaves open."""
    for body in domain.bodies:
        if isinstance(body.node, tree.Function) and (
            body.node in line.nodes or any(each in line.nodes for each in body.node.params)
        ):
            told = _of_endpoint(domain, body, places)
            if told is not None:
                yield told
    for serialised in domain.subjects(SerialisedInTransaction):
        if serialised.returned in line.nodes:
            yield _of_return(serialised, places)


def _of_endpoint(domain: Domain, body: Body, places: Places) -> Paragraph | None:
    module = domain.module.summary
    function = module.functions[body.qualname]
    needs = list(needs_of(domain.evaluator, module, function))
    rows = list(dict.fromkeys(_sessions(domain, needs, places)))
    second = next((each for each in domain.subjects(SecondSession) if each.body is body), None)
    if not is_socket(domain, body) and (not rows or second is None):
        return None  # each session is told of where it is
    kind = "a websocket endpoint" if is_socket(domain, body) else "an endpoint"
    told = Paragraph(f"`{function.name}`: {kind} and its dependencies")
    told.add("sessions", columns(rows) or "none that a dependency is known to open")
    if is_socket(domain, body):
        _add_waiting(told, domain, body, needs, places)
    if second is not None:
        told.add("so", f"a request gets two sessions of one database: {_CAUSES[second.cause]} (LKS409)")
    return told


def _sessions(domain: Domain, needs: list[Need], places: Places) -> Iterator[tuple[str, str]]:
    """The sessions of dependencies, each with how it comes to the endpoint."""
    for need in needs:
        for opened in sessions_opened(domain.evaluator, need.module, need.function):
            way = " → ".join(f"`{each.name}`" for each in need.way)
            yield way, f"{described(opened.instance)}, opened by {function_told(need.module, need.function, places)}"


def _add_waiting(told: Paragraph, domain: Domain, body: Body, needs: list[Need], places: Places) -> None:
    """What a websocket endpoint waits for, and whether a transaction is open then."""
    waits = list(waits_in(domain, body))
    told.add("waits at", columns(dict.fromkeys((places.at(call), places.heading(call)) for call, _ in waits)))
    held = [each for each in domain.subjects(HeldBySocket) if each.body is body]
    for each in held:
        opener = each.asked_by
        began = f", begun by `{opener.name}`," if opener is not None else ""
        told.add(
            "so",
            f"the transaction of `{each.need.name}`'s session{began} is open at {places.at(each.wait)}, and the "
            "connection with it (LKS407)",
        )
    if held:
        return
    if not any(
        need.function.is_generator and sessions_opened(domain.evaluator, need.module, need.function) for need in needs
    ):
        told.add("so", "silence: no dependency is seen to open a session and to close it when the socket is")
    elif not waits:
        told.add("so", "silence: it is not seen to wait for its client, or for time")
    else:
        told.add("so", "silence: no transaction is certain to be open where it waits")


def _of_return(serialised: SerialisedInTransaction, places: Places) -> Paragraph:
    session = serialised.session
    told = Paragraph(f"{places.quoted(serialised.returned)} leaves a transaction open while the response is made")
    told.add("session", f"`{session.name}`" if session.name else "one without a name")
    told.add("opened at", columns([(places.at(serialised.opened_by), places.heading(serialised.opened_by))]))
    told.add("closed by", f"`{serialised.provider.qualname}` ({places.of(serialised.provider)}), after that")
    told.add("so", "it keeps its connection until a thread is free to serialise the response (LKS408)")
    return told
