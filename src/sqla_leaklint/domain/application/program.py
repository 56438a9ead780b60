"""Which modules belong to a program that serves: those that define its endpoints and tasks, and what these import.

A script that is run by hand, and what only scripts import, is no part of it, however like the others it looks.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from sqla_leaklint.domain.application.endpoints import HANDLERS, called_names, decorations
from sqla_leaklint.domain.memo import Memo
from sqla_leaklint.domain.values import alternatives
from sqla_leaklint.knowledge.facts import Decoration, Kind
from sqla_leaklint.semantic import terms as t
from sqla_leaklint.semantic.events import Deed
from sqla_leaklint.semantic.summary import ModuleSummary

if TYPE_CHECKING:
    from sqla_leaklint.domain.evaluation import Evaluator

_MOST_MODULES = 200
"""Modules that are looked at for one question."""

_SERVERS = frozenset(
    (
        "uvicorn.run",
        "uvicorn.Server",
        "uvicorn.main.run",
        "hypercorn.asyncio.serve",
        "hypercorn.trio.serve",
        "granian.Granian",
        "waitress.serve",
    )
)
"""What serves an application, when it is called."""

_SERVING_KINDS = (Kind.APPLICATION, Kind.ROUTER, Kind.TASK_QUEUE)
_SERVING_DECORATIONS = HANDLERS | {Decoration.TASK, Decoration.LIFECYCLE}

_SERVES: Memo[Evaluator, dict[str, bool]] = Memo(lambda _: {})
_BELONGS: Memo[Evaluator, dict[str, bool]] = Memo(lambda _: {})


def is_of_program(evaluator: Evaluator, module: ModuleSummary) -> bool:
    """Whether a module is imported when a program that serves starts, as far as is known."""
    known = _BELONGS.of(evaluator)
    if module.path not in known:
        known[module.path] = not evaluator.project.is_test(module.path) and _is_reached(evaluator, module)
    return known[module.path]


def _is_reached(evaluator: Evaluator, module: ModuleSummary) -> bool:
    waiting = deque([module])
    seen = {module.path}
    while waiting and len(seen) < _MOST_MODULES:
        current = waiting.popleft()
        if serves(evaluator, current):
            return True
        if evaluator.project.root is None:
            return False
        name = current.name.rpartition(".")[2]
        for user in evaluator.project.mentioning(name, and_tests=False):
            if user.path not in seen and imports(user, current.name):
                seen.add(user.path)
                waiting.append(user)
    return False


def serves(evaluator: Evaluator, module: ModuleSummary) -> bool:
    """Whether a module makes an application, router or queue, defines an endpoint or task, or starts a server."""
    known = _SERVES.of(evaluator)
    if module.path not in known:
        known[module.path] = _serves(evaluator, module)
    return known[module.path]


def _serves(evaluator: Evaluator, module: ModuleSummary) -> bool:
    frame = evaluator.frame(module)
    is_a = evaluator.classes.is_a
    for term in module.bindings.values():
        made = term.value if isinstance(term, t.Declared) else term
        if isinstance(made, t.Call) and any(
            is_a(each, *_SERVING_KINDS) for each in alternatives(evaluator.of(made, frame))
        ):
            return True
    if any(
        function.decorators and decorations(evaluator, module, function) & _SERVING_DECORATIONS
        for function in module.functions.values()
    ):
        return True
    return bool(called_names(module) & {path.rpartition(".")[2] for path in _SERVERS}) and any(
        act.deed is Deed.CALLED
        and isinstance(act.value, t.Call)
        and isinstance(act.value.func, t.Ref)
        and act.value.func.path in _SERVERS
        for _, act in module.mentions()
    )


def imports(user: ModuleSummary, name: str) -> bool:
    """Whether the body of a module imports another, or something below it."""
    return name in user.star_imports or any(
        isinstance(part, t.Ref) and (part.path == name or part.path.startswith(f"{name}."))
        for term in user.bindings.values()
        for part in (term.terms if isinstance(term, t.Join) else (term,))
    )
