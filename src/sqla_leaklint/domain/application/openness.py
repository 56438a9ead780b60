"""Whether anybody may call an endpoint: no dependency, router, application or middleware on the way may refuse.

    # app/debug.py    router = APIRouter()
                      @router.get("/heap")                     the endpoint's own dependencies: parameters, decorator
                      def heap(): …
    # app/api.py      api = APIRouter()
                      api.include_router(debug.router)         those of the router, and of this call
    # app/main.py     app = FastAPI()
                      app.include_router(api, prefix="/api")   those of `api`, of this call, of the application

A router is the call that makes it.  One that is included under a condition, or nowhere that is known, is not open.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqla_leaklint.domain.application.endpoints import method_name
from sqla_leaklint.domain.application.refusing import depends_on_refusal, may_be_stopped_before, refusing_keyword
from sqla_leaklint.domain.application.starting import is_always_run, is_defined_always, runs_at_start
from sqla_leaklint.domain.linking.decorators import decoration_of
from sqla_leaklint.domain.values import alternatives
from sqla_leaklint.knowledge.facts import Decoration, Kind
from sqla_leaklint.semantic import terms as t
from sqla_leaklint.semantic.body import Body
from sqla_leaklint.semantic.events import Deed
from sqla_leaklint.semantic.project import Module, binding
from sqla_leaklint.semantic.summary import ModuleSummary

if TYPE_CHECKING:
    from sqla_leaklint.domain.evaluation import Evaluator

_MOST_REEXPORTS = 6
_INCLUDES = "include_router"


@dataclass(frozen=True, slots=True)
class Maker:
    """The call that makes a router or application: its module, and which call of it."""

    module: ModuleSummary
    call: t.Call

    @property
    def key(self) -> tuple[str, int]:
        """The same for every execution of the module's text."""
        return self.module.path, self.call.site


def open_route(evaluator: Evaluator, module: Module, body: Body) -> t.Call | None:
    """The decorator by which an endpoint can be called by anybody; None where something may refuse, or is not known."""
    frame = evaluator.frame(module.summary)
    function = module.summary.functions.get(body.qualname)
    routes = [term for term in body.decorators if _is_route(evaluator, module.summary, term)]
    if function is None or not routes or len(routes) < len(body.decorators) or not is_defined_always(body):
        return None
    if depends_on_refusal(evaluator, function, frame):
        return None
    parent = body.parent
    if parent is not None and parent.is_function and not runs_at_start(evaluator, module.summary, parent):
        return None
    for route in routes:
        if not isinstance(route, t.Call) or refusing_keyword(evaluator, route, frame):
            continue
        maker = _maker(evaluator, module.summary, _receiver(route.func))
        if maker is not None and _is_open(evaluator, maker, frozenset()):
            return None if may_be_stopped_before(evaluator, module.summary) else route
    return None


def _is_route(evaluator: Evaluator, module: ModuleSummary, term: t.Term) -> bool:
    return decoration_of(evaluator, term, evaluator.frame(module)) is Decoration.ENDPOINT


def _receiver(func: t.Term) -> t.Term | None:
    match func:
        case t.Attr():
            return func.base
        case t.Ref():
            return t.Ref(func.path.rpartition(".")[0])
        case _:
            return None


def _maker(evaluator: Evaluator, module: ModuleSummary, term: t.Term | None) -> Maker | None:
    """The call that makes what a term names, through imports and assignments."""
    for _ in range(_MOST_REEXPORTS):
        match term:
            case t.Declared():
                term = term.value
            case t.Call():
                return Maker(module, term)
            case t.Ref():
                target = evaluator.project.resolve(term.path, module)
                if target is None or len(target[1]) != 1:
                    return None
                found = binding(evaluator.project, target[0], target[1][0])
                if found is None:
                    return None
                module, term = found
            case _:
                return None
    return None


def _is_open(evaluator: Evaluator, maker: Maker, seen: frozenset[tuple[str, int]]) -> bool:
    """Whether requests come to a router, or an application, past nothing that may refuse."""
    frame = evaluator.frame(maker.module)
    if maker.key in seen or refusing_keyword(evaluator, maker.call, frame):
        return False
    values = alternatives(evaluator.of(maker.call, frame))
    if any(evaluator.classes.is_a(value, Kind.APPLICATION) for value in values):
        return True
    if not any(evaluator.classes.is_a(value, Kind.ROUTER) for value in values):
        return False
    return any(
        parent is not None and _is_open(evaluator, parent, seen | {maker.key})
        for parent in _open_parents(evaluator, maker)
    )


def _open_parents(evaluator: Evaluator, maker: Maker) -> Iterator[Maker | None]:
    """What includes a router, by a call that every start makes and that adds nothing that may refuse."""
    for module in _including_modules(evaluator, maker):
        frame = evaluator.frame(module.summary)
        for body in module.executor.bodies.values():
            for event in body.events:
                if event.deed is not Deed.CALLED or method_name(event.call.func) != _INCLUDES:
                    continue
                call = event.call
                given = call.args[0] if call.args else call.keyword("router")
                child = _maker(evaluator, module.summary, given)
                if child is None or child.key != maker.key or refusing_keyword(evaluator, call, frame):
                    continue
                if is_always_run(body, event) and runs_at_start(evaluator, module.summary, body):
                    yield _maker(evaluator, module.summary, _receiver(call.func))


def _including_modules(evaluator: Evaluator, maker: Maker) -> Iterator[Module]:
    project = evaluator.project
    if project.root is None:
        found = project.module_at(maker.module.path)
        if found is not None:
            yield found
        return
    for user in project.mentioning(_INCLUDES, and_tests=False):
        module = project.module_at(user.path)
        if module is not None:
            yield module
