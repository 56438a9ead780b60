"""Whether the entities of a statement can be loaded in batches (`yield_per`), by what is loaded together with them.

A batch may not cut a collection in two, so what puts a collection in the same result raises `InvalidRequestError`:
"Can't use yield_per with eager loaders that require uniquing or row buffering".  `subqueryload` does so for whatever
it loads.

    joinedload(Order.items)                              raises
    joinedload(Order.customer)                           a batch of orders, each with its customer
    joinedload(Order.customer).joinedload(Customer.tags) raises
    selectinload(Order.items).joinedload(Item.product)   a batch of orders, then a statement for their items

The model may say the same by `lazy="joined"`, and so may the model of what is joined.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqla_leaklint.domain.loading.eager import option_chains
from sqla_leaklint.domain.mapped.models import models_of
from sqla_leaklint.domain.mapped.relationships import is_collection, relationship_of, target_of
from sqla_leaklint.domain.values import ProjectClass
from sqla_leaklint.knowledge.facts import LoadStrategy

if TYPE_CHECKING:
    from sqla_leaklint.domain.evaluation import Evaluator
    from sqla_leaklint.domain.loading.eager import Link
    from sqla_leaklint.domain.mapped.columns import Relationship
    from sqla_leaklint.domain.mapped.models import Model
    from sqla_leaklint.domain.values import Statement

_IN_THE_SAME_RESULT = frozenset({LoadStrategy.JOINED, LoadStrategy.JOINED_BY_QUERY, LoadStrategy.NEUTRAL, None})
"""Strategies that put a relationship in the rows of its owner, or may."""


def comes_in_batches(evaluator: Evaluator, statement: Statement) -> bool:
    """Whether nothing is loaded together with the rows of a statement that forbids batches of them, for certain."""
    if not statement.is_whole:
        return False
    models = models_of(evaluator)
    for projection in statement.projections:
        if isinstance(projection, ProjectClass):
            model = models.of(projection)
            if model is None or not _is_single(evaluator, model, set()):
                return False
    return all(
        chain is not None and _is_chain_single(evaluator, chain) for chain in option_chains(evaluator, statement)
    )


def _is_single(evaluator: Evaluator, model: Model, seen: set[ProjectClass]) -> bool:
    """Whether a model says that each of its entities comes in one row; that an option loads less is not seen."""
    if not model.is_whole or model.cls in seen:
        return model.is_whole
    seen.add(model.cls)
    return all(_is_link_single(evaluator, model, each, each.strategy, seen) for each in model.relationships.values())


def _is_chain_single(evaluator: Evaluator, chain: tuple[Link, ...]) -> bool:
    for link in chain:
        if link.strategy is LoadStrategy.SUBQUERY:
            return False
        if link.strategy not in _IN_THE_SAME_RESULT:
            return True  # what comes after it belongs to a statement of its own
        model = models_of(evaluator).of(link.model) if link.model is not None else None
        relationship = relationship_of(evaluator, model, link.name) if model is not None else None
        if model is None or relationship is None:
            return False
        if not _is_link_single(evaluator, model, relationship, link.strategy, {model.cls}):
            return False
    return True


def _is_link_single(
    evaluator: Evaluator,
    model: Model,
    relationship: Relationship,
    strategy: LoadStrategy | None,
    seen: set[ProjectClass],
) -> bool:
    if strategy is LoadStrategy.SUBQUERY:
        return False
    if strategy not in _IN_THE_SAME_RESULT:
        return True
    target = target_of(evaluator, relationship)
    if strategy is None or target is None or is_collection(evaluator, model, relationship) is not False:
        return False
    return _is_single(evaluator, target, seen)
