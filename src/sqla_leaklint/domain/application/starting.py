"""What runs whenever a program starts: the bodies of its modules, its start-up handlers, and what these surely call.

    # app/tracing.py    def begin():                     the function in question
                            tracemalloc.start()
    # app/main.py       @asynccontextmanager
                        async def lifespan(app):         a start-up handler, up to its `yield`
                            begin()                      surely: no `if` round it, no `return` before it
                            yield
                        app = FastAPI(lifespan=lifespan)

A condition on the way is a switch, and ends it: a setting, an environment variable, an option of a command.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from sqla_leaklint.domain.application.callers import called_for, is_same, last_name, users
from sqla_leaklint.domain.application.endpoints import method_name
from sqla_leaklint.domain.application.program import is_of_program
from sqla_leaklint.domain.linking.decorators import decoration_of
from sqla_leaklint.domain.rows.loops import Loops
from sqla_leaklint.domain.values import ProjectFunction, alternatives
from sqla_leaklint.flow.exceptions import statements_within
from sqla_leaklint.knowledge.facts import Decoration, Kind
from sqla_leaklint.semantic import terms as t
from sqla_leaklint.semantic.body import Body
from sqla_leaklint.semantic.events import Deed, Event
from sqla_leaklint.semantic.summary import FunctionSummary, ModuleSummary
from sqla_leaklint.syntax import tree

if TYPE_CHECKING:
    from sqla_leaklint.domain.evaluation import Evaluator

_DEEPEST = 4
"""Callers of callers that are looked at."""

_LEAVING = (tree.Return, tree.Raise, tree.Break, tree.Continue)

NoSwitch: TypeAlias = Callable[[tree.Expr], bool]
"""Tells whether a condition holds at every start, so that it switches nothing."""


@dataclass(frozen=True, slots=True)
class Step:
    """A function, or the body of a module (None), on the way from the start of a program."""

    module: ModuleSummary
    function: FunctionSummary | None


def way_from_start(
    evaluator: Evaluator, module: ModuleSummary, body: Body, event: Event, no_switch: NoSwitch
) -> tuple[Step, ...] | None:
    """How every start of a program comes to a call of a body: what starts it first, that body last; None when it is not
    known to.
    """
    if not is_always_run(body, event, no_switch):
        return None
    return _way_to(evaluator, module, body, event, no_switch, ())


def runs_at_start(evaluator: Evaluator, module: ModuleSummary, body: Body) -> bool:
    """Whether every start of a program runs a function, or the body of a module."""
    if isinstance(body.node, tree.Module):
        return is_of_program(evaluator, module)
    function = module.functions.get(body.qualname)
    if function is None:
        return False
    return starts_application(evaluator, module, function) or any(
        is_always_run(caller, call) and _way_to(evaluator, user, caller, call, never, ()) is not None
        for user, caller, call in _calls_of(evaluator, module, function)
    )


def _way_to(
    evaluator: Evaluator, module: ModuleSummary, body: Body, event: Event, no_switch: NoSwitch, seen: tuple[str, ...]
) -> tuple[Step, ...] | None:
    if isinstance(body.node, tree.Module):
        return (Step(module, None),) if is_of_program(evaluator, module) else None
    function = module.functions.get(body.qualname)
    key = f"{module.path}:{body.qualname}"
    if function is None or not isinstance(body.node, tree.Function) or key in seen or len(seen) >= _DEEPEST:
        return None
    here = Step(module, function)
    if function.is_generator and any(
        each.deed is Deed.YIELDED and body.events.index(each) < body.events.index(event) for each in body.events
    ):
        return None  # what follows the `yield` of a lifespan runs at the end
    if starts_application(evaluator, module, function):
        return (here,)
    if function.is_generator:
        return None
    for user, caller, call in _calls_of(evaluator, module, function):
        if is_always_run(caller, call, no_switch):
            way = _way_to(evaluator, user, caller, call, no_switch, (*seen, key))
            if way is not None:
                return (*way, here)
    return None


def _calls_of(
    evaluator: Evaluator, module: ModuleSummary, function: FunctionSummary
) -> Iterator[tuple[ModuleSummary, Body, Event]]:
    """The calls of a function, or of the class whose `__init__` it is, with the bodies that make them."""
    wanted, name = called_for(module, function)
    for user in users(evaluator, module, name):
        parsed = evaluator.project.module_at(user.path)
        if parsed is None:
            continue
        frame = evaluator.frame(parsed.summary)
        for body in parsed.executor.bodies.values():
            for event in body.events:
                if event.deed is not Deed.CALLED or last_name(event.call.func) != name:
                    continue
                if any(is_same(value, wanted) for value in alternatives(evaluator.of(event.call.func, frame))):
                    yield parsed.summary, body, event


# --- what starts an application ---------------------------------------------------------------------------------------


def starts_application(evaluator: Evaluator, module: ModuleSummary, function: FunctionSummary) -> bool:
    """Whether an application runs a function when it starts, or is made by it."""
    frame = evaluator.frame(module)
    for decorator in function.decorators:
        if isinstance(decorator, t.Call) and decoration_of(evaluator, decorator, frame) is Decoration.LIFECYCLE:
            return _is_start_up(decorator.args[:1])
    if function.owner is None and any(
        evaluator.classes.is_a(value, Kind.APPLICATION)
        for term in function.returns
        for value in alternatives(evaluator.of(term, frame))
    ):
        return True
    return any(True for _ in _registrations(evaluator, module, function))


def _is_start_up(args: tuple[t.Term, ...]) -> bool:
    return any(isinstance(each, t.Const) and each.value == "startup" for each in args)


def _registrations(evaluator: Evaluator, module: ModuleSummary, function: FunctionSummary) -> Iterator[t.Call]:
    """`FastAPI(lifespan=…)`, `FastAPI(on_startup=[…])`, `app.add_event_handler("startup", …)`."""
    wanted = ProjectFunction(module.path, function.qualname)
    for user in users(evaluator, module, function.name):
        frame = evaluator.frame(user)
        for _, act in user.mentions():
            call = act.value
            if act.deed is not Deed.CALLED or not isinstance(call, t.Call):
                continue
            given = [value for name, value in call.keywords if name in {"lifespan", "on_startup"}]
            if method_name(call.func) == "add_event_handler" and _is_start_up(call.args[:1]):
                given.extend(call.args[1:2])
            parts = [part for each in given for part in (each.elements if isinstance(each, t.Collection) else (each,))]
            if any(
                is_same(value, wanted)
                for part in parts
                if last_name(part) == function.name
                for value in alternatives(evaluator.of(part, frame))
            ):
                yield call


# --- conditions -------------------------------------------------------------------------------------------------------


def never(_: tree.Expr) -> bool:
    """Every condition is a switch."""
    return False


def is_always_run(body: Body, event: Event, no_switch: NoSwitch = never) -> bool:
    """Whether whoever runs a body runs that call: a statement of its own, under no condition, before no way out."""
    stmt = event.stmt
    if stmt is None or not isinstance(body.node, tree.Function | tree.Module) or not _is_whole(stmt, event.node):
        return False
    outermost = stmt
    for parent, block, inner in Loops(body).ancestors(stmt):
        if not _runs(parent, block, no_switch) or _is_left_before(block, inner, no_switch):
            return False
        outermost = parent
    return not _is_left_before(body.node.body, outermost, no_switch)


def _is_whole(stmt: tree.Stmt, node: tree.Node) -> bool:
    match stmt:
        case tree.ExprStmt(value=value) | tree.Assign(value=value) | tree.Return(value=value):
            return value is node or (isinstance(value, tree.Await) and value.value is node)
        case _:
            return False


def _runs(parent: tree.Stmt, block: tree.Block, no_switch: NoSwitch) -> bool:
    match parent:
        case tree.With():
            return True
        case tree.Try():
            return block is parent.body or block is parent.orelse or block is parent.finalbody
        case tree.If():
            return block is parent.body and no_switch(parent.test)
        case _:
            return False


def _is_left_before(block: tree.Block, stmt: tree.Stmt, no_switch: NoSwitch) -> bool:
    """Whether a statement of a block before that one may leave it."""
    for before in block:
        if before is stmt:
            return False
        if isinstance(before, tree.If) and no_switch(before.test):
            continue
        if any(isinstance(each, _LEAVING) for each in statements_within((before,))):
            return True
    return False


def is_defined_always(body: Body) -> bool:
    """Whether a function is defined under no condition, which would switch between it and another, or nothing."""
    inner = body
    while inner.parent is not None:
        outer = inner.parent
        if not isinstance(inner.node, tree.Function | tree.Class):
            return False
        if any(isinstance(parent, tree.If | tree.Match) for parent, _, _ in Loops(outer).ancestors(inner.node)):
            return False
        inner = outer
    return True
