"""The edges of the control-flow graph, shape by shape; and what is asked of a graph."""

from __future__ import annotations

import re
import textwrap
from pathlib import Path

import libcst as cst
import pytest

from sqla_leaklint.flow import (
    Completion,
    Edge,
    EdgeKind,
    Graph,
    Step,
    StepKind,
    build_cfg,
    solve_backward,
    solve_forward,
)
from sqla_leaklint.syntax import tree
from sqla_leaklint.syntax.parse import parse_source
from sqla_leaklint.syntax.source import decode_source

SHAPES = Path(__file__).with_name("flow_shapes.txt")


def parse(source: str) -> tree.Module:
    return parse_source(decode_source("shape.py", textwrap.dedent(source).encode())).tree


def graph_of(source: str) -> Graph:
    """Build the graph of the function or lambda that is all of the source, or else of the module."""
    module = parse(source)
    match module.body:
        case (tree.Function() as function,):
            return build_cfg(function)
        case (tree.ExprStmt(value=tree.Lambda() as function),):
            return build_cfg(function)
        case _:
            return build_cfg(module)


# --- shapes -----------------------------------------------------------------------------------------------------------


def code(node: tree.Node) -> str:
    """Return the first line of what was written."""
    text = cst.Module([]).code_for_node(node.cst).strip()
    return text.split("\n")[0].removesuffix(":")


def label(step: Step) -> str:
    is_ordinary = step.completion is None or step.completion is Completion.NORMAL
    return _label(step) if is_ordinary else f"{_label(step)} @{step.completion.value}"


def _label(step: Step) -> str:
    node = step.node
    match step.kind, node:
        case StepKind.ENTRY | StepKind.EXIT | StepKind.RAISE_EXIT | StepKind.CANCEL_EXIT | StepKind.CLOSE_EXIT, _:
            return step.kind.name
        case StepKind.WITH_ENTER | StepKind.WITH_EXIT | StepKind.WITH_BIND, tree.WithItem():
            return f"{step.kind.value.removeprefix('with ')} {code(node.context)}"
        case StepKind.ITERATOR, tree.For():
            return f"iter {code(node.iter)}"
        case StepKind.NEXT, tree.For() | tree.CompFor():
            return f"next {code(node.iter)}"
        case StepKind.HANDLER, tree.ExceptHandler():
            return code(node)
        case StepKind.SUBJECT | StepKind.CASE, _:
            return code(node)
        case StepKind.RESUME, _:
            return "resume"
        case StepKind.TEST, _:
            return f"{code(node)}?"
        case StepKind.AWAIT | StepKind.YIELD, _:
            return f"<{code(node)}>"
        case _:
            return code(node)


def arrow(edge: Edge) -> str:
    kind = "" if edge.kind is EdgeKind.NORMAL else edge.kind.value
    words = " ".join(word for word in (kind, "back" if edge.is_back else "") if word)
    return f"--{words}->" if words else "->"


def describe(graph: Graph) -> list[str]:
    return [
        f"{label(step)} {arrow(edge)} {label(edge.target)}" for step in graph.steps for edge in graph.successors(step)
    ]


def read_shapes() -> list[tuple[str, str, list[str]]]:
    """Return title, source and edges of each shape of the file."""
    found = []
    for part in re.split(r"^=== ", SHAPES.read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]:
        title, rest = part.split("\n", 1)
        source, edges = rest.split("---\n")
        found.append((title, source, edges.split("\n")))
    return [(title, source, [edge.strip() for edge in edges if edge.strip()]) for title, source, edges in found]


@pytest.mark.parametrize(("title", "source", "edges"), [pytest.param(*shape, id=shape[0]) for shape in read_shapes()])
def test_shape(title: str, source: str, edges: list[str]) -> None:
    assert describe(graph_of(source)) == edges, title


def test_shapes_are_many_and_distinct() -> None:
    titles = [title for title, _, _ in read_shapes()]
    assert len(set(titles)) == len(titles) >= 40


# --- size -------------------------------------------------------------------------------------------------------------

NOWHERE = cst.Pass()  # hand-made trees have no text: the parser refuses what is as deep as they are
LONG = 5000


def name(id_: str) -> tree.Name:
    return tree.Name(NOWHERE, id_)


def function_of(*body: tree.Stmt, is_async: bool = False) -> tree.Function:
    return tree.Function(NOWHERE, "f", (), None, (), body, is_async)


def test_a_long_chain_of_elif() -> None:
    chain: tuple[tree.Stmt, ...] = ()
    for _ in range(LONG):
        chain = (tree.If(NOWHERE, name("x"), (tree.Pass(NOWHERE),), chain),)
    graph = build_cfg(function_of(*chain))
    assert len(graph.steps) == 5 + 2 * LONG
    assert len(graph.predecessors(graph.exit)) == LONG + 1


def test_a_long_condition() -> None:
    test: tree.Expr = name("x")
    for _ in range(LONG):
        test = tree.BoolOp(NOWHERE, "and", test, name("x"))
    graph = build_cfg(function_of(tree.If(NOWHERE, test, (tree.Pass(NOWHERE),), ())))
    assert sum(step.kind is StepKind.TEST for step in graph.steps) == LONG + 1


@pytest.mark.parametrize("is_right", [False, True])
def test_a_deep_expression(is_right: bool) -> None:
    def deepen(expr: tree.Expr) -> tree.Expr:
        operands = (name("x"), expr) if is_right else (expr, name("x"))
        return tree.BoolOp(NOWHERE, "or", *operands)

    awaited: tree.Expr = tree.Await(NOWHERE, tree.Call(NOWHERE, name("g"), ()))
    condition: tree.Expr = name("y")
    for _ in range(LONG):
        awaited, condition = deepen(awaited), tree.Not(NOWHERE, deepen(condition))
    body = (tree.ExprStmt(NOWHERE, awaited), tree.If(NOWHERE, condition, (), ()))
    graph = build_cfg(function_of(*body, is_async=True))
    (suspended,) = (step for step in graph.steps if step.kind is StepKind.AWAIT)
    assert graph.path(suspended, graph.exit) is not None


def test_finally_within_finally_does_not_explode() -> None:
    source = "use()"
    for _ in range(9):
        block = textwrap.indent(source, "    ")
        source = f"try:\n    if x: return\n    use()\nfinally:\n{block}"
    graph = graph_of("def f():\n" + textwrap.indent(source, "    "))
    assert len(graph.steps) < 1500
    merged = [step for step in graph.steps if step.kind is StepKind.RESUME and len(graph.successors(step)) > 1]
    assert {edge.kind for step in merged for edge in graph.successors(step)} == {
        EdgeKind.NORMAL,
        EdgeKind.JUMP,
        EdgeKind.EXCEPTION,
    }


def test_nesting_in_the_body_of_try_stays_linear() -> None:
    def size(depth: int) -> int:
        source = "use()"
        for _ in range(depth):
            source = f"try:\n{textwrap.indent(source, '  ')}\n  if x: return\nfinally:\n  with a: use()"
        return len(graph_of("def f():\n" + textwrap.indent(source, "  ")).steps)

    assert size(15) - size(14) == size(10) - size(9)


# --- questions to a graph ---------------------------------------------------------------------------------------------

OPENED = """
def f(x):
    s = make()
    if x:
        use(s)
    s.close()
"""


def step_at(graph: Graph, text: str) -> Step:
    (step,) = (step for step in graph.steps if label(step) == text)
    return step


def test_path_is_the_shortest_that_avoids() -> None:
    graph = graph_of(OPENED)
    opened, closed = step_at(graph, "s = make()"), step_at(graph, "s.close()")

    def is_kept(edge: Edge) -> bool:
        return edge.target is closed or (edge.source is opened and edge.is_exceptional)

    path = graph.path(opened, graph.exits, avoiding=is_kept)
    assert path is not None
    assert [f"{label(edge.source)} {arrow(edge)}" for edge in path] == [
        "s = make() ->",
        "x? --true->",
        "use(s) --exception->",
    ]
    assert path[-1].target is graph.raise_exit
    assert graph.path(opened, graph.exit, avoiding=is_kept) is None
    assert graph.path(opened, closed) == (*path[:1], graph.successors(step_at(graph, "x?"))[1])


def test_reachable_leaves_out_the_start_unless_it_comes_again() -> None:
    graph = graph_of("def f():\n    while x:\n        a = 1\n    b = 2\n")
    loop, after = step_at(graph, "a = 1"), step_at(graph, "b = 2")
    assert loop in graph.reachable(loop)
    assert after not in graph.reachable(after)
    assert graph.reachable(loop, avoiding=lambda edge: edge.is_back) == frozenset()
    assert graph.reachable([after, loop]) == graph.reachable(loop)


def test_steps_of_a_node_are_none_or_one_or_several() -> None:
    module = parse("def f():\n    try:\n        use()\n    finally:\n        a = 1\n    return\n    b = 1\n")
    (function,) = module.body
    assert isinstance(function, tree.Function)
    guarded, _, unreachable = function.body
    assert isinstance(guarded, tree.Try)
    graph = build_cfg(function)
    assert [step.completion for step in graph.steps_of(guarded.finalbody[0])] == [
        Completion.NORMAL,
        Completion.EXCEPTION,
    ]
    assert len(graph.steps_of(guarded.body[0])) == 1
    assert graph.steps_of(unreachable) == ()


def test_the_client_says_what_may_raise() -> None:
    (function,) = parse(OPENED).body
    assert isinstance(function, tree.Function)
    graph = build_cfg(function, may_raise=lambda node: False)
    assert not any(edge.is_exceptional for step in graph.steps for edge in graph.successors(step))


def test_predecessors_mirror_successors() -> None:
    for _, source, _ in read_shapes():
        graph = graph_of(source)
        forward = {edge for step in graph.steps for edge in graph.successors(step)}
        backward = {edge for step in graph.steps for edge in graph.predecessors(step)}
        assert forward == backward


def test_building_is_deterministic() -> None:
    for _, source, _ in read_shapes():
        assert describe(graph_of(source)) == describe(graph_of(source))


# --- data flow --------------------------------------------------------------------------------------------------------

MAYBE_NONE = """
def f(x):
    s = None
    while more():
        if s is None:
            s = make()
        use(s)
    if s is not None:
        s.close()
    return
"""


def holds_after(edge: Edge, before: frozenset[str]) -> frozenset[str] | None:
    """Follow what `s` may be; a test for None rules out one or the other."""
    text = label(edge.source)
    if text == "s = None":
        return frozenset({"none"})
    if text == "s = make()" and not edge.is_exceptional:
        return frozenset({"open"})
    if text == "s.close()":
        return frozenset({"closed"})
    if text in {"s is None?", "s is not None?"} and not edge.is_exceptional:
        is_none = (edge.kind is EdgeKind.TRUE) == (text == "s is None?")
        return (before & {"none"} if is_none else before - {"none"}) or None
    return before


def test_forward_is_path_sensitive_and_follows_loops() -> None:
    graph = graph_of(MAYBE_NONE)
    states = solve_forward(graph, initial=frozenset(), flow=holds_after, join=frozenset.union)
    assert states[step_at(graph, "more()?")] == {"none", "open"}
    assert states[step_at(graph, "use(s)")] == {"open"}
    assert states[step_at(graph, "return")] == {"none", "closed"}
    assert states[graph.raise_exit] == {"none", "open", "closed"}
    assert graph.cancel_exit not in states


def test_forward_from_a_step() -> None:
    graph = graph_of(MAYBE_NONE)
    start = step_at(graph, "s is not None?")
    states = solve_forward(graph, start=start, initial=frozenset({"none"}), flow=holds_after, join=frozenset.union)
    assert set(states) == {start, step_at(graph, "return"), graph.exit}


def test_backward_finds_what_is_still_read() -> None:
    graph = graph_of("def f():\n    a = g()\n    while a:\n        b = a\n        a = h(b)\n    return 1\n")

    def flow(edge: Edge, after: frozenset[str]) -> frozenset[str]:
        reads = {"a?": {"a"}, "b = a": {"a"}, "a = h(b)": {"b"}}.get(label(edge.source), set())
        writes = {"b = a": {"b"}, "a = h(b)": {"a"}, "a = g()": {"a"}}.get(label(edge.source), set())
        return after - (set() if edge.is_exceptional else writes) | reads

    states = solve_backward(graph, at=dict.fromkeys(graph.exits, frozenset[str]()), flow=flow, join=frozenset.union)
    assert states[step_at(graph, "a?")] == {"a"}
    assert states[step_at(graph, "a = h(b)")] == {"b"}
    assert states[graph.entry] == frozenset()
