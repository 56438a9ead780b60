"""Which database a session is of: the engine that it comes from, or the factory whose engine is not known.

    engine = create_engine(URL)                # database.py
    SessionLocal = sessionmaker(engine)
    with SessionLocal() as session: ...        # of ("database.py", "engine"), wherever that stands

Two sessions are of one database if this is the same for both.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqla_leaklint.domain.lifetimes.library_openings import factory_call
from sqla_leaklint.domain.lifetimes.opening import opening, roots_of
from sqla_leaklint.domain.linking.attached import place_of_term
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
from sqla_leaklint.semantic.summary import ModuleSummary

if TYPE_CHECKING:
    from sqla_leaklint.domain.evaluation import Evaluator

_DEEPEST = 5
"""Helpers of helpers that open a session."""


def session_opened(evaluator: Evaluator, part: t.Term, module: ModuleSummary) -> Instance | ProjectInstance | None:
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


def maker_of(part: t.Term) -> t.Call | None:
    """The call that makes what a term enters, iterates or is."""
    inner = part.value if isinstance(part, t.Enter | t.Element) else part
    return next(roots_of(inner), None)


def database_of(
    evaluator: Evaluator, call: t.Call | None, module: ModuleSummary, depth: int = 0
) -> tuple[str, str] | None:
    """The engine, or else the factory, that a call takes its session from, by the path of the module that binds it and
    its name there; None when it is not known.
    """
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
                database_of(evaluator, maker_of(part), owner, depth + 1)
                for part in t.all_in(given)
                if isinstance(part, t.Enter | t.Call | t.Element) and session_opened(evaluator, part, owner) is not None
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
