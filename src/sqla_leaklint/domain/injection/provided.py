"""The sessions that a provider opens for whoever depends on it, and the database that each is a session of.

    def get_db():                              def get_orders():
        with SessionLocal() as db:                 with scope() as db:             # opened by a helper
            yield db                                   yield Orders(db)            # inside of an object

A provider that hands on what it depends on itself opens nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqla_leaklint.domain.lifetimes.carrying import Carrier
from sqla_leaklint.domain.lifetimes.databases import database_of, maker_of, session_opened
from sqla_leaklint.domain.lifetimes.doings import TRACED
from sqla_leaklint.domain.memo import Memo
from sqla_leaklint.domain.values import (
    Instance,
    ProjectInstance,
)
from sqla_leaklint.semantic import terms as t
from sqla_leaklint.semantic.summary import FunctionSummary, ModuleSummary

if TYPE_CHECKING:
    from sqla_leaklint.domain.evaluation import Evaluator


@dataclass(frozen=True, slots=True)
class Opened:
    """A session that a provider opens: the term that it is in the provider, and the engine or factory it comes from
    (None: not known).
    """

    instance: Instance | ProjectInstance
    term: t.Term
    database: tuple[str, str] | None


_MEMO: Memo[Evaluator, dict[tuple[str, str], tuple[Opened, ...]]] = Memo(lambda _: {})


def sessions_opened(evaluator: Evaluator, module: ModuleSummary, function: FunctionSummary) -> tuple[Opened, ...]:
    """The sessions that a provider opens and gives its dependents."""
    memo = _MEMO.of(evaluator)
    key = (module.path, function.qualname)
    if key not in memo:
        memo[key] = ()
        memo[key] = tuple(_opened(evaluator, module, function))
    return memo[key]


def _opened(evaluator: Evaluator, module: ModuleSummary, function: FunctionSummary) -> Iterator[Opened]:
    known: set[t.Term] = set()
    for given in function.yields if function.is_generator else function.returns:
        for part in t.all_in([given]):
            if part in known or not isinstance(part, t.Enter | t.Call | t.Element):
                continue
            known.add(part)
            session = session_opened(evaluator, part, module)
            if session is not None and _leads_to(evaluator, module, function, given, part, session):
                yield Opened(session, part, database_of(evaluator, maker_of(part), module))
                known.update(t.all_in([part]))


def _leads_to(
    evaluator: Evaluator,
    module: ModuleSummary,
    function: FunctionSummary,
    given: t.Term,
    part: t.Term,
    session: Instance | ProjectInstance,
) -> bool:
    """Whether what a provider gives is the session or holds it; what a query has brought does not."""
    session_type = evaluator.classes.library_type(session)
    if session_type is None:
        return False
    return Carrier(evaluator, module, function, session_type, seed=part).carry(given) in TRACED
