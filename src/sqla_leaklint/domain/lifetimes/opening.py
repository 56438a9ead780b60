"""Which calls open a resource that is then the caller's to close."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqla_leaklint.domain.lifetimes.doings import Doing
from sqla_leaklint.domain.lifetimes.makers import called
from sqla_leaklint.domain.lifetimes.resources import SESSION, Resource
from sqla_leaklint.domain.lifetimes.uses import HANDED_ON, uses_in
from sqla_leaklint.domain.linking.calls import NOT_KNOWN, apply
from sqla_leaklint.domain.linking.library import unwrapped
from sqla_leaklint.domain.linking.merging import merge
from sqla_leaklint.domain.values import (
    BoundMethod,
    Instance,
    Literal,
    Origin,
    ProjectFunction,
    ProjectInstance,
    Unknown,
    Value,
    alternatives,
)
from sqla_leaklint.semantic import terms as t
from sqla_leaklint.semantic.events import Event
from sqla_leaklint.semantic.summary import FunctionSummary
from sqla_leaklint.syntax import tree
from sqla_leaklint.syntax.walk import walk

if TYPE_CHECKING:
    from sqla_leaklint.domain.evaluation import Evaluator, Frame

_DEEPEST = 6
"""Factories that call factories, before the question is given up."""


@dataclass(frozen=True, slots=True)
class Opening:
    """What a call opens; `factory` is the function of the project that does it for the caller, if one does."""

    instance: Instance | ProjectInstance
    factory: ProjectFunction | None
    is_async: bool
    resource: Resource = SESSION

    @property
    def is_plain(self) -> bool:
        """Whether it is a library's own, so that leaving `with` is known to close it and to do nothing else."""
        return isinstance(self.instance, Instance)


def opening(
    evaluator: Evaluator, call: t.Call, frame: Frame, resource: Resource = SESSION, depth: int = 0
) -> Opening | None:
    """What a call opens, when everything that it can be opens such a resource; None when it does not, or is not known
    to.
    """
    if depth > _DEEPEST:
        return None
    callees = called(evaluator, call, frame)
    if not callees:
        return None
    for callee in callees:
        if isinstance(callee, ProjectFunction):
            if not _hands_out(evaluator, callee, call, frame, resource, depth):
                return None
        elif not resource.opens(evaluator, callee, call, frame):
            return None
    made = evaluator.of(call, frame)
    if isinstance(made, Unknown | Literal):  # the callees are known from elsewhere
        made = merge([apply(evaluator, callee, NOT_KNOWN, ()) for callee in callees])
    instance = _fresh(evaluator, unwrapped(made), resource)
    if instance is None:
        return None
    factory = callees[0] if isinstance(callees[0], ProjectFunction) else None
    return Opening(instance, factory, _is_left_async(evaluator, instance), resource)


def _fresh(evaluator: Evaluator, value: Value, resource: Resource) -> Instance | ProjectInstance | None:
    """The fresh resource that a value is; a function may also return None, but nothing else."""
    found: Instance | ProjectInstance | None = None
    for each in alternatives(value):
        made = unwrapped(each)
        if made == Literal(None):
            continue
        if not isinstance(made, Instance | ProjectInstance) or made.origin is not Origin.FRESH:
            return None
        if not evaluator.classes.is_a(made, *resource.kinds):
            return None
        found = made
    return found


def _is_left_async(evaluator: Evaluator, instance: Instance | ProjectInstance) -> bool:
    """Whether a resource is closed by `async with` alone."""
    path = evaluator.classes.library_type(instance)
    method = evaluator.knowledge.method
    return path is not None and method(path, "__aexit__") is not None and method(path, "__exit__") is None


# --- factories of the project ---


def _hands_out(
    evaluator: Evaluator, function: ProjectFunction, call: t.Call, frame: Frame, resource: Resource, depth: int
) -> bool:
    """Whether a function opens what it returns and then has nothing more to do with it."""
    summary = evaluator.classes.function(function)
    module = evaluator.project.summary_at(function.path)
    if summary is None or module is None or summary.is_generator:
        return False
    inner = evaluator.frame(module)
    roots = [_beginning(evaluator, root, inner) for term in summary.returns for root in roots_of(term)]
    # What the roots are is asked before what the call gives: most functions return something else, as these show.
    if not roots or not all(_may_open(evaluator, root, inner, resource, depth) for root in roots):
        return False
    instance = _fresh(evaluator, unwrapped(evaluator.of(call, frame)), resource)
    path = evaluator.classes.library_type(instance) if instance is not None else None
    if path is None:
        return False
    uses = (use for root in roots for use in uses_in(evaluator, module, summary, root, session_type=path))
    ends = HANDED_ON | {Doing.FILES} if resource.is_kept_on_file else HANDED_ON
    return not any(use.doing in ends for use in uses)


def _may_open(evaluator: Evaluator, call: t.Call, frame: Frame, resource: Resource, depth: int) -> bool:
    callee = evaluator.of(call.func, frame)
    return isinstance(callee, Unknown) or opening(evaluator, call, frame, resource, depth + 1) is not None


def _beginning(evaluator: Evaluator, call: t.Call, frame: Frame) -> t.Call:
    """The call that a chain of methods begins with, as far as each returns what it is called on."""
    while isinstance(call.func, t.Attr):
        callee = evaluator.of(call.func, frame)
        path = evaluator.classes.library_type(callee.receiver) if isinstance(callee, BoundMethod) else None
        returns = evaluator.knowledge.returns(path, call.func.name) if path is not None else None
        roots = list(roots_of(call.func.base)) if returns is not None else []
        if returns is None or returns.removeprefix("await ") != "self" or len(roots) != 1:
            break
        call = roots[0]
    return call


def roots_of(term: t.Term) -> Iterator[t.Call]:
    """The calls that a term is the value of, through names, `await`, annotations and branches."""
    pending, seen = [term], set()
    while pending:
        part = pending.pop()
        if id(part) in seen:
            continue
        seen.add(id(part))
        match part:
            case t.Call():
                yield part
            case t.Await():
                pending.append(part.value)
            case t.Declared(value=value) if value is not None:
                pending.append(value)
            case t.Join():
                pending.extend(reversed(part.terms))
            case _:
                pass


def stands_for_itself(function: FunctionSummary, event: Event) -> bool:
    """Whether a call that opens something does so anyway: not in `engine or create_engine()`, nor into a parameter,
    where the caller may have given one.
    """
    match event.stmt:
        case tree.Assign(targets=(tree.Name(id=name),)) if function.parameter(name) is not None:
            return False
        case None:
            return True
        case stmt:
            return not any(
                isinstance(node, tree.BoolOp | tree.Conditional) and any(each is event.node for each in walk(node))
                for node in walk(stmt)
            )
