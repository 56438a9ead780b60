"""Collections that are joined side by side: the database sends a row for each combination of their members.

Terms
    *branch*: what a query joins to an entity, directly or through a joined many-to-one: one collection of the entity.
    Collections one below the other are one branch: so many rows as the inner one has members, and none twice.

    select(Order).options(joinedload(Order.items), joinedload(Order.payments))     two branches: items × payments
    joinedload(Order.items).joinedload(Item.tags)                                  one branch
    selectinload(Order.items).options(joinedload(Item.tags), joinedload(Item.prices))    two, in the second statement
    joinedload(Order.customer), joinedload(Order.items)                            one: a customer is one row
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sqla_leaklint.domain.application.endpoints import method_name
from sqla_leaklint.domain.linking.library import unwrapped
from sqla_leaklint.domain.loading.eager import WITH_THE_ROWS
from sqla_leaklint.domain.loading.eager_options import JoinedCollection
from sqla_leaklint.domain.loading.loading_paths import Path, paths
from sqla_leaklint.domain.mapped.models import Model, models_of
from sqla_leaklint.domain.mapped.relationships import is_collection, relationship_of, target_of
from sqla_leaklint.domain.values import ModelAttribute, ProjectClass, Statement
from sqla_leaklint.knowledge.facts import LoadStrategy
from sqla_leaklint.semantic import terms as t
from sqla_leaklint.semantic.events import Deed
from sqla_leaklint.semantic.terms import Term
from sqla_leaklint.syntax import tree

if TYPE_CHECKING:
    from sqla_leaklint.domain.module import Domain

_WITH_THE_ROWS = WITH_THE_ROWS | {LoadStrategy.NEUTRAL}
_WORDS = ("joinedload", "joined", "lazy=False")


@dataclass(frozen=True, slots=True)
class Branch:
    """`name` leads from the entity to the collection: "Order.items", "Order.customer.addresses"; `node` is the option
    (None: the model says so).
    """

    name: str
    model: ProjectClass
    node: tree.Call | None


@dataclass(frozen=True, slots=True, eq=False)
class CartesianLoad:
    """Two or more branches that are joined to `model`; `occurrences` are the same collections at every place where an
    option names one.  `node` is the first branch's option or, where the model itself joins them all, what the last of
    `declared` is: the relationships that the class in this module makes.
    """

    domain: Domain
    node: tree.Node
    model: Model
    branches: tuple[Branch, ...]
    occurrences: tuple[JoinedCollection, ...] = ()
    declared: tuple[tree.Call, ...] = ()

    @staticmethod
    def find(domain: Domain) -> Iterator[CartesianLoad]:
        """Those of the module's options, in the order of the text, and those of its models."""
        text = domain.module.parsed.source.text
        if not any(word in text for word in _WORDS):
            return
        found: dict[tree.Node, CartesianLoad] = {}
        for each in _by_options(domain) if _WORDS[0] in text else ():
            known = found.get(each.node)
            if known is None or len(known.branches) < len(each.branches):
                found[each.node] = each
        yield from found.values()
        yield from _by_classes(domain)


@dataclass(slots=True, eq=False)
class _Place:
    """An entity that a path of options leads to, and what is loaded with it."""

    model: Model | None
    strategy: LoadStrategy
    named: list[JoinedCollection] = field(default_factory=list)
    is_collection: bool = False
    below: dict[str, _Place] = field(default_factory=dict)

    def branches(self, name: str) -> Iterator[tuple[str, _Place]]:
        """What is joined to the entity, side by side, each with the way to it."""
        for link, place in self.below.items():
            if place.strategy is LoadStrategy.JOINED:
                if place.is_collection:
                    yield f"{name}.{link}", place
                else:
                    yield from place.branches(f"{name}.{link}")


def _by_options(domain: Domain) -> Iterator[CartesianLoad]:
    for body in domain.bodies:
        for event in body.events:
            if event.deed is not Deed.CALLED:
                continue
            call = event.call
            if isinstance(call.func, t.Attr) and call.func.name == "options" and call.args:
                yield from _judged(domain, _options_before(call), _entity(domain, call))
            elif method_name(call.func) == "get" and (given := call.keyword("options")) is not None and call.args:
                entity = domain.value_of(call.args[0])
                yield from _judged(domain, [(given,)], entity if isinstance(entity, ProjectClass) else None)


def _options_before(term: Term) -> list[tuple[Term, ...]]:
    """The arguments of every `options(…)` that a statement has gone through on all ways, first to last."""
    match term:
        case t.Call(func=t.Attr(base=base, name=name), args=args):
            return [*_options_before(base), *((args,) if name == "options" else ())]
        case t.Await() | t.Enter():
            return _options_before(term.value)
        case t.Declared(value=value) if value is not None:
            return _options_before(value)
        case t.Join(terms=(first, *others)):
            rest = [_options_before(each) for each in others]
            return [args for args in _options_before(first) if all(args in each for each in rest)]
        case _:
            return []


def _entity(domain: Domain, call: t.Call) -> ProjectClass | None:
    value = unwrapped(domain.value_of(call))
    if isinstance(value, Statement) and len(value.projections) == 1 and isinstance(value.projections[0], ProjectClass):
        return value.projections[0]
    return None


def _judged(domain: Domain, options: list[tuple[Term, ...]], entity: ProjectClass | None) -> Iterator[CartesianLoad]:
    line = domain.evaluator.classes.line
    roots: dict[ProjectClass, _Place] = {}
    for args in options:
        for path in paths(domain, args):
            if not path:
                continue
            root = path[0].model or entity
            if root is None:
                continue
            if entity is not None and (entity in line(root) or root in line(entity)):
                root = entity
            place = roots.setdefault(root, _Place(models_of(domain.evaluator).of(root), LoadStrategy.JOINED))
            _enter(domain, place, path)
    for place in roots.values():
        yield from _multiplied(domain, place)


def _enter(domain: Domain, place: _Place, path: Path) -> None:
    """Put a path below the entity that it begins at."""
    models = models_of(domain.evaluator)
    for link in path:
        model = models.of(link.model) if link.model is not None else place.model
        relationship = relationship_of(domain.evaluator, model, link.name) if model is not None else None
        if model is None or relationship is None:
            return
        target = target_of(domain.evaluator, relationship)
        below = place.below.setdefault(link.name, _Place(target, link.strategy))
        if link.strategy is not LoadStrategy.NEUTRAL:
            below.strategy = link.strategy
        below.is_collection = is_collection(domain.evaluator, model, relationship) is True
        below.named.append(
            JoinedCollection(ModelAttribute(model.cls, link.name), link.strategy, link.node),
        )
        place.model = place.model or model
        place = below


def _multiplied(domain: Domain, place: _Place) -> Iterator[CartesianLoad]:
    """The entities from one on, through its options, to which two or more branches are joined."""
    model = place.model
    joined = list(place.branches(model.name)) if model is not None else []
    if model is not None and joined:
        branches = [Branch(name, each.named[-1].attribute.model, each.named[-1].node) for name, each in joined]
        branches += [each for each in _of_model(domain, model) if each.name.rpartition(".")[2] not in place.below]
        node = branches[0].node
        if len(branches) > 1 and node is not None:
            named = tuple(one for _, each in joined for one in each.named)
            yield CartesianLoad(domain, node, model, tuple(branches), named)
    for below in _separate(place):
        yield from _multiplied(domain, below)


def _separate(place: _Place) -> Iterator[_Place]:
    """The entities below one whose branches are not its own."""
    for below in place.below.values():
        if below.strategy is LoadStrategy.JOINED and not below.is_collection:
            yield from _separate(below)
        elif below.strategy in _WITH_THE_ROWS:
            yield below


def _by_classes(domain: Domain) -> Iterator[CartesianLoad]:
    """The models of the module that join two or more collections to every query."""
    for body in domain.bodies:
        if not isinstance(body.node, tree.Class):
            continue
        model = models_of(domain.evaluator).of(ProjectClass(domain.module.path, body.qualname))
        joined = tuple(_of_model(domain, model)) if model is not None else ()
        if model is not None and len(joined) > 1:
            declared = tuple(_declared(body.node, {each.name.rpartition(".")[2] for each in joined}))
            if declared:
                yield CartesianLoad(domain, declared[-1], model, joined, declared=declared)


def _declared(cls: tree.Class, names: set[str]) -> Iterator[tree.Call]:
    """What a class assigns to some names, where that is a call."""
    for stmt in cls.body:
        targets = (
            stmt.targets
            if isinstance(stmt, tree.Assign)
            else (stmt.target,)
            if isinstance(stmt, tree.AnnAssign)
            else ()
        )
        if any(isinstance(target, tree.Name) and target.id in names for target in targets):
            assert isinstance(stmt, tree.Assign | tree.AnnAssign)
            if isinstance(stmt.value, tree.Call):
                yield stmt.value


def _of_model(domain: Domain, model: Model) -> Iterator[Branch]:
    for name, relationship in model.relationships.items():
        if relationship.strategy is LoadStrategy.JOINED and is_collection(domain.evaluator, model, relationship):
            yield Branch(f"{model.name}.{name}", model.cls, None)
