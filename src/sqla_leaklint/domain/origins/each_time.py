"""What is done each time that a function is called, as far as its text shows, and by each call from outside.

A condition that asks for what the call is about (`if request.method == "POST"`) is met again and again; one that asks
for anything else (`if not self.started`) may be met but once, and with `always` no condition is allowed at all:
whoever asks `if name not in models` does not make the same thing twice.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from sqla_leaklint.domain.application.callers import called_for, callers
from sqla_leaklint.domain.application.entries import entry_of
from sqla_leaklint.domain.linking.decorators import is_memoised
from sqla_leaklint.domain.origins.provenance import Stop, Trail
from sqla_leaklint.syntax import tree
from sqla_leaklint.syntax.walk import children, walk

if TYPE_CHECKING:
    from sqla_leaklint.domain.module import Domain
    from sqla_leaklint.semantic.body import Body
    from sqla_leaklint.semantic.summary import FunctionSummary, ModuleSummary

_DEEPEST = 3
"""Calls between the function that the world outside calls and the one in question."""


def is_done_each_time(
    body: Body, is_wanted: Callable[[tree.Node], bool], *, always: bool = False, name: str = ""
) -> bool:
    """Whether a call of a function comes to a node; what goes by `name` is not what a call is about."""
    if not isinstance(body.node, tree.Function):
        return False
    return _Reading(body, is_wanted, name, always=always).meets(body.node.body) is True


def way_each_time(
    domain: Domain, module: ModuleSummary, function: FunctionSummary, *, always: bool = False
) -> Trail | None:
    """How the outside world comes to a function each time that it calls; None when it is not known to."""
    return _way(domain, (Stop(module, function, ""),), always=always)


def _way(domain: Domain, stops: tuple[Stop, ...], *, always: bool) -> Trail | None:
    evaluator = domain.evaluator
    module, function = stops[-1].module, stops[-1].function
    if function.decorators and is_memoised(evaluator, function.decorators, evaluator.frame(module)):
        return None
    entry = entry_of(evaluator, module, function)
    if entry is not None:
        return Trail(stops, entry)
    if len(stops) > _DEEPEST:
        return None
    _, name = called_for(module, function)
    for call in callers(evaluator, module, function):
        body = body_of(domain, call.module, call.function) if call.function is not None else None
        if body is None or call.function is None or any(call.function is stop.function for stop in stops):
            continue
        if is_done_each_time(body, lambda node: _calls(node, name), always=always):
            found = _way(domain, (*stops, Stop(call.module, call.function, "")), always=always)
            if found is not None:
                return found
    return None


def body_of(domain: Domain, summary: ModuleSummary, function: FunctionSummary) -> Body | None:
    """The body of a function of any module, with its text."""
    is_own = summary.path == domain.module.path
    module = domain.module if is_own else domain.evaluator.project.module_at(summary.path)
    return module.executor.bodies.get(function.qualname) if module is not None else None


def last_name_in(node: tree.Node) -> str:
    """The last name of an expression: that of a variable, or of an attribute."""
    match node:
        case tree.Name(id=found) | tree.Attribute(attr=found):
            return found
        case _:
            return ""


def outside_functions(stmt: tree.Stmt) -> Iterator[tree.Node]:
    """What a statement evaluates when its body is run: not the bodies of functions, but their headers."""
    pending: list[tree.Node] = [stmt]
    while pending:
        node = pending.pop()
        yield node
        match node:
            case tree.Function():
                pending.extend((*node.decorators, *node.params))
            case tree.Class():
                pending.extend((*node.decorators, *node.args))
            case tree.Lambda():
                pass
            case _:
                pending.extend(children(node))


def _certain(stmt: tree.Stmt) -> Iterator[tree.Node]:
    """What a simple statement evaluates, whatever comes out of a part of it."""
    uncertain: set[tree.Node] = set()
    for node in outside_functions(stmt):
        if node in uncertain:
            uncertain.update(children(node))
            continue
        yield node
        match node:
            case tree.BoolOp():
                uncertain.add(node.right)
            case tree.Conditional():
                uncertain.update((node.body, node.orelse))
            case _:
                pass


def _calls(node: tree.Node, name: str) -> bool:
    """Whether a node calls what goes by a name, or hands it on to be called."""
    return isinstance(node, tree.Call) and name in {
        last_name_in(node.func),
        *(last_name_in(argument.value) for argument in node.args),
    }


class _Reading:
    """Reads a body for a node that each call comes to."""

    def __init__(self, body: Body, is_wanted: Callable[[tree.Node], bool], name: str, *, always: bool) -> None:
        assert isinstance(body.node, tree.Function)
        self._is_wanted = is_wanted
        self._name = name
        self._always = always
        self._own = {parameter.name for parameter in body.node.params} | set(body.bindings)
        if body.parent is not None and isinstance(body.parent.node, tree.Class):
            self._own -= {parameter.name for parameter in body.node.params[:1]}

    def meets(self, block: tree.Block) -> bool | None:
        """None where nothing of the sort is met before the block's end, False where the way there may end before."""
        for stmt in block:
            blocks = list(self._blocks(stmt))
            if not blocks:
                if any(self._is_wanted(node) for node in _certain(stmt)):
                    return True
                continue
            if any(self._is_wanted(node) for header in _headers(stmt) for node in walk(header)):
                return True
            if isinstance(stmt, tree.If | tree.While | tree.Match) and not self._is_of_the_call(stmt):
                if any(isinstance(node, tree.Return | tree.Raise) for node in outside_functions(stmt)):
                    return False
                continue
            found = [self.meets(part) for part in blocks]
            if True in found or False in found:
                return True in found
        return None

    def _blocks(self, stmt: tree.Stmt) -> Iterator[tree.Block]:
        """The blocks of a statement that its function comes to."""
        match stmt:
            case tree.Function() | tree.Class():
                return
            case tree.Try() if self._always:
                yield stmt.body
                yield stmt.orelse
                yield stmt.finalbody
            case _:
                yield from tree.blocks_of(stmt)

    def _is_of_the_call(self, stmt: tree.If | tree.While | tree.Match) -> bool:
        """Whether a condition asks for what this call is about."""
        if self._always:
            return False
        parts = list(walk(stmt.subject if isinstance(stmt, tree.Match) else stmt.test))
        if self._name and any(last_name_in(part) == self._name for part in parts):
            return False
        return any(isinstance(part, tree.Name) and part.id in self._own for part in parts)


def _headers(stmt: tree.Stmt) -> Iterator[tree.Expr]:
    match stmt:
        case tree.With():
            yield from (item.context for item in stmt.items)
        case tree.For():
            yield stmt.iter
        case tree.If():
            yield stmt.test
        case _:
            pass
