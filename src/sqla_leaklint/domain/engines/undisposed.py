"""Async engines that an application keeps and that nobody disposes of, wherever one looks in the project.

An application is what constructs a `FastAPI` or `Starlette` and has a place for the end of its life: a lifespan, or a
handler of `shutdown` or `startup`.  A call of `dispose` counts for every engine that it may mean; so does a library
that is given the engine and may dispose of it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqla_leaklint.domain.application.endpoints import decorations, method_name
from sqla_leaklint.domain.lifetimes.kept import Keeper, Kept, kept_calls
from sqla_leaklint.domain.lifetimes.opening import opening
from sqla_leaklint.domain.lifetimes.resources import ENGINE
from sqla_leaklint.domain.memo import Memo
from sqla_leaklint.domain.subjects import Excuse
from sqla_leaklint.domain.values import (
    Instance,
    ProjectClass,
    ProjectFunction,
    Symbol,
    Unknown,
    Value,
    alternatives,
)
from sqla_leaklint.knowledge.facts import Decoration, Kind
from sqla_leaklint.semantic import terms as t
from sqla_leaklint.semantic.events import Deed
from sqla_leaklint.semantic.summary import ModuleSummary
from sqla_leaklint.syntax import tree

if TYPE_CHECKING:
    from sqla_leaklint.domain.evaluation import Evaluator
    from sqla_leaklint.domain.module import Domain

_LIFE = ("lifespan", "on_event", "on_startup", "on_shutdown", "add_event_handler")
_SERVED = (Kind.SESSION, Kind.ASYNC_SESSION, Kind.SESSION_FACTORY, Kind.SESSION_REGISTRY)
_KEEPERS = frozenset({Keeper.MODULE, Keeper.STATE, Keeper.CLASS})
_HARMLESS = ("sqlalchemy.", "sqlmodel.", "builtins.")

_LIVES: Memo[Evaluator, list[bool]] = Memo(lambda _: [])
_DISPOSES: Memo[Evaluator, list[bool]] = Memo(lambda _: [])


class DisposalExcuse(Excuse):
    """Why an engine that the process keeps need not be disposed of, or may be."""

    PLAIN = "it is no async engine: only those need the event loop to close their connections"
    GIVEN_AWAY = "a library that is not known, or some object, is given it and may dispose of it"
    NO_LIFE = "no application of the project is seen to have a lifespan, or a handler for its start or end"
    DISPOSED = "the project disposes of an engine, which may be this one"


@dataclass(frozen=True, slots=True, eq=False)
class KeptEngine:
    """An engine that the process keeps under a name, and why nothing has to be said of that."""

    kept: Kept
    node: tree.Call
    excuse: DisposalExcuse


@dataclass(frozen=True, slots=True, eq=False)
class UndisposedEngine:
    """A call that makes an async engine, which the process keeps under that name to its end."""

    domain: Domain
    kept: Kept
    node: tree.Call

    @staticmethod
    def find(domain: Domain) -> Iterator[UndisposedEngine]:
        """Every such engine of the module, in the order of the text."""
        yield from (each for each in UndisposedEngine.weighed(domain) if isinstance(each, UndisposedEngine))

    @staticmethod
    def weighed(domain: Domain) -> Iterator[UndisposedEngine | KeptEngine]:
        """Every engine of the module that the process keeps."""
        evaluator = domain.evaluator
        if evaluator.project.root is None or evaluator.project.is_test(domain.module.path):
            return
        for kept in kept_calls(domain):
            found = opening(evaluator, kept.call, domain.frame, ENGINE) if kept.keeper in _KEEPERS else None
            event = domain.event_of(kept.call) if found is not None else None
            if found is None or event is None or not isinstance(event.node, tree.Call):
                continue
            if not evaluator.classes.is_a(found.instance, Kind.ASYNC_ENGINE):
                excuse: DisposalExcuse | None = DisposalExcuse.PLAIN
            else:
                excuse = _excuse(domain, kept)
            if excuse is None:
                yield UndisposedEngine(domain, kept, event.node)
            else:
                yield KeptEngine(kept, event.node, excuse)


def _excuse(domain: Domain, kept: Kept) -> DisposalExcuse | None:
    """Why nothing has to be said of an async engine that the process keeps; None where there is no reason."""
    if _is_given_away(domain, kept):
        return DisposalExcuse.GIVEN_AWAY
    if not _has_life(domain.evaluator):
        return DisposalExcuse.NO_LIFE
    return DisposalExcuse.DISPOSED if _is_any_disposed_of(domain.evaluator) else None


# --- the application ---


def _has_life(evaluator: Evaluator) -> bool:
    """Whether the project has an application, and in it a place where an engine could be disposed of."""
    known = _LIVES.of(evaluator)
    if not known:
        known.append(any(_gives_life(evaluator, user) for user in _modules(evaluator, _LIFE)))
    return known[0]


def _modules(evaluator: Evaluator, words: tuple[str, ...]) -> Iterator[ModuleSummary]:
    """The modules of the program itself that mention one of some words: tests and migrations have their own engines."""
    seen: set[str] = set()
    for word in words:
        for user in evaluator.project.mentioning(word, and_tests=False):
            if user.path not in seen and not _migrates(user):
                seen.add(user.path)
                yield user


def _migrates(module: ModuleSummary) -> bool:
    """Whether a module is a part of Alembic's migrations."""
    return any(isinstance(term, t.Ref) and term.path.startswith("alembic.") for term in module.bindings.values())


def _gives_life(evaluator: Evaluator, module: ModuleSummary) -> bool:
    frame = evaluator.frame(module)
    for _, act in module.mentions():
        if act.deed is not Deed.CALLED or not isinstance(act.value, t.Call):
            continue
        call = act.value
        if any(call.keyword(word) is not None for word in _LIFE) and _is_application(
            evaluator, evaluator.of(call, frame)
        ):
            return True
        if method_name(call.func) == "add_event_handler":
            return True
    return any(
        Decoration.LIFECYCLE in decorations(evaluator, module, function)
        and any(method_name(each.func) == "on_event" for each in function.decorators if isinstance(each, t.Call))
        for function in module.functions.values()
        if function.decorators
    )


def _is_application(evaluator: Evaluator, value: Value) -> bool:
    return any(evaluator.classes.is_a(each, Kind.APPLICATION) for each in alternatives(value))


# --- who may dispose of it ---


def _is_any_disposed_of(evaluator: Evaluator) -> bool:
    """Whether the project disposes of an async engine anywhere, or of something that may be one."""
    known = _DISPOSES.of(evaluator)
    if not known:
        known.append(any(_disposes(evaluator, user) for user in _modules(evaluator, ("dispose",))))
    return known[0]


def _disposes(evaluator: Evaluator, module: ModuleSummary) -> bool:
    frame = evaluator.frame(module)
    for _, act in module.mentions():
        for part in t.all_in([act.value]):
            match part:
                case t.Attr(base=base, name="dispose"):
                    receiver = evaluator.of(base, frame)
                case t.Ref(path=path) if path.endswith(".dispose"):
                    receiver = evaluator.reference(path.removesuffix(".dispose"), module)
                case _:
                    continue
            if not all(_is_sync_engine(evaluator, each, part) for each in alternatives(receiver)):
                return True
    return False


def _is_sync_engine(evaluator: Evaluator, value: Value, term: t.Term) -> bool:
    """Whether it is an engine, and no async one, nor the one inside of an async one."""
    if not isinstance(value, Instance) or not evaluator.classes.is_a(value, Kind.ENGINE):
        return False
    return not any(isinstance(part, t.Attr | t.Ref) and "sync_engine" in method_name(part) for part in t.all_in([term]))


def _is_given_away(domain: Domain, kept: Kept) -> bool:
    """Whether a library that is not known, or some object, is given the engine, or what takes its connections from it;
    it may dispose of it.
    """
    evaluator = domain.evaluator
    for user in _modules(evaluator, (kept.name,)):
        frame = evaluator.frame(user)
        for _, act in user.mentions():
            if act.deed is not Deed.CALLED or not isinstance(act.value, t.Call):
                continue
            given = [*act.value.args, *(value for _, value in act.value.keywords)]
            if any(_is_engine(evaluator, evaluator.of(each, frame)) for each in given) and not all(
                _is_harmless(evaluator, each) for each in alternatives(evaluator.of(act.value.func, frame))
            ):
                return True
    return False


def _is_engine(evaluator: Evaluator, value: Value) -> bool:
    return any(evaluator.classes.is_a(each, Kind.ASYNC_ENGINE) for each in alternatives(value))


def _is_harmless(evaluator: Evaluator, callee: Value) -> bool:
    """Whether something that is called leaves an engine as it is; of the project's own, the word `dispose` tells."""
    match callee:
        case Symbol(path=path):
            return path.startswith(_HARMLESS)
        case ProjectFunction() | ProjectClass():
            return True
        case Unknown():
            return False
        case _:
            return evaluator.classes.is_a(callee, *_SERVED)
