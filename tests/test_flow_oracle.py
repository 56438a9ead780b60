"""The control-flow graph against the interpreter, in both directions.

Programs are generated in which every event has a number: `t(3)` is a call, `c(4)` a condition, `cm(5)` a context …  A
script decides each event's outcome: it succeeds, is true, raises, is cancelled.  Outcomes determine the whole run, so

- a run under random outcomes must be a path of the graph, outcome for edge (the graph misses nothing), and
- a random path of the graph, read as a script, must be what the interpreter then does (the graph invents nothing).
"""

from __future__ import annotations

import asyncio
import random
import sys
import textwrap
import warnings
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import libcst as cst
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sqla_leaklint.flow import Completion, Edge, EdgeKind, Graph, Step, StepKind, build_cfg
from sqla_leaklint.flow.evaluation import evaluated_by, subexpressions
from sqla_leaklint.syntax import tree
from sqla_leaklint.syntax.parse import parse_source
from sqla_leaklint.syntax.source import decode_source

EVENT_LIMIT = 60

# --- programs ---------------------------------------------------------------------------------------------------------


class Flavour(NamedTuple):
    is_async: bool
    is_generator: bool


class Place(NamedTuple):
    """Where a statement is generated."""

    depth: int
    in_loop: bool
    in_handler: str | None  # "" in a handler that gives no name
    in_star: bool = False


class Program:
    """Writes a random function; `rng` decides everything."""

    def __init__(self, rng: random.Random, flavour: Flavour, *, with_groups: bool) -> None:
        self.rng = rng
        self.flavour = flavour
        self.with_groups = with_groups
        self.numbers = 0

    def text(self) -> str:
        body = self.block(Place(0, False, None))
        head = "async def f():" if self.flavour.is_async else "def f():"
        tail = ["if False:", "    yield 0"] if self.flavour.is_generator else []
        return "\n".join([head, *textwrap.indent("\n".join([*body, *tail]), "    ").split("\n"), ""])

    def number(self) -> int:
        self.numbers += 1
        return self.numbers

    def block(self, place: Place, *first: str) -> list[str]:
        lines = list(first)
        for _ in range(self.rng.choice((1, 1, 2, 2, 3) if place.depth else (2, 3, 4))):
            lines += self.statement(place)
        return lines

    def statement(self, place: Place) -> list[str]:
        compound = [self.if_, self.while_, self.for_, self.with_, self.try_, self.try_, self.try_, self.match_]
        if place.depth < 4 and self.numbers < 25 and self.rng.random() < 0.55:
            return self.rng.choice(compound)(place)
        return [self.simple(place)]

    def simple(self, place: Place) -> str:
        choices = [f"t({self.number()})"] * 5
        choices += [f"assert {self.condition()}", "raise Fault()", "raise", "pass", "x = 1"]
        if not place.in_star:
            choices += ["return"] if self.is_async_generator else ["return", f"return t({self.number()})"]
            choices += ["break", "continue", "break"] if place.in_loop else []
        if place.in_handler is not None:
            choices += ["raise"] * 2 + ([f"raise {place.in_handler}"] * 2 if place.in_handler else [])
        if not self.with_groups:
            choices += ["raise CancelledError()", "raise SystemExit()"]
        if self.flavour.is_async:
            a, b, c = self.number(), self.number(), self.number()
            choices += [
                f"await a({a})",
                f"x = c({a}) and await a({b})",
                f"x = await a({a}) if c({b}) else await a({c})",
                f"x = c({a}) or (1, await a({b}))",
                f"x = [await a({a}) async for _ in ait({b}) if c({c})]",
                f"x = {{1 for _ in it({a}) for _ in ait({b}) if await a({c})}}".replace(
                    "for _ in a", "async for _ in a"
                ),
                f"assert await a({a})",
            ]
        if self.flavour.is_generator:
            choices += [f"yield {self.number()}", f"x = (yield {self.number()})"] * 2
        return self.rng.choice(choices)

    @property
    def is_async_generator(self) -> bool:
        return self.flavour == Flavour(True, True)

    def condition(self, depth: int = 0) -> str:
        match self.rng.randrange(8 if depth < 2 else 4):
            case 4:
                return f"({self.condition(depth + 1)} and {self.condition(depth + 1)})"
            case 5:
                return f"({self.condition(depth + 1)} or {self.condition(depth + 1)} or {self.condition(depth + 1)})"
            case 6:
                return f"(not {self.condition(depth + 1)})"
            case 7:
                return f"({self.condition(3)} if {self.condition(3)} else {self.condition(3)})"
            case _:
                return f"c({self.number()})"

    def if_(self, place: Place) -> list[str]:
        inner = place._replace(depth=place.depth + 1)
        lines = [f"if {self.condition()}:", *indented(self.block(inner))]
        for _ in range(self.rng.choice((0, 0, 1, 2))):
            lines += [f"elif {self.condition()}:", *indented(self.block(inner))]
        return lines + (["else:", *indented(self.block(inner))] if self.rng.random() < 0.5 else [])

    def while_(self, place: Place) -> list[str]:
        inner = place._replace(depth=place.depth + 1, in_loop=not place.in_star)
        if self.rng.random() < 0.3 and not place.in_star:
            # `b` is true as soon as the run has become too long.
            return ["while True:", *indented(self.block(inner, f"if b({self.number()}):", "    break"))]
        return [f"while w({self.number()}):", *indented(self.block(inner)), *self.loop_else(place)]

    def for_(self, place: Place) -> list[str]:
        inner = place._replace(depth=place.depth + 1, in_loop=not place.in_star)
        head = f"for _ in it({self.number()}):"
        if self.flavour.is_async and self.rng.random() < 0.5:
            head = f"async for _ in ait({self.number()}):"
        return [head, *indented(self.block(inner)), *self.loop_else(place)]

    def loop_else(self, place: Place) -> list[str]:
        inner = place._replace(depth=place.depth + 1)
        return ["else:", *indented(self.block(inner))] if self.rng.random() < 0.3 else []

    def with_(self, place: Place) -> list[str]:
        inner = place._replace(depth=place.depth + 1)
        names, keyword = (
            (("acm", "acms"), "async with")
            if self.flavour.is_async and self.rng.random() < 0.5
            else (
                ("cm", "cms"),
                "with",
            )
        )
        items = [f"{self.rng.choice(names)}({self.number()})" for _ in range(self.rng.choice((1, 1, 2)))]
        return [f"{keyword} {', '.join(items)}:", *indented(self.block(inner))]

    def try_(self, place: Place) -> list[str]:
        inner = place._replace(depth=place.depth + 1)
        lines = ["try:", *indented(self.block(inner, f"t({self.number()})"))]
        has_finally = self.rng.random() < 0.6
        if not has_finally or self.rng.random() < 0.5:
            is_star = self.with_groups and self.rng.random() < 0.5
            lines += self.handlers(inner, is_star=is_star)
            if self.rng.random() < 0.3:
                lines += ["else:", *indented(self.block(inner))]
        if has_finally:
            lines += ["finally:", *indented(self.block(inner))]
        return lines

    def handlers(self, inner: Place, *, is_star: bool) -> Iterator[str]:
        types = ["e", "e", "Exception"] if is_star else ["e", "e", "Exception", "BaseException", "bare"]
        types += [] if self.with_groups else ["CancelledError", "GeneratorExit", "(GeneratorExit, Exception)"]
        for _ in range(self.rng.choice((1, 1, 2, 3))):
            type_ = self.rng.choice(types)
            name = self.rng.choice(("", "", f"err{self.number()}"))
            if type_ == "bare":
                yield "except:"
                yield from indented(self.block(inner._replace(in_handler="")))
                return
            type_ = f"e({self.number()})" if type_ == "e" else type_
            yield f"except{'*' if is_star else ''} {type_}{f' as {name}' if name else ''}:"
            in_star = inner.in_star or is_star
            place = Place(inner.depth, inner.in_loop and not in_star, name, in_star)
            yield from indented(self.block(place))

    def match_(self, place: Place) -> list[str]:
        inner = place._replace(depth=place.depth + 1)
        lines = [f"match t({self.number()}):"]
        for _ in range(self.rng.choice((1, 2, 3))):
            guard = f" if {self.condition()}" if self.rng.random() < 0.4 else ""
            lines += indented([f"case m.p{self.number()}(){guard}:", *indented(self.block(inner))])
        return lines + (indented(["case _:", *indented(self.block(inner))]) if self.rng.random() < 0.4 else [])


def indented(lines: list[str]) -> list[str]:
    return ["    " + line for line in lines]


# --- running a program ------------------------------------------------------------------------------------------------


class Event(NamedTuple):
    number: int
    outcome: str


class Fault(Exception):  # noqa: N818  # as short as the programs
    """What goes wrong in the programs."""


class Nothing(BaseException):
    """Never raised, so that a handler for it takes nothing."""


FAILURES: dict[str, type[BaseException]] = {
    "raise": Fault,
    "cancel": asyncio.CancelledError,
    "close": GeneratorExit,
}

Decide = Callable[[int, "tuple[str, ...]", str], str]
"""Choose the outcome of an event among those possible; the last argument ends a loop."""


class Run:
    """Executes a program; what it sees as `t`, `c`, `cm` … are the methods of this class."""

    def __init__(self, decide: Decide) -> None:
        self.decide = decide
        self.events: list[Event] = []

    def happen(self, number: int, *outcomes: str, ending: str = "") -> str:
        """Let an event happen: record its outcome, and raise if it is a failure."""
        outcome = self.decide(number, (*outcomes, "raise"), ending)
        self.events.append(Event(number, outcome))
        if outcome in FAILURES:
            raise FAILURES[outcome]
        return outcome

    def namespace(self, *, groups: bool) -> dict[str, Any]:
        def e(number: int) -> type[BaseException]:
            outcome = self.decide(number, ("match", "nomatch"), "")
            self.events.append(Event(number, outcome))
            return Nothing if outcome == "nomatch" else Exception if groups else BaseException

        class Pattern(type):
            def __instancecheck__(cls, _: object) -> bool:
                return run.happen(int(cls.__name__), "true", "false") == "true"

        class Patterns:
            def __getattr__(self, name: str) -> type:
                return Pattern(name[1:], (), {})

        run = self
        return {
            "t": lambda number, *_: self.happen(number, "ok"),
            "c": lambda number: self.happen(number, "true", "false") == "true",
            "b": lambda number: self.happen(number, "true", "false", ending="true") == "true",
            "w": lambda number: self.happen(number, "true", "false", ending="false") == "true",
            "e": e,
            "m": Patterns(),
            "it": lambda number: Items(self, number),
            "ait": lambda number: AsyncItems(self, number),
            "a": lambda number: Awaited(self, number),
            "cm": lambda number: Context(self, number, ()),
            "cms": lambda number: Context(self, number, ("suppress",)),
            "acm": lambda number: AsyncContext(self, number, ()),
            "acms": lambda number: AsyncContext(self, number, ("suppress",)),
            "Fault": Fault,
            "CancelledError": asyncio.CancelledError,
        }


class Items:
    def __init__(self, run: Run, number: int) -> None:
        self.run, self.number = run, number

    def __iter__(self) -> Items:
        return self

    def __next__(self) -> int:
        if self.run.happen(self.number, "true", "false", ending="false") == "false":
            raise StopIteration
        return 0


class AsyncItems(Items):
    def __aiter__(self) -> AsyncItems:
        return self

    async def __anext__(self) -> int:
        if self.run.happen(self.number, "true", "false", "cancel", ending="false") == "false":
            raise StopAsyncIteration
        return 0


class Awaited:
    """Awaiting is one event, and so is asking whether the result is true."""

    def __init__(self, run: Run, number: int) -> None:
        self.run, self.number = run, number

    def __await__(self) -> Iterator[Any]:
        self.run.happen(self.number, "ok", "cancel")
        return self
        yield

    def __bool__(self) -> bool:
        outcome = self.run.decide(self.number, ("true", "false"), "")
        self.run.events.append(Event(self.number, outcome))
        return outcome == "true"


class Context:
    def __init__(self, run: Run, number: int, more_outcomes: tuple[str, ...]) -> None:
        self.run, self.number, self.more_outcomes = run, number, more_outcomes

    def __enter__(self) -> None:
        self.run.happen(self.number, "ok")

    def __exit__(self, type_: type[BaseException] | None, *_: object) -> bool:
        outcomes = self.more_outcomes if type_ is not None else ()
        return self.run.happen(self.number, "ok", *outcomes) == "suppress"


class AsyncContext(Context):
    async def __aenter__(self) -> None:
        self.run.happen(self.number, "ok", "cancel")

    async def __aexit__(self, type_: type[BaseException] | None, *_: object) -> bool:
        outcomes = self.more_outcomes if type_ is not None else ()
        return self.run.happen(self.number, "ok", "cancel", *outcomes) == "suppress"


def execute(source: str, flavour: Flavour, decide: Decide) -> tuple[list[Event], StepKind]:
    """Run the program; return what happened and how it ended."""
    run = Run(decide)
    namespace = run.namespace(groups="except*" in source)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SyntaxWarning)
        exec(compile(source, "<program>", "exec"), namespace)
    try:
        drive(namespace["f"](), flavour, run)
    except asyncio.CancelledError:
        return run.events, StepKind.CANCEL_EXIT
    except GeneratorExit:
        return run.events, StepKind.CLOSE_EXIT
    except BaseException:  # noqa: BLE001  # SystemExit among others
        return run.events, StepKind.RAISE_EXIT
    return run.events, StepKind.EXIT


def drive(called: Any, flavour: Flavour, run: Run) -> None:
    if not flavour.is_generator:
        if flavour.is_async:
            finish(called)
        return
    outcomes = ("ok", "close", "cancel") if flavour.is_async else ("ok", "close")
    throw: BaseException | None = None
    while True:
        try:
            if flavour.is_async:
                number = finish(called.asend(None) if throw is None else called.athrow(throw))
            else:
                number = called.send(None) if throw is None else called.throw(throw)
        except (StopIteration, StopAsyncIteration):
            return
        throw = None
        try:
            run.happen(number, *outcomes)
        except BaseException as error:  # noqa: BLE001  # thrown in below
            throw = error.with_traceback(None)


def finish(awaitable: Any) -> Any:
    """Run a coroutine that never has to wait."""
    coroutine = awaitable.__await__()
    try:
        coroutine.send(None)
    except StopIteration as stop:
        return stop.value
    raise AssertionError("nothing in these programs waits")


# --- the graph's side -------------------------------------------------------------------------------------------------


def may_raise(node: tree.Node) -> bool:
    match node:
        case tree.Call(func=tree.Name(id=name)):
            return name in {"t", "c", "b", "w"}
        case tree.MatchCase():
            return not node.is_irrefutable
        case tree.Await() | tree.Yield() | tree.For() | tree.CompFor() | tree.With() | tree.WithItem():
            return True
        case _:
            return False


def may_suppress(item: tree.WithItem, completion: Completion) -> bool:
    assert completion.is_exceptional
    return call_name(item.context) in {"cms", "acms"}


def call_name(expr: tree.Expr) -> str:
    return expr.func.id if isinstance(expr, tree.Call) and isinstance(expr.func, tree.Name) else ""


def argument(expr: tree.Expr) -> int:
    assert isinstance(expr, tree.Call)
    constant = expr.args[0].value
    assert isinstance(constant, tree.Constant)
    assert isinstance(constant.value, int)
    return constant.value


def event_number(step: Step) -> int | None:
    """Return the number of the event that happens in a step, None if nothing does."""
    node = step.node
    match step.kind, node:
        case StepKind.STATEMENT, tree.Stmt():
            calls = [expr for expr in subexpressions(*evaluated_by(node)) if call_name(expr) == "t"]
            return argument(calls[0]) if calls else None
        case StepKind.SUBJECT, tree.Match():
            return argument(node.subject)
        case StepKind.TEST, tree.Call():
            return argument(node)
        case StepKind.TEST, tree.Await():
            return argument(node.value)
        case StepKind.NEXT, tree.For() | tree.CompFor():
            return argument(node.iter)
        case StepKind.WITH_ENTER | StepKind.WITH_EXIT, tree.WithItem():
            return argument(node.context)
        case StepKind.HANDLER, tree.ExceptHandler():
            return argument(node.type) if node.type is not None and call_name(node.type) == "e" else None
        case StepKind.CASE, tree.MatchCase():
            patterns = [value.attr for value in node.values if isinstance(value, tree.Attribute)]
            return int(patterns[0][1:]) if patterns else None
        case StepKind.AWAIT, tree.Await():
            return argument(node.value)
        case StepKind.YIELD, tree.Yield():
            assert isinstance(node.value, tree.Constant)
            assert isinstance(node.value.value, int)
            return node.value.value
        case _:
            return None


FAILURE_EDGES = {EdgeKind.EXCEPTION: "raise", EdgeKind.CANCELLATION: "cancel", EdgeKind.GENERATOR_EXIT: "close"}


def outcomes(step: Step, edge: Edge) -> tuple[str, ...]:
    """Return the outcomes of the step's event that lead along the edge."""
    failure = (FAILURE_EDGES[edge.kind],) if edge.kind in FAILURE_EDGES else ()
    if step.kind is StepKind.HANDLER:
        # In `except*` a handler that would take everything gets nothing when nothing is left.
        is_group_test = edge.kind is EdgeKind.FALSE and is_star(step.node)
        return ("match",) if edge.kind is EdgeKind.TRUE else ("nomatch", "match") if is_group_test else ("nomatch",)
    if step.kind is StepKind.WITH_EXIT:
        assert step.completion is not None
        if edge.kind is step.completion.edge_kind:
            return ("ok", *failure)
        return failure or ("suppress",)
    if edge.kind in {EdgeKind.TRUE, EdgeKind.FALSE}:
        return (edge.kind.value,)
    return failure or ("ok",)


def is_star(handler: tree.Node) -> bool:
    return isinstance(handler.cst, cst.ExceptStarHandler)


def graph_of(source: str) -> Graph:
    module = parse_source(decode_source("program.py", source.encode())).tree
    (function,) = module.body
    assert isinstance(function, tree.Function)
    return build_cfg(function, may_raise=may_raise, may_suppress=may_suppress)


def assert_admitted(graph: Graph, events: list[Event], ending: StepKind) -> None:
    """Assert that the graph has a path on which exactly these events happen."""
    here = silent_closure(graph, {graph.entry})
    for position, event in enumerate(events):
        there = {
            edge.target
            for step in here
            if event_number(step) == event.number
            for edge in graph.successors(step)
            if event.outcome in outcomes(step, edge)
        }
        assert there, f"{event} after {events[:position]} is not in the graph"
        here = silent_closure(graph, there)
    assert ending in {step.kind for step in here}, f"{ending} after {events} is not in the graph"


def silent_closure(graph: Graph, steps: set[Step]) -> set[Step]:
    """Return `steps` and what can be reached from them while nothing happens."""
    return steps | graph.reachable(steps, lambda edge: event_number(edge.source) is not None)


def random_path(graph: Graph, rng: random.Random) -> list[Edge]:
    edges: list[Edge] = []
    step = graph.entry
    while step not in graph.exits:
        if len(edges) > EVENT_LIMIT:
            rest = graph.path(step, graph.exits)
            return edges + list(rest) if rest is not None else []
        edges.append(rng.choice(graph.successors(step)))
        step = edges[-1].target
    return edges


def is_exact(graph: Graph, step: Step) -> bool:
    """Tell whether the graph knows exactly what follows the step; see `raise` in `cleanup`, and the cap on copies."""
    if step.kind is StepKind.RESUME:
        return step.completion is not None
    return not isinstance(step.node, tree.Raise) or len(graph.successors(step)) == 1


# --- the tests --------------------------------------------------------------------------------------------------------

FLAVOURS = [Flavour(is_async, is_generator) for is_async in (False, True) for is_generator in (False, True)]
SEEDS = st.integers(0, 2**32)
RUNS = 6
oracle_settings = settings(max_examples=100, deadline=None, derandomize=True)


@pytest.mark.parametrize("flavour", FLAVOURS)
@oracle_settings
@given(seed=SEEDS)
def test_every_run_is_a_path(flavour: Flavour, seed: int) -> None:
    check_runs(seed, flavour, with_groups=False)


@pytest.mark.skipif(sys.version_info < (3, 11), reason="`except*` is new in Python 3.11")
@oracle_settings
@given(seed=SEEDS)
def test_every_run_with_exception_groups_is_a_path(seed: int) -> None:
    check_runs(seed, Flavour(is_async=False, is_generator=False), with_groups=True)


def check_runs(seed: int, flavour: Flavour, *, with_groups: bool) -> None:
    rng = random.Random(seed)
    source = Program(rng, flavour, with_groups=with_groups).text()
    graph = graph_of(source)

    for _ in range(RUNS):
        count = 0

        def decide(number: int, possible: tuple[str, ...], ending: str) -> str:
            nonlocal count
            count += 1
            return ending if ending and count > EVENT_LIMIT else rng.choice((possible[0], *possible))

        events, ending = execute(source, flavour, decide)
        try:
            assert_admitted(graph, events, ending)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{source}") from None


def following(script: list[Event]) -> Decide:
    waiting = iter(script)

    def decide(number: int, possible: tuple[str, ...], ending: str) -> str:
        planned = next(waiting, None)
        if planned is not None and planned.number == number and planned.outcome in possible:
            return planned.outcome
        return ending or possible[0]  # the run has left the script: bring it to an end, and fail afterwards

    return decide


@pytest.mark.parametrize("flavour", FLAVOURS)
@oracle_settings
@given(seed=SEEDS)
def test_every_path_is_a_run(flavour: Flavour, seed: int) -> None:
    rng = random.Random(seed)
    source = Program(rng, flavour, with_groups=False).text()
    graph = graph_of(source)

    for _ in range(RUNS):
        path = random_path(graph, rng)
        if not path or not all(is_exact(graph, edge.source) for edge in path):
            continue
        happening = [(event_number(edge.source), outcomes(edge.source, edge)[0]) for edge in path]
        script = [Event(number, outcome) for number, outcome in happening if number is not None]
        events, ending = execute(source, flavour, following(script))
        assert (events, ending) == (script, path[-1].target.kind), source


@pytest.mark.parametrize("flavour", FLAVOURS)
@oracle_settings
@given(seed=SEEDS)
def test_every_step_is_reachable_and_can_leave(flavour: Flavour, seed: int) -> None:
    graph = graph_of(Program(random.Random(seed), flavour, with_groups=True).text())
    reached = graph.reachable(graph.entry)
    assert reached | {graph.entry, *graph.exits} == set(graph.steps)
    assert all(graph.successors(step) for step in graph.steps if step not in graph.exits)
