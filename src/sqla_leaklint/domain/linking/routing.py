"""How a decorator makes an endpoint: itself, or as a decorator of the project that registers what stands below it.

    def protected(method, path, **more):
        def decorator(function):
            return method(path, dependencies=[Security(user)], **more)(checked(function))
        return decorator

    @protected(router.get, "/", tags=["x"])     # as `@router.get("/", dependencies=[Security(user)], tags=["x"])`
    def read(db: Session = Depends(get_db)): …

The call that registers is written out in terms of the function below, so that whoever asks for its router, its path or
its dependencies finds them as in any other route.  In the place of the function a wrapper may be registered: one that
is known to `functools.wraps`, so that FastAPI injects what the function asks for, and that hands through all that it
is given.  Of any other nothing is known.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqla_leaklint.domain.linking.inlining import Inlining
from sqla_leaklint.domain.memo import Memo
from sqla_leaklint.domain.values import BoundMethod, ProjectFunction, alternatives
from sqla_leaklint.knowledge.facts import Decoration
from sqla_leaklint.semantic import terms as t
from sqla_leaklint.semantic.events import Deed
from sqla_leaklint.semantic.questions import receiver_of
from sqla_leaklint.semantic.summary import Act, FunctionSummary, ModuleSummary

if TYPE_CHECKING:
    from sqla_leaklint.domain.evaluation import Evaluator, Frame

ROUTES = frozenset({Decoration.ENDPOINT, Decoration.WEBSOCKET_ENDPOINT})
_AS_DECORATOR = {"add_api_route": "api_route", "add_api_websocket_route": "websocket"}
"""Methods that register a function, and the decorators that do the same."""
_WRAPS = "functools.wraps"
_LOOKING = frozenset({"inspect.signature", "inspect.iscoroutinefunction", "asyncio.iscoroutinefunction", _WRAPS})
_IN_PLACE = frozenset({Deed.STORED_ITEM, Deed.DELETED_ITEM, Deed.AUGMENTED})
_CHANGES = frozenset({"update", "setdefault", "pop", "popitem", "clear"})


@dataclass(frozen=True, slots=True, eq=False)
class Route:
    """How a function is made an endpoint: the call that does, as it would stand above the function.

    `is_bare`: it is the function itself that the route calls, and nothing else is done with it.  `is_answer`: what it
    returns is what the route answers, by keywords that are all known.
    """

    decoration: Decoration
    call: t.Call
    is_bare: bool = True
    is_answer: bool = True


_KNOWN: Memo[Evaluator, dict[tuple[str, t.Term], Route | None]] = Memo(lambda _: {})


def own_route(
    evaluator: Evaluator, decorator: t.Term, function: ProjectFunction, module: ModuleSummary
) -> Route | None:
    """The route that a decorator of the project makes of what stands below it in a module; None if it makes none."""
    known = _KNOWN.of(evaluator)
    key = (module.path, decorator)
    if key not in known:
        known[key] = None  # a decorator that registers by itself
        known[key] = next(_routes(evaluator, decorator, function, evaluator.frame(module)), None)
    return known[key]


def _routes(evaluator: Evaluator, decorator: t.Term, function: ProjectFunction, frame: Frame) -> Iterator[Route]:
    summary = evaluator.classes.function(function)
    module = evaluator.project.summary_at(function.path)
    if summary is None or module is None or summary.is_async or summary.is_generator:
        return
    applied = decorator.func if isinstance(decorator, t.Call) else decorator
    receiver = receiver_of(applied) if function.receiver is not None else None
    if function.receiver is not None and receiver is None:
        return
    first = (receiver,) if receiver is not None else ()
    if not isinstance(decorator, t.Call):  # it is given the function itself
        yield from _registering(evaluator, module, summary, len(first), Inlining(module, summary, first, ()), frame)
        return
    written = Inlining(module, summary, (*first, *decorator.args), decorator.keywords)
    for returned in (part for each in summary.returns for part in t.ways(each)):
        match returned:
            case t.FunctionRef(qualname=qualname) if qualname in module.functions:
                yield from _registering(evaluator, module, module.functions[qualname], 0, written, frame)
            case t.Call():
                yield from _route(evaluator, written.of(returned), frame, is_bare=True)
            case _:
                pass


def _registering(
    evaluator: Evaluator, module: ModuleSummary, inner: FunctionSummary, place: int, written: Inlining, frame: Frame
) -> Iterator[Route]:
    """The routes for what a function of one parameter, the one at that place, is given."""
    if len(inner.parameters) != place + 1:
        return
    parameter = inner.parameters[place].name
    for act in inner.acts:
        if act.deed is not Deed.CALLED or not isinstance(act.value, t.Call):
            continue
        for call, given in _registrations(act.value):
            handed = _handed(evaluator, module, given, (inner.qualname, parameter))
            if handed is not None:
                is_bare = handed and _is_all(inner, parameter, act)
                yield from _route(evaluator, written.of(call), frame, is_bare=is_bare)


def _registrations(call: t.Call) -> Iterator[tuple[t.Call, t.Term]]:
    """The decorators that a call can be the application of, and what they are applied to."""
    func = call.func
    if isinstance(func, t.Call) and len(call.args) == 1 and not call.keywords:
        yield func, call.args[0]
    if isinstance(func, t.Attr) and func.name in _AS_DECORATOR:
        receiver, name = func.base, func.name
    elif isinstance(func, t.Ref) and func.path.rpartition(".")[2] in _AS_DECORATOR:
        receiver, name = t.Ref(func.path.rpartition(".")[0]), func.path.rpartition(".")[2]
    else:
        return
    route = t.Attr(receiver, _AS_DECORATOR[name])
    if len(call.args) > 1:
        yield t.Call(route, (call.args[0], *call.args[2:]), call.keywords, call.site), call.args[1]
    elif (endpoint := call.keyword("endpoint")) is not None:
        others = tuple((key, value) for key, value in call.keywords if key != "endpoint")
        yield t.Call(route, call.args, others, call.site), endpoint


def _route(evaluator: Evaluator, call: t.Term, frame: Frame, *, is_bare: bool) -> Iterator[Route]:
    if not isinstance(call, t.Call):
        return
    for value in alternatives(evaluator.of(call.func, frame)):
        owner = evaluator.classes.library_type(value.receiver) if isinstance(value, BoundMethod) else None
        if owner is None or not isinstance(value, BoundMethod):
            continue
        row = evaluator.knowledge.decorator_method(owner, value.name)
        if row is not None and row.decoration in ROUTES:
            is_known = not any(isinstance(each, t.Star) for each in call.args)
            yield Route(row.decoration, call, is_bare, is_answer=is_bare and is_known)


# --- what is registered: the function, or a wrapper of it ------------------------------------------------------------

_Wrapped = tuple[str, str]
"""The parameter that is the function below a decorator: of which function, and its name."""


def _handed(evaluator: Evaluator, module: ModuleSummary, given: t.Term, wrapped: _Wrapped) -> bool | None:
    """Whether a term is the function below; False for a wrapper that hands its arguments through, None if it may be
    anything else.
    """
    found = [_handed_on_way(evaluator, module, way, wrapped) for way in t.ways(given)]
    return None if None in found or not found else all(found)


def _handed_on_way(evaluator: Evaluator, module: ModuleSummary, given: t.Term, wrapped: _Wrapped) -> bool | None:
    match given:
        case t.Param(function=function, name=name):
            return True if (function, name) == wrapped else None
        case t.FunctionRef(qualname=qualname) if qualname in module.functions:
            return False if _is_faithful(module.functions[qualname], wrapped) else None
        case t.Call(func=func, args=(inner,), keywords=()):
            if _handed(evaluator, module, inner, wrapped) is None:
                return None
            makers = alternatives(evaluator.of(func, evaluator.frame(module)))
            return False if all(_wraps(evaluator, maker) for maker in makers) else None
        case _:
            return None


def _wraps(evaluator: Evaluator, maker: object) -> bool:
    """Whether a decorator makes wrappers alone that hand their arguments through, or leaves the function as it is."""
    if not isinstance(maker, ProjectFunction) or maker.receiver is not None:
        return False
    summary, module = evaluator.classes.function(maker), evaluator.project.summary_at(maker.path)
    if summary is None or module is None or not summary.parameters or not summary.returns:
        return False
    wrapped = (summary.qualname, summary.parameters[0].name)
    return all(_handed(evaluator, module, returned, wrapped) is not None for returned in summary.returns)


def _is_faithful(wrapper: FunctionSummary, wrapped: _Wrapped) -> bool:
    """Whether a wrapper shows the signature of the function below, calls it with what it is given and no more, and
    returns what it returns.
    """
    shown = [
        isinstance(each, t.Call) and isinstance(each.func, t.Ref) and each.func.path == _WRAPS and len(each.args) == 1
        for each in wrapper.decorators
    ]
    if shown != [True] or not _is_it(_first(wrapper.decorators[0]), wrapped):
        return False
    calls = [act.value for act in wrapper.acts if isinstance(act.value, t.Call) and _is_it(act.value.func, wrapped)]
    results = {_unawaited(way) for returned in wrapper.returns for way in t.ways(returned)}
    is_run_here = bool(calls) and results.issuperset(calls)  # and not by what it is handed to, in a thread
    return is_run_here and all(_hands_through(call, wrapper) for call in calls) and not _changes(wrapper)


def _unawaited(term: t.Term) -> t.Term:
    return term.value if isinstance(term, t.Await) else term


def _first(decorator: t.Term) -> t.Term | None:
    return decorator.args[0] if isinstance(decorator, t.Call) and decorator.args else None


def _hands_through(call: t.Call, wrapper: FunctionSummary) -> bool:
    given = [each.value if isinstance(each, t.Star) else each for each in call.args]
    same = all(isinstance(each, t.Param) and each.function == wrapper.qualname for each in given)
    names = {each.name for each in given if isinstance(each, t.Param)}
    for name, value in call.keywords:
        if not _is_it(value, (wrapper.qualname, name)):
            return False
        names.add(name)
    return same and names == {each.name for each in wrapper.parameters}


def _changes(wrapper: FunctionSummary) -> bool:
    """Whether a wrapper puts something in what it is given, or takes something out."""

    def is_given(term: t.Term | None) -> bool:
        return isinstance(term, t.Param) and term.function == wrapper.qualname

    for act in wrapper.acts:
        if act.deed in _IN_PLACE and is_given(act.base):
            return True
        match act.value:
            case t.Call(func=t.Attr(base=base, name=name)) if name in _CHANGES and is_given(base):
                return True
            case _:
                pass
    return False


def _is_it(term: t.Term | None, parameter: _Wrapped) -> bool:
    return isinstance(term, t.Param) and (term.function, term.name) == parameter


def _is_all(inner: FunctionSummary, parameter: str, registration: Act) -> bool:
    """Whether a decorator does nothing with the function below but to register it, and to return it."""
    wrapped = (inner.qualname, parameter)
    for act in inner.acts:
        if act is registration:
            continue
        match act.value:
            case t.Call(func=t.Ref(path=path)) if path in _LOOKING:
                continue
            case _ if any(_is_it(part, wrapped) for part in t.all_in((act.value,))):
                return False
            case _:
                pass
    return all(
        _is_it(part, wrapped) or part is registration.value for returned in inner.returns for part in t.ways(returned)
    )
