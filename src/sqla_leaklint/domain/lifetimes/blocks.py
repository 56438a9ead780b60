"""Sessions that a `with` statement binds, and that are named again behind its block."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqla_leaklint.domain.lifetimes.acquisition import Acquisition, acquire
from sqla_leaklint.domain.lifetimes.doings import RELEASES, Doing, Use
from sqla_leaklint.domain.lifetimes.opening import Opening, opening, roots_of
from sqla_leaklint.domain.lifetimes.resources import SESSION
from sqla_leaklint.domain.lifetimes.uses import events_within, uses_in
from sqla_leaklint.domain.linking.library import unwrapped
from sqla_leaklint.domain.values import (
    BoundMethod,
    Instance,
    Manager,
    Origin,
    ProjectFunction,
    ProjectInstance,
    alternatives,
    with_origin,
)
from sqla_leaklint.flow.exceptions import statements_within
from sqla_leaklint.knowledge.facts import Kind
from sqla_leaklint.semantic import terms as t
from sqla_leaklint.semantic.body import Body
from sqla_leaklint.semantic.events import Deed, Event
from sqla_leaklint.syntax import tree

if TYPE_CHECKING:
    from sqla_leaklint.domain.module import Domain


@dataclass(frozen=True, slots=True, eq=False)
class BlockSession:
    """A session of a `with` statement that closes it, as an acquisition, where something is done with it behind the
    block.
    """

    acquisition: Acquisition

    @staticmethod
    def find(domain: Domain) -> Iterator[BlockSession]:
        """Every such session of the module, in the order of the text."""
        for body in domain.bodies:
            if not isinstance(body.node, tree.Function):
                continue
            entered = [event for event in body.events if event.deed is Deed.ENTERED and binds_name(event)]
            for event in entered:
                if _is_named_behind(body, event):
                    acquisition = block_acquisition(domain, body, event)
                    if acquisition is not None:
                        yield BlockSession(acquisition)


def binds_name(event: Event) -> bool:
    return isinstance(event.node, tree.WithItem) and isinstance(event.node.target, tree.Name)


def _is_named_behind(body: Body, entered: Event) -> bool:
    """Cheaply: whether a method of what the block binds is called behind it, or it is handed to a call."""
    block = entered.stmt
    if not isinstance(block, tree.With):
        return False
    within: set[tree.Stmt] | None = None
    is_behind = False
    for event in body.events:
        if event is entered:
            is_behind = True
        if not is_behind or event.deed not in {Deed.CALLED, Deed.ITERATED} or event.stmt is block:
            continue
        terms = (
            (event.call.func.base, *event.call.args, *(value for _, value in event.call.keywords))
            if event.deed is Deed.CALLED and isinstance(event.call.func, t.Attr)
            else (*event.call.args, *(value for _, value in event.call.keywords))
            if event.deed is Deed.CALLED
            else (event.value,)
        )
        if not any(_comes_from(term, entered.value) for term in terms):
            continue
        if within is None:
            within = set(statements_within(block.body))
        if event.stmt not in within:
            return True
    return False


def _comes_from(term: t.Term, context: t.Term) -> bool:
    """Whether a term is what the block binds, or a call of a method of that."""
    for _ in range(20):
        match term:
            case t.Enter(value=value):
                return value is context
            case t.Declared(value=value) if value is not None:
                term = value
            case t.Await(value=value):
                term = value
            case t.Call(func=t.Attr(base=base)):
                term = base
            case t.Join():
                return any(_comes_from(each, context) for each in term.terms)
            case _:
                return False
    return False


def block_acquisition(domain: Domain, body: Body, entered: Event) -> Acquisition | None:
    """The call that the `with` statement enters, if it opens a session and leaving the block closes it."""
    made_by = next(
        (event for event in body.events if event.deed is Deed.CALLED and event.value in set(roots_of(entered.value))),
        None,
    )
    if made_by is None:
        return None
    found = opening(domain.evaluator, made_by.call, domain.frame)
    if found is not None:
        return acquire(domain, body, made_by, found)
    session = _session_of_manager(domain, made_by.call)
    if session is None:
        return None
    evaluator, module = domain.evaluator, domain.module
    seed = next((term for term in _entered_terms(body) if term.value is entered.value), None)
    session_type = evaluator.classes.library_type(session)
    if seed is None or session_type is None:
        return None
    uses = uses_in(
        evaluator,
        module.summary,
        module.summary.functions[body.qualname],
        seed,
        session_type=session_type,
        acts=events_within(body, module.executor.bodies),
    )
    fresh = with_origin(session, Origin.FRESH)
    assert isinstance(fresh, Instance | ProjectInstance)
    is_async = evaluator.classes.is_a(session, Kind.ASYNC_SESSION)
    return Acquisition(domain, body, made_by, Opening(fresh, None, is_async), (Use(Doing.ENTERS, entered), *uses))


def is_committing_block(acquisition: Acquisition) -> bool:
    """Whether leaving the block that the session is bound by commits: `with SessionLocal.begin() as session`."""
    match acquisition.event.call.func:
        case t.Attr(name="begin"):
            return True
        case t.Ref(path=path):
            return path.endswith(".begin")
        case _:
            return False


def _entered_terms(body: Body) -> Iterator[t.Enter]:
    for event in body.events:
        for part in t.all_in([event.value]):
            if isinstance(part, t.Enter):
                yield part


def _session_of_manager(domain: Domain, call: t.Call) -> Instance | ProjectInstance | None:
    """The session that a context manager opens and, when it is left, closes: `maker.begin()`, one of the project."""
    evaluator = domain.evaluator
    values = [unwrapped(each) for each in alternatives(domain.value_of(call))]
    if len(values) != 1 or not isinstance(values[0], Manager):
        return None
    session = values[0].value
    if not isinstance(session, Instance | ProjectInstance) or not evaluator.classes.is_a(session, *SESSION.kinds):
        return None
    for callee in alternatives(domain.value_of(call.func)):
        match callee:
            case BoundMethod(receiver=receiver, name="begin"):
                if not evaluator.classes.is_a(receiver, Kind.SESSION_FACTORY):
                    return None
            case ProjectFunction():
                if not _closes_what_it_yields(domain, callee):
                    return None
            case _:
                return None
    return session


def _closes_what_it_yields(domain: Domain, function: ProjectFunction) -> bool:
    """Whether a generator opens what it yields, under a `with` statement or to close it afterwards."""
    evaluator = domain.evaluator
    summary = evaluator.classes.function(function)
    module = evaluator.project.summary_at(function.path)
    if summary is None or module is None or not summary.is_generator or not summary.yields:
        return False
    frame = evaluator.frame(module)
    for term in summary.yields:
        match term:
            case t.Enter(value=t.Call() as call):
                if opening(evaluator, call, frame) is None:
                    return False
            case _:
                roots = list(roots_of(term))
                if not roots or not all(
                    opening(evaluator, root, frame) is not None
                    and any(use.doing in RELEASES for use in uses_in(evaluator, module, summary, root))
                    for root in roots
                ):
                    return False
    return True
