"""Which relationships a load brings along in the same statement: by its options, or as the model says."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqla_leaklint.domain.loading.loading_paths import Path, paths
from sqla_leaklint.domain.mapped.models import models_of
from sqla_leaklint.domain.values import ModelAttribute, ProjectClass
from sqla_leaklint.knowledge.facts import LoadStrategy
from sqla_leaklint.semantic import terms as t
from sqla_leaklint.syntax import tree

if TYPE_CHECKING:
    from sqla_leaklint.domain.rows.queries import Load

_IN_ONE_RESULT = frozenset({LoadStrategy.JOINED, LoadStrategy.SUBQUERY})


@dataclass(frozen=True, slots=True)
class JoinedCollection:
    """A collection that is loaded by a join or subquery; `node` is the call of the option (None: the model says so)."""

    attribute: ModelAttribute
    strategy: LoadStrategy
    node: tree.Call | None


def joined_collections(load: Load) -> list[JoinedCollection] | None:
    """The collections that come with the entities of a load in one result; None when an option cannot be read."""
    found: list[JoinedCollection] = []
    given: set[ModelAttribute | None] = set()
    is_known = True
    for call in load.calls:
        term = load.domain.term(call)
        if not isinstance(call.func, tree.Attribute) or call.func.attr != "options" or not isinstance(term, t.Call):
            continue
        for path in paths(load.domain, term.args):
            if path is None:
                is_known = False
            elif path:
                found += _joined(load, path)
                given.add(path[0].attribute)
    if found or is_known:
        return [*found, *(each for each in _by_model(load) if each.attribute not in given)]
    return None


def _joined(load: Load, path: Path) -> Iterator[JoinedCollection]:
    """Those of a path that are joined from its beginning; what a second statement loads is none of it."""
    for link in path:
        if link.strategy not in _IN_ONE_RESULT:
            return
        if link.attribute is not None and _is_collection(load, link.attribute):
            yield JoinedCollection(link.attribute, link.strategy, link.node)


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
