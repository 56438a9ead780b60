"""Lines on which a transaction goes wrong or is forgotten: handlers of database errors, and calls that wait."""

from __future__ import annotations

from sqla_leaklint.domain import Domain
from sqla_leaklint.domain.lifetimes import SwallowedError, WaitInTransaction
from sqla_leaklint.domain.lifetimes.handlers import takes_database_errors
from sqla_leaklint.flow.exceptions import Catch
from sqla_leaklint.linter.explain.paragraph import Paragraph, columns
from sqla_leaklint.linter.explain.places import Places
from sqla_leaklint.syntax import tree


def explain_handler(domain: Domain, handler: tree.ExceptHandler, places: Places) -> Paragraph | None:
    """What becomes of a session after a handler of database errors; None for any other handler."""
    if takes_database_errors(domain, handler) is Catch.NEVER:
        return None
    what = f"`except {places.quoted(handler.type)[1:-1]}`" if handler.type is not None else "`except`"
    told = Paragraph(f"{what} takes what the database raises through a session")
    found = next((each for each in domain.subjects(SwallowedError) if each.handler is handler), None)
    if found is None:
        told.add("so", "silence: no session is certain to be used again as the error has left it")
        return told
    told.add("session", f"`{found.session.name}`" if found.session.name else "one without a name")
    told.add("fails at", columns([(places.at(found.fault), places.heading(found.fault))]))
    told.add("used at", columns([(places.at(found.again), places.heading(found.again))]))
    told.add("so", "nothing on the way between rolls it back (LKS108)")
    return told


def explain_wait(waiting: WaitInTransaction, places: Places) -> Paragraph:
    """Which transaction is open while a call waits."""
    told = Paragraph(f"{places.heading(waiting.call)} waits for {waiting.awaited.value}")
    if waiting.helper is not None:
        told.add("made by", f"`{waiting.helper.qualname}` ({places.of(waiting.helper)})")
    told.add("session", f"`{waiting.session.name}`" if waiting.session.name else "one without a name")
    told.add("opened at", columns([(places.at(waiting.opened_by), places.heading(waiting.opened_by))]))
    told.add("so", "its transaction is open meanwhile, on some way at least (LKS113)")
    return told
