"""What the way to an endpoint adds to its dependencies: decorators, routers, applications, and `include_router`.

app = FastAPI(dependencies=[Depends(a)])
router = APIRouter(dependencies=[Depends(b)])
app.include_router(router, dependencies=[Depends(c)])

@router.get("/", dependencies=[Depends(d)])            # depends on a, c, b and d
def read(): …
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from sqla_leaklint.domain.application.callers import last_name
from sqla_leaklint.domain.application.endpoints import REGISTERED_BY, method_name
from sqla_leaklint.domain.linking.attached import place_of_term
from sqla_leaklint.domain.linking.decorators import route_of
from sqla_leaklint.domain.linking.routing import ROUTES
from sqla_leaklint.domain.memo import Memo
from sqla_leaklint.domain.values import Dependency, ProjectFunction, alternatives
from sqla_leaklint.knowledge.facts import Decoration
from sqla_leaklint.semantic import terms as t
from sqla_leaklint.semantic.events import Deed
from sqla_leaklint.semantic.project import binding
from sqla_leaklint.semantic.questions import receiver_of
from sqla_leaklint.semantic.summary import FunctionSummary, ModuleSummary

if TYPE_CHECKING:
    from sqla_leaklint.domain.evaluation import Evaluator

_INCLUDING = "include_router"
_DEEPEST = 5
"""Routers inside of routers."""

_Place = tuple[str, str]


def routes_of(
    evaluator: Evaluator, module: ModuleSummary, function: FunctionSummary
) -> Iterator[tuple[Decoration, t.Call, ModuleSummary]]:
    """How a function is made an endpoint of FastAPI's: by which call (of a decorator, or one that registers it), in
    which module.
    """
    frame = evaluator.frame(module)
    for decorator in function.decorators:
        route = route_of(evaluator, decorator, frame)
        if route is not None:
            yield route.decoration, route.call, module
    if function.owner is not None or function.scope is not None:
        return
    wanted = ProjectFunction(module.path, function.qualname)
    for user, call in _registering(evaluator):
        given = (*call.args, *(value for _, value in call.keywords))
        named = [each for each in given if last_name(each) == function.name]
        if any(evaluator.of(each, evaluator.frame(user)) == wanted for each in named):
            decoration = REGISTERED_BY[method_name(call.func)]
            if decoration in ROUTES:
                yield decoration, call, user


def added_by_routes(evaluator: Evaluator, module: ModuleSummary, function: FunctionSummary) -> Iterator[Dependency]:
    """The dependencies that an endpoint has without a parameter; of several routes, those of the first."""
    route = next(routes_of(evaluator, module, function), None)
    if route is None:
        return
    _, call, user = route
    yield from _written(evaluator, call, user)
    yield from _of_router(evaluator, receiver_of(call.func), user, 0)


def _of_router(evaluator: Evaluator, router: t.Term | None, module: ModuleSummary, depth: int) -> Iterator[Dependency]:
    """The dependencies of a router or application, and of those that include it."""
    place = place_of_term(evaluator, router, module) if router is not None and depth <= _DEEPEST else None
    if place is None:
        return
    owner, name = place
    found = binding(evaluator.project, owner, name)
    made = found[1].value if found is not None and isinstance(found[1], t.Declared) else found[1] if found else None
    if isinstance(made, t.Call):
        yield from _written(evaluator, made, owner)
    for user, call in _inclusions(evaluator, place):
        yield from _written(evaluator, call, user)
        yield from _of_router(evaluator, receiver_of(call.func), user, depth + 1)
        break  # of a router that is included more than once, one route is as good as another


def _written(evaluator: Evaluator, call: t.Call, module: ModuleSummary) -> Iterator[Dependency]:
    """The `dependencies=[…]` of a call."""
    given = call.keyword("dependencies")
    elements = given.elements if isinstance(given, t.Collection) else ()
    for element in elements:
        for value in alternatives(evaluator.of(element, evaluator.frame(module))):
            if isinstance(value, Dependency):
                yield value


# --- what the project registers and includes ---


def _calls(evaluator: Evaluator, words: tuple[str, ...]) -> tuple[tuple[ModuleSummary, t.Call], ...]:
    found: dict[tuple[str, int], tuple[ModuleSummary, t.Call]] = {}
    for word in words:
        for user in evaluator.project.mentioning(word, and_tests=False):
            for _, act in user.mentions():
                if act.deed is Deed.CALLED and isinstance(act.value, t.Call) and method_name(act.value.func) in words:
                    found[user.path, act.value.site] = user, act.value
    return tuple(found.values())


_REGISTERING: Memo[Evaluator, tuple[tuple[ModuleSummary, t.Call], ...]] = Memo(
    lambda evaluator: _calls(evaluator, tuple(REGISTERED_BY))
)


def _registering(evaluator: Evaluator) -> tuple[tuple[ModuleSummary, t.Call], ...]:
    return _REGISTERING.of(evaluator)


def _by_place(evaluator: Evaluator) -> dict[_Place, list[tuple[ModuleSummary, t.Call]]]:
    found: dict[_Place, list[tuple[ModuleSummary, t.Call]]] = {}
    for user, call in _calls(evaluator, (_INCLUDING,)):
        router = call.args[0] if call.args else call.keyword("router")
        place = place_of_term(evaluator, router, user) if router is not None else None
        if place is not None:
            found.setdefault((place[0].path, place[1]), []).append((user, call))
    return found


_INCLUDED: Memo[Evaluator, dict[_Place, list[tuple[ModuleSummary, t.Call]]]] = Memo(_by_place)


def _inclusions(evaluator: Evaluator, place: tuple[ModuleSummary, str]) -> list[tuple[ModuleSummary, t.Call]]:
    """The calls of the project that include a router."""
    return _INCLUDED.of(evaluator).get((place[0].path, place[1]), [])
