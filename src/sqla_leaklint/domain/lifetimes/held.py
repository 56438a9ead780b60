"""Objects that a dependency returns with a session inside: opened by the dependency, or by the object itself.

    class Orders:                                  def get_orders():
        def __init__(self, session):                   return Orders(SessionLocal())       given
            self.session = session
    class Users:                                   def read(users: Users = Depends()): …   depended on itself
        def __init__(self):                        def get_users():
            self.session = SessionLocal()              return Users()                       made

FastAPI closes neither.  The session is left open where no method of the class closes it, nobody closes the attribute
from outside, and some method takes a connection without giving it back.  A class that extends one of a library's may
do anything.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqla_leaklint.domain.application.dependents import Dependent, dependents, may_be_provider
from sqla_leaklint.domain.lifetimes.acquisition import acquire
from sqla_leaklint.domain.lifetimes.callees import Callees
from sqla_leaklint.domain.lifetimes.carrying import arguments_of
from sqla_leaklint.domain.lifetimes.doings import Doing, Use
from sqla_leaklint.domain.lifetimes.factories import inline_providers
from sqla_leaklint.domain.lifetimes.opening import Opening, opening, roots_of
from sqla_leaklint.domain.lifetimes.returned import is_undecorated
from sqla_leaklint.domain.lifetimes.self_opened import Holding, is_left_open, opened_by
from sqla_leaklint.domain.values import ProjectClass
from sqla_leaklint.semantic import terms as t
from sqla_leaklint.semantic.body import Body
from sqla_leaklint.semantic.events import Deed
from sqla_leaklint.semantic.summary import FunctionSummary
from sqla_leaklint.syntax import tree

if TYPE_CHECKING:
    from sqla_leaklint.domain.module import Domain

_KEEPING = frozenset({Doing.HOLDS, Doing.RETURNS, Doing.RUNS_SQL, Doing.LOOKS, Doing.QUEUES})


@dataclass(frozen=True, slots=True, eq=False)
class HeldSession:
    """A session in an object that FastAPI gets from a dependency and that leaves it open."""

    domain: Domain
    body: Body
    node: tree.Node
    stmt: tree.Stmt | None
    holder: ProjectClass
    is_made: bool
    """Whether the object opens the session itself, at another place than `node`."""
    opening: Opening
    dependent: Dependent

    with_block = None
    closes = ()

    @property
    def summary(self) -> FunctionSummary:
        return self.domain.module.summary.functions[self.body.qualname]

    @property
    def function(self) -> tree.Function | None:
        """The provider, or the constructor of the class that is depended on; None for a lambda."""
        return self.body.node if isinstance(self.body.node, tree.Function) else None

    @property
    def is_of_constructor(self) -> bool:
        """Whether the class is depended on itself."""
        return self.summary.name == "__init__" and self.summary.owner is not None

    @staticmethod
    def find(domain: Domain) -> Iterator[HeldSession]:
        """Every such session of the module, in the order of the text."""
        inline = inline_providers(domain)
        for body in domain.bodies:
            if not body.is_function or body.yields:
                continue
            summary = domain.module.summary.functions[body.qualname]
            if summary.name == "__init__" and summary.owner is not None:
                yield from _in_constructor(domain, body, summary, summary.owner)
            elif body.qualname in inline or _may_provide_object(domain, body, summary):
                yield from _in_provider(domain, body, summary)


def _may_provide_object(domain: Domain, body: Body, summary: FunctionSummary) -> bool:
    if not any(event.deed is Deed.RETURNED and isinstance(event.value, t.Call) for event in body.events):
        return False
    return may_be_provider(domain.evaluator, domain.module.summary, summary)


def _in_constructor(domain: Domain, body: Body, summary: FunctionSummary, owner: str) -> Iterator[HeldSession]:
    """A class that is a dependency itself."""
    stored = [event for event in body.events if event.deed is Deed.STORED_ATTRIBUTE and isinstance(event.value, t.Call)]
    if not stored or not may_be_provider(domain.evaluator, domain.module.summary, summary):
        return
    cls = ProjectClass(domain.module.path, owner)
    holding = opened_by(domain.evaluator, cls)
    dependent = _dependent(domain, summary) if holding is not None and is_left_open(domain, holding) else None
    if holding is None or dependent is None:
        return
    for event in stored:
        act = body.event_of(event.value) if event.key in holding.attributes else None
        if act is not None:
            yield HeldSession(domain, body, act.node, act.stmt, cls, False, holding.opening, dependent)


def _in_provider(domain: Domain, body: Body, summary: FunctionSummary) -> Iterator[HeldSession]:
    """A function that returns such an object."""
    if not is_undecorated(domain, summary):
        return
    for event in body.events:
        if event.deed is not Deed.RETURNED or not isinstance(event.value, t.Call):
            continue
        for call, holding in _held(domain, body, event.value):
            act = body.event_of(call)
            node = act.node if act is not None else body.node if isinstance(body.node, tree.Lambda) else None
            dependent = _dependent(domain, summary) if node is not None and is_left_open(domain, holding) else None
            if node is not None and dependent is not None:
                is_made = _class_of(domain, call) == holding.cls
                stmt = act.stmt if act is not None else None
                yield HeldSession(domain, body, node, stmt, holding.cls, is_made, holding.opening, dependent)


def _held(domain: Domain, body: Body, call: t.Call) -> Iterator[tuple[t.Call, Holding]]:
    """The sessions in an object that a call makes, or in one that it is given, with the call that opens each."""
    cls = _class_of(domain, call)
    if cls is None:
        return
    own = opened_by(domain.evaluator, cls)
    if own is not None:
        yield call, own
    for which, argument in arguments_of(call):
        for root in roots_of(argument):
            if _class_of(domain, root) is not None and opening(domain.evaluator, root, domain.frame) is None:
                yield from _held(domain, body, root)
                continue
            attributes = _kept_in(domain, body, call, which, root)
            found = opening(domain.evaluator, root, domain.frame) if attributes else None
            if found is not None:
                yield root, Holding(cls, attributes, found)


def _kept_in(domain: Domain, body: Body, call: t.Call, which: int | str, root: t.Call) -> frozenset[str]:
    """The attributes in which a constructor keeps a session that a function opens and gives to nobody else."""
    found = opening(domain.evaluator, root, domain.frame)
    event = body.event_of(root)
    session_type = domain.evaluator.classes.library_type(found.instance) if found is not None else None
    if found is None or session_type is None:
        return frozenset()
    uses = acquire(domain, body, event, found).uses if event is not None else ()
    if any(use.doing not in _KEEPING and not _makes_object(domain, use) for use in uses):
        return frozenset()
    conduct = Callees(domain.evaluator, domain.frame, session_type).conduct(call, which)
    is_kept = set(conduct.doings) <= _KEEPING and not any("." in path for path in conduct.attributes)
    return conduct.attributes if is_kept else frozenset()


def _makes_object(domain: Domain, use: Use) -> bool:
    """Whether a use is that an object is made of what holds the session: `Service(Orders(session))`."""
    return (
        use.doing is Doing.PASSES and isinstance(use.act.value, t.Call) and _class_of(domain, use.act.value) is not None
    )


def _class_of(domain: Domain, call: t.Call) -> ProjectClass | None:
    value = domain.value_of(call.func)
    return value if isinstance(value, ProjectClass) else None


def _dependent(domain: Domain, summary: FunctionSummary) -> Dependent | None:
    """Somebody who gets the object."""
    found = dependents(domain.evaluator, domain.module.summary, summary)
    return next((each for each in found if each.parameter is not None), None)
