"""New objects are added in a loop without end, and nothing sends them."""

from __future__ import annotations

from collections.abc import Iterator

from sqla_leaklint.diagnostics import Applicability, Group
from sqla_leaklint.domain import Domain
from sqla_leaklint.domain.writes.bulk_adds import BulkAdd
from sqla_leaklint.fixes.periodic_flush import flush_periodically
from sqla_leaklint.rules.base import Draft, Rule

rule = Rule(
    code="LKS111",
    name="unflushed-bulk-add",
    group=Group.WASTE,
    since="0.1.0",
    summary="new objects are added to a session in an unbounded loop that never flushes",
    fix=(Applicability.UNSAFE,),
    noisy_outside_app=True,
)


@rule.check(BulkAdd)
def check(addition: BulkAdd, domain: Domain) -> Iterator[Draft]:
    model = addition.model.name
    flush = "await session.flush()" if addition.is_async else "session.flush()"
    source = addition.source
    if addition.loop is None:
        message = f"all new `{model}` objects of {source.what} are in memory before the first is flushed"
        draft = rule.diagnostic(addition.node, message).with_help(
            f"add them in batches of a thousand with `{flush}` after each, or insert them in chunks by "
            f"`session.execute(insert({model}), chunk)`: all at once, they are all in memory before the first is sent"
        )
    else:
        loop = f"the loop over {source.what}" if source.what else "the endless loop"
        message = f"new `{model}` objects pile up: nothing in {loop} flushes the session"
        draft = rule.diagnostic(addition.node, message).with_help(
            f"call `{flush}` once in a thousand rounds, or insert in chunks by `session.execute(insert({model}), "
            "chunk)`: a session refers to what it loaded weakly, but to what it has yet to insert strongly"
        )
    caller = domain.locate(source.path, source.qualname) if source.path else None
    if addition.place is not addition.node:
        draft = draft.with_note(
            addition.place, f"this goes through {source.what}" if source.what else "this never ends"
        )
    draft = draft.with_note(caller, f"{source.what} is passed from here")
    yield draft.with_fix(flush_periodically(addition))
