"""Whose an entity is: the session that brought it, or was given it, and who closes that session.

    user = session.get(User, key)                   # brought by `session`, through helpers too
    order = Order(...); session.add(order)          # given to it
    current_user: User = Depends(get_user)          # brought by the session of the provider
    def later(tasks, user): …                       # what a caller passes

What is not certain to belong to a session of a request, a caller or a `with` block belongs to nobody here.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from sqla_leaklint.domain.application.callers import callers
from sqla_leaklint.domain.application.entries import Entry, entry_of
from sqla_leaklint.domain.async_entities.bringing import statement_of
from sqla_leaklint.domain.async_entities.origins import comes_from
from sqla_leaklint.domain.handed_over.entities import EntityKind, entity_of
from sqla_leaklint.domain.handed_over.handoffs import BORROWED
from sqla_leaklint.domain.lifetimes.uses import Tracker
from sqla_leaklint.domain.linking.decorators import row_of
from sqla_leaklint.domain.linking.parameters import dependency_of
from sqla_leaklint.domain.values import (
    Instance,
    Origin,
    ProjectFunction,
    ProjectInstance,
    Statement,
    alternatives,
)
from sqla_leaklint.knowledge.facts import Kind
from sqla_leaklint.semantic import terms as t
from sqla_leaklint.semantic.events import Deed
from sqla_leaklint.semantic.summary import FunctionSummary, ModuleSummary
from sqla_leaklint.semantic.terms import Term

if TYPE_CHECKING:
    from sqla_leaklint.domain.evaluation import Evaluator, Frame
    from sqla_leaklint.domain.module import Domain
    from sqla_leaklint.semantic.body import Body

_DEEPEST = 4
"""Providers of providers, and callers of callers, that are asked."""
_GIVING = frozenset({"add", "add_all", "merge"})
_DETACHING = frozenset({"expunge", "expunge_all", "make_transient", "make_transient_to_detached"})


@dataclass(frozen=True, slots=True)
class Belonging:
    """An entity and its session.  `statement` is the query that loaded it, where that is known; `seed` is the term of
    the session in the function that was asked about, if it has it; `through` are the other functions that had it.
    """

    kind: EntityKind
    session: Instance | ProjectInstance
    statement: Statement | None = None
    seed: Term | None = None
    through: tuple[ProjectFunction, ...] = ()


def belonging(
    evaluator: Evaluator, module: ModuleSummary, function: FunctionSummary, term: Term, depth: int = 0
) -> Belonging | None:
    """Whose the entity is that a term of a function stands for."""
    while isinstance(term, t.Declared | t.Star) and term.value is not None:
        term = term.value
    frame = evaluator.frame(module)
    kind = entity_of(evaluator.of(term, frame))
    if kind is None or depth > _DEEPEST or _calls(function, _DETACHING):
        return None
    for seed, session in _sessions(evaluator, frame, t.all_in([term])):
        if kind.is_loaded and comes_from(_tracker(evaluator, module, function, seed, session), term):
            return Belonging(kind, session, statement_of(evaluator.of(term, frame), term), seed)
    given = _given(evaluator, frame, function, term)
    if given is not None:
        return Belonging(replace(kind, is_loaded=False), given[1], None, given[0])
    return _arrived(evaluator, module, term, depth) if kind.is_loaded else None


def session_in(domain: Domain, body: Body, found: Belonging) -> Term | None:
    """The term of the entity's session in a function: what brought it, or what the request has from the same provider.

    None where the function does not have the session.
    """
    if found.seed is not None or found.session.provider is None:
        return found.seed
    wanted = (found.session.provider, found.session.scope)
    for parameter in domain.module.summary.functions[body.qualname].parameters:
        term = domain.module.executor.pool.make(t.Param, body.qualname, parameter.name)
        for value in alternatives(domain.value_of(term)):
            if isinstance(value, Instance) and (value.provider, value.scope) == wanted:
                return term
    return None


def _sessions(
    evaluator: Evaluator, frame: Frame, terms: Iterator[Term]
) -> Iterator[tuple[Term, Instance | ProjectInstance]]:
    for term in terms:
        if isinstance(term, t.Param | t.Enter | t.Element | t.Declared | t.Local):
            for each in alternatives(evaluator.of(term, frame)):
                if (
                    isinstance(each, Instance | ProjectInstance)
                    and each.origin in BORROWED
                    and evaluator.classes.is_a(each, Kind.SESSION, Kind.ASYNC_SESSION)
                ):
                    yield term, each


def _tracker(
    evaluator: Evaluator,
    module: ModuleSummary,
    function: FunctionSummary,
    seed: Term,
    session: Instance | ProjectInstance,
) -> Tracker:
    kind = evaluator.classes.library_type(session)
    assert kind is not None
    return Tracker(evaluator, module, function, kind, seed=seed)


def _calls(function: FunctionSummary, names: frozenset[str]) -> bool:
    return any(_method(act.value) in names for act in function.acts if act.deed is Deed.CALLED)


def _method(call: Term) -> str:
    match call:
        case t.Call(func=t.Attr(name=name)):
            return name
        case t.Call(func=t.Ref(path=path)):
            return path.rpartition(".")[2]
        case _:
            return ""


def _given(
    evaluator: Evaluator, frame: Frame, function: FunctionSummary, term: Term
) -> tuple[Term, Instance | ProjectInstance] | None:
    """The session to which a function adds an entity."""
    for act in function.acts:
        match act.value:
            case t.Call(func=t.Attr(base=base, name=name), args=args) if act.deed is Deed.CALLED and name in _GIVING:
                elements = [each for arg in args for each in _within(arg)]
                if term in elements:
                    found = next(_sessions(evaluator, frame, iter([base])), None)
                    if found is not None:
                        return found
            case _:
                pass
    return None


def _within(term: Term) -> Iterator[Term]:
    yield term
    if isinstance(term, t.Collection):
        yield from term.elements
    if isinstance(term, t.Declared) and term.value is not None:
        yield term.value


# --- what comes from outside of the function ---


def _arrived(evaluator: Evaluator, module: ModuleSummary, term: Term, depth: int) -> Belonging | None:
    """Whose an entity is that arrives in a parameter: by the provider, or by what callers pass."""
    key = term.key if isinstance(term, t.Item) else None
    root = term.value if isinstance(term, t.Item | t.Element) else term
    if not isinstance(root, t.Param):
        return None
    function = module.functions.get(root.function)
    if function is None:
        return None
    dependency = dependency_of(evaluator, function, root.name, evaluator.frame(module))
    if dependency is not None:
        found = [_provided(evaluator, provider, key, depth) for provider in alternatives(dependency.provider)]
        return found[0] if found and all(found) else None
    if isinstance(term, t.Item | t.Element):
        return None
    if entry_of(evaluator, module, function) is Entry.REQUEST:
        return None  # what FastAPI reads of the body
    for call in callers(evaluator, module, function):
        argument = call.arguments.get(root.name)
        if call.function is not None and argument is not None:
            passed = belonging(evaluator, call.module, call.function, argument, depth + 1)
            if passed is not None:
                return _through(passed, ProjectFunction(call.module.path, call.function.qualname))
    return None


def _provided(evaluator: Evaluator, provider: object, key: Term | None, depth: int) -> Belonging | None:
    """Whose an entity is that a provider gives: its part `key`, where it gives a tuple."""
    if not isinstance(provider, ProjectFunction):
        return None
    summary, module = evaluator.classes.function(provider), evaluator.project.summary_at(provider.path)
    if summary is None or module is None:
        return None
    frame = evaluator.frame(module)
    if any(row_of(evaluator, decorator, frame) is None for decorator in summary.decorators):
        return None
    found: Belonging | None = None
    for term in (*summary.yields, *summary.returns):
        for each in _ways(term):
            part = _part(each, key)
            if part is None:
                return None
            if isinstance(part, t.Const) and part.value is None:
                continue
            found = belonging(evaluator, module, summary, part, depth + 1)
            if found is None or found.session.origin is not Origin.PROVIDED:
                return None
    return _through(found, provider) if found is not None else None


def _through(found: Belonging, function: ProjectFunction) -> Belonging:
    return replace(found, seed=None, through=(*found.through, function))


def _ways(term: Term) -> Iterator[Term]:
    if isinstance(term, t.Join):
        for each in term.terms:
            yield from _ways(each)
    else:
        yield term


def _part(term: Term, key: Term | None) -> Term | None:
    if key is None:
        return term
    if isinstance(term, t.Collection) and isinstance(key, t.Const) and isinstance(key.value, int):
        return term.elements[key.value] if -len(term.elements) <= key.value < len(term.elements) else None
    return None
