"""A lazy relationship is read of an entity of an async session: the query that this needs, nobody awaits."""

from __future__ import annotations

from collections.abc import Iterator

from sqla_leaklint.diagnostics import Applicability, Group
from sqla_leaklint.domain import Domain
from sqla_leaklint.domain.async_entities import LazyRead
from sqla_leaklint.fixes import PendingFix
from sqla_leaklint.fixes.relationship_loading import load_eagerly, option_for
from sqla_leaklint.rules.base import Draft, Rule

rule = Rule(
    code="LKS304",
    name="lazy-load-under-async",
    group=Group.LEAK,
    since="0.1.0",
    summary="a lazy relationship is read of an entity of an async session",
    fix=(Applicability.UNSAFE,),
    noisy_outside_app=True,
)


@rule.check(LazyRead)
def check(read: LazyRead, domain: Domain) -> Iterator[Draft]:
    what = f"`{read.holder or read.owner.name}.{read.attribute}`"
    kind = "a deferred column" if read.attribute in read.owner.columns else "a lazy relationship"
    act = f"`{read.serializer}` reads {what}, {kind}," if read.serializer else f"{what} is {kind},"
    draft = rule.diagnostic(read.node, f"{act} which an async session cannot load")
    draft = draft.with_help(f"{_help(read)}; the read raises `MissingGreenlet`")
    load = read.load
    if load is not None:
        draft = draft.with_note(load.node, "loaded here, without it")
    yield draft.with_fix(_fix(read))


def _help(read: LazyRead) -> str:
    if read.attribute in read.owner.columns:
        return f"load the deferred column with the row, by `undefer({read.owner.name}.{read.attribute})`"
    statement = read.held.statement
    option = option_for(read.domain.evaluator, statement, read.owner, [(read.attribute,)]) if statement else None
    if read.load is not None and option is not None:
        return f"load it with the row, by `{option.spelled(read.owner.name)}`"
    name = read.session.name or "session"
    return f'load it by `await {name}.refresh({read.holder or "entity"}, ["{read.attribute}"])`'


def _fix(read: LazyRead) -> PendingFix | None:
    load = read.load
    if load is None or read.attribute in read.owner.columns:
        return None
    names = [name for name in read.of_same_load if name not in read.owner.columns]
    return load_eagerly(load, read.owner, [(name,) for name in names])
