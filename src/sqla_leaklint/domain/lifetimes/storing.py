"""Methods that open a session and store it in their object: the constructor, as a rule.

    class Orders:
        def __init__(self, session=None):
            self.session = session or SessionLocal()      # certainly opened, where the caller gives none

Only what is plain counts: a class whose bases are all known, with one method that sets the attribute, and that gives
the session to nobody who may close or keep it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqla_leaklint.diagnostics import Location
from sqla_leaklint.domain.lifetimes.doings import Doing
from sqla_leaklint.domain.lifetimes.opening import Opening, opening, roots_of
from sqla_leaklint.domain.lifetimes.reached import Reached
from sqla_leaklint.domain.lifetimes.self_opened import HARMLESS_BASES
from sqla_leaklint.domain.lifetimes.uses import events_within, uses_in
from sqla_leaklint.domain.memo import Memo
from sqla_leaklint.domain.places import place_in
from sqla_leaklint.domain.values import ProjectClass, Symbol, alternatives
from sqla_leaklint.semantic import terms as t
from sqla_leaklint.semantic.body import Body
from sqla_leaklint.semantic.events import Deed, Event
from sqla_leaklint.semantic.project import Module
from sqla_leaklint.semantic.summary import FunctionSummary
from sqla_leaklint.syntax import tree

if TYPE_CHECKING:
    from sqla_leaklint.domain.evaluation import Evaluator

_HARMLESS = frozenset({Doing.LOOKS, Doing.RUNS_SQL, Doing.QUEUES, Doing.ENDS_TRANSACTION, Doing.TRANSACTS, Doing.HOLDS})
_MANAGING = frozenset(
    {"__new__", "__del__", "__exit__", "__aexit__", "__getattr__", "__getattribute__", "__setattr__", "close", "aclose"}
)
"""Methods by which a class decides itself what becomes of its objects, and of what they hold."""


@dataclass(frozen=True, slots=True, eq=False)
class Storing:
    """A method of a class that opens a session and stores it in its object.

    `attributes` are the paths by which the object leads to it then ("db", and "repo.db" where its `repo` is given it);
    `takes_connection` tells whether the method itself leaves it with a connection.
    """

    module: Module
    method: FunctionSummary
    opening: Opening
    attributes: frozenset[str]
    takes_connection: bool
    _call: Event
    _stores: tuple[Event, ...]
    _body: Body

    @property
    def is_constructor(self) -> bool:
        return self.method.name == "__init__"

    @property
    def place(self) -> Location:
        """Where it is opened."""
        return place_in(self.module, self._call.node)

    def is_certain(self, left_out: Collection[str]) -> bool:
        """Whether it is opened when the parameters with those names are None."""
        function = self._body.node
        if not isinstance(function, tree.Function):
            return False
        reached = Reached(self._body.names.bound, left_out)
        storing = [each for each in self._stores if any(root is self._call.value for root in roots_of(each.value))]
        return (
            reached.in_block(function.body, self._call.node)
            and any(reached.in_block(function.body, event.node) for event in storing)
            and all(
                isinstance(part, t.Call) or (isinstance(part, t.Param) and part.name in left_out)
                for event in self._stores
                for part in t.ways(event.value)
                if not (isinstance(part, t.Const) and part.value is None)
            )
        )


_MEMO: Memo[Evaluator, dict[ProjectClass, tuple[Storing, ...]]] = Memo(lambda _: {})


def storing(evaluator: Evaluator, cls: ProjectClass) -> tuple[Storing, ...]:
    """The methods of a class that store a session that they open, by what is known of the class."""
    known = _MEMO.of(evaluator)
    if cls not in known:
        known[cls] = ()
        known[cls] = tuple(_find(evaluator, cls)) if _is_plain(evaluator, cls) else ()
    return known[cls]


def _is_plain(evaluator: Evaluator, cls: ProjectClass) -> bool:
    if evaluator.classes.is_mapped(cls):
        return False
    for base in evaluator.classes.line(cls):
        if isinstance(base, Symbol):
            if not base.path.startswith(HARMLESS_BASES):
                return False
            continue
        summary, frame = evaluator.classes.summary(base), evaluator.classes.frame(base)
        if summary is None or frame is None or summary.decorators or summary.keywords:
            return False
        if not _MANAGING.isdisjoint(summary.attributes):
            return False
        for term in summary.bases:
            values = alternatives(evaluator.classes.base_class(term, frame))
            if not all(isinstance(value, ProjectClass | Symbol) for value in values):
                return False
    return True


def _find(evaluator: Evaluator, cls: ProjectClass) -> Iterator[Storing]:
    setters: dict[str, list[tuple[ProjectClass, FunctionSummary]]] = {}
    opened: set[str] = set()
    for base in evaluator.classes.line(cls):
        module = evaluator.project.summary_at(base.path) if isinstance(base, ProjectClass) else None
        if module is None or not isinstance(base, ProjectClass):
            continue
        frame = evaluator.frame(module)
        for method in module.functions.values():
            for act in method.acts if method.owner == base.qualname else ():
                if act.deed is Deed.STORED_ATTRIBUTE and isinstance(act.key, str):
                    setters.setdefault(act.key, []).append((base, method))
                    if any(opening(evaluator, root, frame) is not None for root in roots_of(act.value)):
                        opened.add(act.key)
    for attribute in sorted(opened):
        owner, method = setters[attribute][0]
        if all(each is method for _, each in setters[attribute]) and _is_seen(evaluator, cls, owner, method, attribute):
            found = _stored(evaluator, owner, method.qualname, attribute)
            if found is not None:
                yield found


def _is_seen(
    evaluator: Evaluator, cls: ProjectClass, owner: ProjectClass, method: FunctionSummary, attribute: str
) -> bool:
    """Whether a method is the one that objects of a class have by that name, and what it sets is what they have."""
    found = evaluator.classes.find(cls, method.name, on_instance=False)
    shadowing = evaluator.classes.find(cls, attribute, on_instance=False)
    return (
        found is not None
        and found[0] == owner
        and not method.decorators
        and bool(method.parameters)
        and (shadowing is None or isinstance(shadowing[1], t.Const))
    )


def _stored(evaluator: Evaluator, owner: ProjectClass, qualname: str, attribute: str) -> Storing | None:
    module = evaluator.project.module_at(owner.path)
    body = module.executor.bodies.get(qualname) if module is not None else None
    if module is None or body is None or not isinstance(body.node, tree.Function):
        return None
    method = module.summary.functions[qualname]
    receiver = t.Param(qualname, method.parameters[0].name)
    stores = [each for each in body.events if each.deed is Deed.STORED_ATTRIBUTE and each.key == attribute]
    calls: list[tuple[Event, Opening]] = []
    for store in stores:
        if not isinstance(store.base, t.Param) or store.base.name != receiver.name:
            return None
        for root in roots_of(store.value):
            call = body.event_of(root)
            found = opening(evaluator, root, evaluator.frame(module.summary))
            if call is None or found is None:
                return None
            calls.append((call, found))
    if len(calls) != 1:
        return None
    call, found = calls[0]
    session_type = evaluator.classes.library_type(found.instance)
    if session_type is None:
        return None
    acts = list(events_within(body, module.executor.bodies))
    arguments = (evaluator, module.summary, method)
    uses = (
        *uses_in(*arguments, call.value, session_type=session_type, acts=acts),
        *uses_in(*arguments, receiver, session_type=session_type, attributes=frozenset({attribute}), acts=acts),
    )
    doings = {use.doing for use in uses if use.doing is not Doing.STORES or use.act not in stores}
    if not doings <= _HARMLESS:
        return None
    attributes = frozenset({attribute}).union(*(use.attributes for use in uses if use.doing is Doing.HOLDS))
    takes = Doing.RUNS_SQL in doings and doings.isdisjoint({Doing.ENDS_TRANSACTION, Doing.TRANSACTS})
    return Storing(module, method, found, attributes, takes, call, tuple(stores), body)
