"""The memo of a method keeps the objects on which it was called."""

from __future__ import annotations

from collections.abc import Iterator

from sqla_leaklint.diagnostics import Group
from sqla_leaklint.domain import Domain
from sqla_leaklint.domain.memoization import Memoized
from sqla_leaklint.domain.memoization.instances import MadeAnew, made_anew
from sqla_leaklint.domain.memoization.keys import is_hashed_by_identity
from sqla_leaklint.rules.base import Draft, Rule

rule = Rule(
    code="LKS603",
    name="memoized-method",
    group=Group.WASTE,
    summary="`lru_cache` or `cache` on a method keeps the objects on which it is called",
    since="0.1.0",
    noisy_outside_app=True,
)


@rule.check(Memoized)
def check(memoized: Memoized, domain: Domain) -> Iterator[Draft]:
    most = memoized.memoizer.bound.most
    if memoized.is_local or not memoized.has_receiver or most == 1 or memoized.is_cleared:
        return
    made = made_anew(memoized)
    if made is None or not is_hashed_by_identity(domain.evaluator, made.cls):
        return
    name = memoized.known_as
    what = f"up to {most} objects" if most is not None else "every object"
    draft = rule.diagnostic(memoized.node, f"`{name}` keeps {what} of `{made.cls.name}` on which it is called")
    place = domain.locate(made.module.path, made.function.qualname)
    yield draft.with_help(_help(memoized)).with_note(place, _note(made))


def _help(memoized: Memoized) -> str:
    if not memoized.parameters:
        return (
            "use `functools.cached_property`, which keeps the value in the object: the memo keeps the object, and all "
            "that hangs on it, beyond its last use"
        )
    return (
        f"memoise for each object, in its `__init__` (`self.{memoized.known_as} = lru_cache(self.{memoized.known_as})`)"
        ", or memoise a function of plain values: the memo keeps the object, and all that hangs on it, beyond its last "
        "use"
    )


def _note(made: MadeAnew) -> str:
    if made.entry is None:
        return f"`{made.function.name}` makes several"
    return f"`{made.function.name}` has another one {made.entry.value}"
