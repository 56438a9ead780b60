"""Where containers are defined: assignments of a module or class that make a dict, list, set or the like."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from sqla_leaklint.domain.containers.identity import Holder, Identity
from sqla_leaklint.domain.containers.plain_classes import is_plain_class
from sqla_leaklint.domain.values import ProjectClass
from sqla_leaklint.knowledge.facts import Effect, Kind
from sqla_leaklint.semantic import terms as t
from sqla_leaklint.semantic.events import Deed
from sqla_leaklint.semantic.summary import ModuleSummary
from sqla_leaklint.syntax import tree

if TYPE_CHECKING:
    from sqla_leaklint.domain.module import Domain

_LITERALS = {"dict": "builtins.dict", "list": "builtins.list", "set": "builtins.set"}
_GROWING = "append appendleft extend extendleft insert add update setdefault symmetric_difference_update"
GROWING_METHODS = frozenset(_GROWING.split())


@dataclass(frozen=True, slots=True)
class Definition:
    """The statement that binds a container, and the expression that makes it."""

    identity: Identity
    node: tree.Assign | tree.AnnAssign
    value: tree.Expr

    @property
    def is_empty(self) -> bool:
        """Whether it is made empty; what is written out is hardly ever filled by another module."""
        match self.value:
            case tree.Display():
                return not self.value.elements
            case tree.DictDisplay():
                return not self.value.items
            case tree.Call():
                return not any(
                    isinstance(argument.value, tree.Display | tree.DictDisplay) for argument in self.value.args
                )
            case _:
                return False


def definitions(domain: Domain, *, and_bounded: bool = False) -> Iterator[Definition]:
    """The containers of a module and of its classes, in the order of the text; with those that bound themselves, if
    asked for.
    """
    for block, owner in _places(domain):
        for node in _assignments(block):
            definition = _definition(domain, node, owner, and_bounded=and_bounded)
            if definition is not None and (
                not owner or is_plain_class(domain.evaluator, ProjectClass(domain.module.path, owner))
            ):
                yield definition


def may_grow(domain: Domain, definition: Definition) -> bool:
    """Cheaply: whether something of that name grows in this module or, for an empty container, in another."""
    name = definition.identity.name
    if name in _grown_names(domain.module.summary):
        return True
    if not definition.is_empty:
        return False
    evaluator = domain.evaluator
    users = evaluator.project.mentioning(name, and_tests=False)
    return any(name in _grown_names(module) for module in users)


def _places(domain: Domain) -> Iterator[tuple[tree.Block, str]]:
    yield domain.module.parsed.tree.body, ""
    for body in domain.bodies:
        if isinstance(body.node, tree.Class) and body.parent is not None and not body.parent.is_function:
            yield body.node.body, body.qualname


def _assignments(block: tree.Block) -> Iterator[tree.Assign | tree.AnnAssign]:
    for stmt in block:
        match stmt:
            case tree.Assign() | tree.AnnAssign():
                yield stmt
            case tree.If() | tree.Try() | tree.With():
                for inner in tree.blocks_of(stmt):
                    yield from _assignments(inner)
            case _:
                pass


def _definition(
    domain: Domain, node: tree.Assign | tree.AnnAssign, owner: str, *, and_bounded: bool
) -> Definition | None:
    targets = node.targets if isinstance(node, tree.Assign) else (node.target,)
    if len(targets) != 1 or not isinstance(targets[0], tree.Name):
        return None
    holder = Holder.CLASS if owner else Holder.MODULE
    return definition_of(domain, node, targets[0].id, owner, holder, and_bounded=and_bounded)


def definition_of(
    domain: Domain,
    node: tree.Assign | tree.AnnAssign,
    name: str,
    owner: str,
    holder: Holder,
    made_in: str = "",
    *,
    and_bounded: bool = False,
) -> Definition | None:
    """The definition that a statement is, if what it binds is a container: without bounds, unless those count too."""
    if not isinstance(node.value, tree.Display | tree.DictDisplay | tree.Comprehension | tree.Call):
        return None
    type_name = _type_of(domain, domain.term(node.value), and_bounded=and_bounded)
    if type_name is None:
        return None
    fills_itself = type_name == "collections.defaultdict"
    identity = Identity(domain.module.path, name, owner, type_name, fills_itself, holder, made_in)
    return Definition(identity, node, node.value)


def _type_of(domain: Domain, term: t.Term | None, *, and_bounded: bool) -> str | None:
    """The library class of the container that a term makes: one without bounds, or any that keeps what it is given."""
    knowledge = domain.evaluator.knowledge
    match term:
        case t.Collection() | t.Mapped():
            return _LITERALS.get(term.kind)
        case t.Call(func=t.Ref(path=path)):
            known = knowledge.canonical(path)
            if known is not None and and_bounded and knowledge.is_a(known, Kind.BOUNDED_CONTAINER):
                return known
            if known is None or not knowledge.is_a(known, Kind.GROWING_CONTAINER):
                return None
            if (
                known == "collections.deque"
                and not and_bounded
                and (len(term.args) > 1 or _is_given(term.keyword("maxlen")))
            ):
                return None
            rows = (knowledge.method(known, name) for name in ("append", "add", "update"))
            return known if any(row is not None and row.effect is Effect.GROWS for row in rows) else None
        case _:
            return None


def _is_given(bound: t.Term | None) -> bool:
    return bound is not None and not (isinstance(bound, t.Const) and bound.value is None)


@lru_cache(maxsize=4096)
def _grown_names(module: ModuleSummary) -> frozenset[str]:
    """The last names of what the functions of a module put things in, or hand on."""
    found: set[str] = set()
    for function in module.functions.values():
        for act in function.acts:
            match act.deed:
                case Deed.STORED_ITEM | Deed.AUGMENTED:
                    found.update(_names(act.base))
                case Deed.STORED_ATTRIBUTE | Deed.STORED_GLOBAL:
                    if isinstance(act.key, str):
                        found.add(act.key)
                case Deed.CALLED if isinstance(act.value, t.Call):
                    found.update(_names_in_call(act.value))
                case _:
                    pass
    return frozenset(found)


def _names_in_call(call: t.Call) -> Iterator[str]:
    func = call.func
    if isinstance(func, t.Attr) and func.name in GROWING_METHODS:
        yield from _names(func.base)
    elif isinstance(func, t.Ref):
        head, _, method = func.path.rpartition(".")
        if method in GROWING_METHODS:
            yield head.rpartition(".")[2]
    for argument in call.args:
        yield from _names(argument)


def _names(term: t.Term | None) -> Iterator[str]:
    match term:
        case t.Ref():
            yield term.path.rpartition(".")[2]
        case t.Attr():
            yield term.name
            if isinstance(term.base, t.Item | t.Call):
                yield from _names(term.base)
        case t.Item():
            yield from _names(term.value)
        case t.Join():
            for part in term.terms:
                yield from _names(part)
        case _:
            return
