"""A container that outlives the handler must not keep the exceptions that it caught."""

from __future__ import annotations

from collections.abc import Iterator

from sqla_leaklint.diagnostics import Group
from sqla_leaklint.domain import Domain
from sqla_leaklint.domain.containers import StoredException
from sqla_leaklint.rules.base import Draft, Rule
from sqla_leaklint.rules.notes import with_trail

rule = Rule(
    code="LKS611",
    name="stored-exception",
    group=Group.LEAK,
    summary="exceptions are kept in a container that outlives their handler, each with the frames of its traceback",
    since="0.1.0",
    noisy_outside_app=True,
)


@rule.check(StoredException)
def check(stored: StoredException, domain: Domain) -> Iterator[Draft]:
    container = stored.container
    message = (
        f"`{container.name}` keeps every exception that `{stored.function.name}` puts in, with all that its frames hold"
    )
    draft = rule.diagnostic(container.node, message)
    draft = draft.with_help(
        "keep the text (`str(error)`, `traceback.format_exc()`) and bound the container: an exception holds its "
        "traceback, that the frames, and these every row and session that their variables name"
    )
    yield with_trail(draft, domain, stored.trail.stops, stored.trail.entry, "puts it in")
