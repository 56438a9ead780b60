"""A request that gets two sessions of one database: two connections, two transactions.

FastAPI gives all dependents of a request the same value of a provider, as long as they ask for it with the same scope
and none says `use_cache=False`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

from sqla_leaklint.domain.injection.needs import Need, needs_of
from sqla_leaklint.domain.injection.provided import Opened, sessions_opened
from sqla_leaklint.domain.injection.routes import routes_of
from sqla_leaklint.domain.subjects import InFunction
from sqla_leaklint.semantic.body import Body
from sqla_leaklint.syntax import tree

if TYPE_CHECKING:
    from sqla_leaklint.domain.module import Domain


class Cause(Enum):
    """Why there are two."""

    PROVIDERS = "two providers"
    NOT_CACHED = "use_cache=False"
    SCOPES = "two scopes"


@dataclass(frozen=True, slots=True, eq=False)
class SecondSession(InFunction):
    """An endpoint that gets two sessions of one database, and the dependencies that they come with."""

    first: Need
    second: Need
    cause: Cause

    @property
    def node(self) -> tree.Node:
        """The endpoint's parameter through which the second one comes, else the endpoint."""
        return self.parameter_of(self.second) or self.parameter_of(self.first) or self.function

    def parameter_of(self, need: Need) -> tree.Parameter | None:
        """The endpoint's parameter through which a dependency comes; None for those of its routes."""
        name = need.way[0].parameter
        return next((each for each in self.function.params if each.name == name), None)

    @staticmethod
    def find(domain: Domain) -> Iterator[SecondSession]:
        """Every such endpoint of the module, in the order of the text."""
        evaluator, module = domain.evaluator, domain.module.summary
        for body in domain.bodies:
            if not isinstance(body.node, tree.Function):
                continue
            summary = module.functions[body.qualname]
            if next(routes_of(evaluator, module, summary), None) is not None:
                yield from _in(domain, body)


def _in(domain: Domain, body: Body) -> Iterator[SecondSession]:
    summary = domain.module.summary.functions[body.qualname]
    known: list[tuple[Need, Opened]] = []
    for need in needs_of(domain.evaluator, domain.module.summary, summary):
        for opened in sessions_opened(domain.evaluator, need.module, need.function):
            cause = None
            for earlier, other in known:
                if opened.database is None or opened.database != other.database:
                    continue
                cause = _cause(earlier, need)
                if cause is not None:
                    yield SecondSession(domain, body, earlier, need, cause)
                    return
            known.append((need, opened))


def _cause(first: Need, second: Need) -> Cause | None:
    """Why two dependencies have a session each; None where they share one."""
    if first.function is not second.function or first.dependency.provider != second.dependency.provider:
        return Cause.PROVIDERS
    if not second.dependency.is_cached:
        return Cause.NOT_CACHED
    return Cause.SCOPES if first.scope != second.scope else None
