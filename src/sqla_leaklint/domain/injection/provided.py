"""The sessions that a provider opens for whoever depends on it, and the database that each is a session of.

    def get_db():                              def get_orders():
        with SessionLocal() as db:                 with scope() as db:             # opened by a helper
            yield db                                   yield Orders(db)            # inside of an object

A provider that hands on what it depends on itself opens nothing.  Two sessions are of one database if they come from
one engine, or from one factory whose engine is not known.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqla_leaklint.domain.lifetimes.carrying import Carrier
from sqla_leaklint.domain.lifetimes.doings import TRACED
from sqla_leaklint.domain.lifetimes.library_openings import factory_call
from sqla_leaklint.domain.lifetimes.opening import opening, roots_of
from sqla_leaklint.domain.linking.attached import place_of_term
from sqla_leaklint.domain.memo import Memo
from sqla_leaklint.domain.values import (
    BoundMethod,
    Instance,
    ManagerFactory,
    Origin,
    ProjectFunction,
    ProjectInstance,
    Symbol,
    alternatives,
)
from sqla_leaklint.knowledge.facts import Kind
from sqla_leaklint.semantic import terms as t
from sqla_leaklint.semantic.questions import receiver_of
from sqla_leaklint.semantic.summary import FunctionSummary, ModuleSummary

if TYPE_CHECKING:
    from sqla_leaklint.domain.evaluation import Evaluator

_DEEPEST = 5
"""Helpers of helpers that open a session."""


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
            session = _session(evaluator, part, module)
            if session is not None and _leads_to(evaluator, module, function, given, part, session):
                yield Opened(session, part, _database(evaluator, _maker(part), module, 0))
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


def _session(evaluator: Evaluator, part: t.Term, module: ModuleSummary) -> Instance | ProjectInstance | None:
    """The session that a term opens, if it does."""
    frame = evaluator.frame(module)
    if isinstance(part, t.Call):
        found = opening(evaluator, part, frame)
        return found.instance if found is not None else None
    values = alternatives(evaluator.of(part, frame))
    if len(values) != 1 or not isinstance(values[0], Instance | ProjectInstance):
        return None
    session = values[0]
    is_session = evaluator.classes.is_a(session, Kind.SESSION, Kind.ASYNC_SESSION)
    return session if is_session and session.origin in {Origin.MANAGED, Origin.FRESH} else None


def _maker(part: t.Term) -> t.Call | None:
    """The call that makes what a term enters, iterates or is."""
    inner = part.value if isinstance(part, t.Enter | t.Element) else part
    return next(roots_of(inner), None)


def _database(evaluator: Evaluator, call: t.Call | None, module: ModuleSummary, depth: int) -> tuple[str, str] | None:
    """The engine, or else the factory, that a call takes its session from, by the module that binds it and its name."""
    if call is None or depth > _DEEPEST:
        return None
    frame = evaluator.frame(module)
    match alternatives(evaluator.of(call.func, frame)):
        case (Instance(),):
            return _of_factory(evaluator, call, call.func, module)
        case (BoundMethod(receiver=Instance(), name="begin" | "session_factory"),):
            return _of_factory(evaluator, call, receiver_of(call.func) or call.func, module)
        case (Symbol(),):
            return _engine(evaluator, call, module)
        case (ProjectFunction() as function,) | (ManagerFactory(function=ProjectFunction() as function),):
            summary = evaluator.classes.function(function)
            owner = evaluator.project.summary_at(function.path)
            if summary is None or owner is None:
                return None
            given = summary.yields if summary.is_generator else summary.returns
            found = {
                _database(evaluator, _maker(part), owner, depth + 1)
                for part in t.all_in(given)
                if isinstance(part, t.Enter | t.Call | t.Element) and _session(evaluator, part, owner) is not None
            }
            return found.pop() if len(found) == 1 else None
        case _:
            return None


def _of_factory(evaluator: Evaluator, call: t.Call, factory: t.Term, module: ModuleSummary) -> tuple[str, str] | None:
    """The engine of a call of a factory: given by that call, or to the factory; else the factory itself."""
    own = _engine(evaluator, call, module)
    maker = factory_call(evaluator, factory, evaluator.frame(module)) if own is None else None
    place = place_of_term(evaluator, factory, module)
    bound = _engine(evaluator, maker, place[0] if place is not None else module) if maker is not None else None
    return own or bound or ((place[0].path, place[1]) if place is not None else None)


def _engine(evaluator: Evaluator, maker: t.Call, module: ModuleSummary) -> tuple[str, str] | None:
    """The engine that a factory or session is given: by the name that it is bound to, or by what makes it."""
    given = maker.keyword("bind") or (maker.args[0] if maker.args else None)
    place = place_of_term(evaluator, given, module) if given is not None else None
    if place is None and isinstance(given, t.Call) and not given.args and not given.keywords:
        place = place_of_term(evaluator, given.func, module)  # sessionmaker(get_engine())
    return (place[0].path, place[1]) if place is not None else None
