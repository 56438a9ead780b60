"""Which relationships a load brings along in the same statement: by its options, or as the model says."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqla_leaklint.domain.models import models_of
from sqla_leaklint.domain.values import ModelAttribute, ProjectClass, Symbol
from sqla_leaklint.knowledge.facts import LoadStrategy
from sqla_leaklint.syntax import tree

if TYPE_CHECKING:
    from sqla_leaklint.domain.queries import Load

_IN_ONE_RESULT = frozenset({LoadStrategy.JOINED, LoadStrategy.SUBQUERY})


@dataclass(frozen=True, slots=True)
class JoinedCollection:
    """A collection that is loaded by a join or subquery; `node` is the call of the option (None: the model says so)."""

    attribute: ModelAttribute
    strategy: LoadStrategy
    node: tree.Call | None


@dataclass(frozen=True, slots=True)
class _Option:
    attribute: ModelAttribute
    strategy: LoadStrategy
    node: tree.Call


def joined_collections(load: Load) -> list[JoinedCollection] | None:
    """The collections that come with the entities of a load in one result; None when an option cannot be read."""
    chains: list[list[_Option]] = []
    is_known = True
    for call in load.calls:
        if not isinstance(call.func, tree.Attribute) or call.func.attr != "options":
            continue
        for argument in call.args:
            chain = _chain(load, argument.value) if not argument.star else None
            if chain is None:
                is_known = False
            else:
                chains.append(chain)
    found = [each for chain in chains for each in _joined(load, chain)]
    if found or is_known:
        given = {chain[0].attribute for chain in chains if chain}
        return [*found, *(each for each in _by_model(load) if each.attribute not in given)]
    return None


def _joined(load: Load, chain: list[_Option]) -> Iterator[JoinedCollection]:
    """Those of a path of options that is joined from its beginning; what a second statement loads is none of it."""
    for option in chain:
        if option.strategy not in _IN_ONE_RESULT:
            return
        if _is_collection(load, option.attribute):
            yield JoinedCollection(option.attribute, option.strategy, option.node)


def _by_model(load: Load) -> Iterator[JoinedCollection]:
    for projection in load.statement.projections if load.statement is not None else ():
        model = models_of(load.domain.evaluator).of(projection) if isinstance(projection, ProjectClass) else None
        for name, relationship in model.relationships.items() if model is not None else ():
            if relationship.is_collection and relationship.strategy in _IN_ONE_RESULT:
                assert isinstance(projection, ProjectClass)
                yield JoinedCollection(ModelAttribute(projection, name), relationship.strategy, None)


def _is_collection(load: Load, attribute: ModelAttribute) -> bool:
    model = models_of(load.domain.evaluator).of(attribute.model)
    relationship = model.relationships.get(attribute.name) if model is not None else None
    return relationship is not None and relationship.is_collection is True


def _chain(load: Load, expr: tree.Expr) -> list[_Option] | None:
    """`joinedload(A.b).selectinload(B.c)` as its steps, from the first; None for what is not written out like that."""
    domain = load.domain
    if not isinstance(expr, tree.Call) or len(expr.args) != 1 or expr.args[0].star:
        return None
    func = expr.func
    before: list[_Option] | None = []
    path = ""
    if isinstance(func, tree.Attribute) and isinstance(func.value, tree.Call):
        before = _chain(load, func.value)
        path = f"sqlalchemy.orm.{func.attr}"
    else:
        value = domain.value(func)
        path = value.path if isinstance(value, Symbol) else ""
    row = domain.evaluator.knowledge.loader_option(path)
    attribute = domain.value(expr.args[0].value)
    if before is None or row is None or not isinstance(attribute, ModelAttribute):
        return None
    return [*before, _Option(attribute, row.strategy, expr)]
