"""The sessions that a function works with, whoever owns them: opened here, injected, passed, an attribute, a registry.

Only what is certain to be one and the same session counts.  Its *seed* is the term that stands for it all over the
function:

    def store(db, rows):                     # the parameter `db`
    with SessionLocal() as session:          # what the block binds
    self.session.add(row)                    # `self.session`, and through it what the methods of `self` do with it
    db.session.commit()                      # the registry of a module, by its dotted path
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeGuard

from sqla_leaklint.domain.lifetimes.doings import Carry, Use
from sqla_leaklint.domain.lifetimes.resources import SESSION, telling_methods
from sqla_leaklint.domain.lifetimes.uses import Tracker, events_within
from sqla_leaklint.domain.subjects import InFunction
from sqla_leaklint.domain.values import Instance, Literal, Origin, ProjectClass, ProjectInstance, alternatives
from sqla_leaklint.knowledge.facts import Kind
from sqla_leaklint.semantic import terms as t
from sqla_leaklint.semantic.body import Body
from sqla_leaklint.semantic.events import Deed
from sqla_leaklint.semantic.terms import Term
from sqla_leaklint.syntax import tree

if TYPE_CHECKING:
    from sqla_leaklint.domain.module import Domain
    from sqla_leaklint.semantic.summary import FunctionSummary


@dataclass(frozen=True, slots=True, eq=False)
class SessionInUse(InFunction):
    """One session in a function; `value` says what it is and whose, `tracker` which terms are it or hold it."""

    seed: Term
    value: Instance | ProjectInstance
    tracker: Tracker
    uses: tuple[Use, ...]

    @property
    def idle_closes(self) -> frozenset[tree.Node]:
        """What nobody awaits is not asked about."""
        return frozenset()

    @property
    def is_async(self) -> bool:
        """Whether its methods are coroutines."""
        knowledge = self.domain.evaluator.knowledge
        return (knowledge.returns(self.tracker.session_type, "rollback") or "").startswith("await ")

    def is_it(self, term: Term) -> bool:
        return self.tracker.carry(term) is Carry.IS

    @property
    def spelling(self) -> tree.Name | tree.Attribute | None:
        """A name or attribute of the function that is the session."""
        for event in self.body.events:
            if event.deed is not Deed.CALLED or not isinstance(event.node, tree.Call):
                continue
            called = event.node.func
            is_method = self.tracker.method(event.call.func) is not None
            if is_method and isinstance(called, tree.Attribute) and _is_plain(called.value):
                return called.value
            for argument in event.node.args:
                term = self.domain.term(argument.value)
                if term is not None and self.is_it(term) and not argument.star and _is_plain(argument.value):
                    return argument.value
        return None

    @property
    def name(self) -> str:
        """What it is called in the text; "" where it has no name there."""
        return _dotted(self.spelling)


def origins_of(session: SessionInUse) -> frozenset[t.Term]:
    """The calls that a session comes from."""
    return frozenset(part for part in t.all_in([session.seed]) if isinstance(part, t.Call | t.Element))


def sessions_in_use(domain: Domain, body: Body) -> Iterator[SessionInUse]:
    """The sessions of a function, in the order in which it first uses them."""
    seeds = list(dict.fromkeys(_candidates(domain, body)))
    known = {seed: value for seed in seeds if (value := _session(domain, seed)) is not None}
    for seed, value in known.items():
        inner = t.all_in(t.parts_of(seed))
        if not any(part in known for part in inner):  # what is made of a session is no other one
            yield _in_use(domain, body, seed, value)


def _in_use(domain: Domain, body: Body, seed: Term, value: Instance | ProjectInstance) -> SessionInUse:
    module = domain.module
    summary = module.summary.functions[body.qualname]
    session_type = domain.evaluator.classes.library_type(value)
    assert session_type is not None
    holder, attributes = _holder(summary, seed)
    tracker = Tracker(
        domain.evaluator,
        module.summary,
        summary,
        session_type,
        seed=seed if holder is None else None,
        holder=holder,
        attributes=attributes,
    )
    uses = tuple(tracker.uses(events_within(body, module.executor.bodies)))
    return SessionInUse(domain, body, seed, value, tracker, uses)


def _holder(function: FunctionSummary, seed: Term) -> tuple[Term | None, frozenset[str]]:
    """The object of a method whose attribute the session is: its other methods work with it, too."""
    match seed:
        case t.Attr(base=t.Param(function=name, name=parameter) as holder, name=attribute) if (
            function.owner is not None and name == function.qualname and parameter == function.parameters[0].name
        ):
            return holder, frozenset({attribute})
        case _:
            return None, frozenset()


def _candidates(domain: Domain, body: Body) -> Iterator[Term]:
    """The terms on which methods of sessions are called, and the plain ones that are passed on."""
    methods = telling_methods(domain.evaluator.knowledge, SESSION)
    pool = domain.module.executor.pool
    asked: set[Term] = set()
    for event in body.events:
        if event.deed is not Deed.CALLED:
            continue
        match event.call.func:
            case t.Attr(base=base, name=name) if name in methods:
                yield base
            case t.Attr(base=t.Param() as receiver) if receiver not in asked:
                asked.add(receiver)
                yield from _attributes(domain, body, receiver)
            case t.Ref(path=path) if path.rpartition(".")[2] in methods:
                yield pool.make(t.Ref, path.rpartition(".")[0])
            case _:
                pass
        for argument in (*event.call.args, *(value for _, value in event.call.keywords)):
            match argument:
                case t.Param() | t.Enter() | t.Call() | t.Attr(base=t.Param()):
                    yield argument
                case _:
                    pass


def _attributes(domain: Domain, body: Body, receiver: t.Param) -> Iterator[Term]:
    """The attributes of the object of a method: its other methods may work with a session that it keeps there."""
    summary = domain.module.summary.functions[body.qualname]
    if summary.owner is None or receiver.function != body.qualname or receiver.name != summary.parameters[0].name:
        return
    cls = ProjectClass(domain.module.path, summary.owner)
    for each in domain.evaluator.classes.project_line(cls):
        for name in each.instance_attributes:
            yield domain.module.executor.pool.make(t.Attr, receiver, name)


def _session(domain: Domain, seed: Term) -> Instance | ProjectInstance | None:
    """The session that a term is, if it is one whatever path is taken, and the same one each time."""
    values = [each for each in alternatives(domain.value_of(seed)) if each != Literal(None)]
    found: Instance | ProjectInstance | None = None
    for value in values:
        if not isinstance(value, Instance | ProjectInstance) or not _is_session(domain, value):
            return None
        if isinstance(seed, t.Attr) and value.origin is Origin.FRESH:
            return None  # a property that opens one each time
        found = value
    return found


def _is_session(domain: Domain, value: Instance | ProjectInstance) -> bool:
    return domain.evaluator.classes.is_a(value, *SESSION.kinds, Kind.SESSION_REGISTRY)


def _dotted(expr: tree.Expr | None) -> str:
    """A name with its attributes; "" for anything else."""
    match expr:
        case tree.Name(id=name):
            return name
        case tree.Attribute(value=value, attr=attr) if base := _dotted(value):
            return f"{base}.{attr}"
        case _:
            return ""


def _is_plain(expr: tree.Expr) -> TypeGuard[tree.Name | tree.Attribute]:
    while isinstance(expr, tree.Attribute):
        expr = expr.value
    return isinstance(expr, tree.Name)
