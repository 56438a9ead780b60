"""Rows that an endpoint returns, and the relationships that its response model reads of each of them.

@router.get("/orders", response_model=list[OrderOut])
def orders(db: Session = Depends(get_db)):
    return db.query(Order).all()              # `OrderOut` has a field `items`: read of every order
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from sqla_leaklint.domain.application.response_models import response_model
from sqla_leaklint.domain.loading.relationship_reads import RelationshipRead
from sqla_leaklint.domain.loading.schemas import fields_of, relationships_read, schemas_in
from sqla_leaklint.domain.mapped.relationships import relationship_of, target_of
from sqla_leaklint.domain.rows.queries import Load
from sqla_leaklint.domain.rows.row_sources import RowSource, RowSources
from sqla_leaklint.domain.values import ProjectClass, alternatives
from sqla_leaklint.semantic import terms as t
from sqla_leaklint.semantic.body import Body
from sqla_leaklint.semantic.events import Deed
from sqla_leaklint.semantic.terms import Term
from sqla_leaklint.syntax import tree

if TYPE_CHECKING:
    from sqla_leaklint.domain.evaluation import Frame
    from sqla_leaklint.domain.module import Domain

_DEEPEST = 3


@dataclass(frozen=True, slots=True, eq=False)
class ResponseRead:
    """Rows of a query that are returned as a response: `schema` is the model of each, `reads` what it reads of them."""

    domain: Domain
    node: tree.Node
    source: RowSource
    schema: ProjectClass
    reads: tuple[RelationshipRead, ...]

    @property
    def load(self) -> Load | None:
        """Where the rows are loaded, when that is in this module."""
        return self.reads[0].load

    @staticmethod
    def find(domain: Domain) -> Iterator[ResponseRead]:
        """The rows that the module's endpoints return by a response model with relationships."""
        sources = RowSources(domain)
        for body in domain.bodies:
            annotation = _response_of(domain, body) if body.decorators else None
            if annotation is None:
                continue
            for event in body.events:
                if event.deed is Deed.RETURNED:
                    for term, schema in _validated(domain, event.value, annotation, domain.frame):
                        source = sources.of(term)
                        if source is not None and source.is_many:
                            yield from _read(domain, body, event.node, source, schema)


def _response_of(domain: Domain, body: Body) -> Term | None:
    function = domain.module.summary.functions.get(body.qualname)
    if function is None:
        return None
    return response_model(domain.evaluator, domain.module.summary, function, is_whole=True)


def _validated(
    domain: Domain, term: Term, annotation: Term, frame: Frame, depth: int = 0
) -> Iterator[tuple[Term, ProjectClass]]:
    """The parts of a returned value that are validated as lists of a response model, with that model."""
    found = list(schemas_in(domain.evaluator, annotation, frame))
    if len(found) != 1 or depth > _DEEPEST:
        return
    ((schema, is_listed),) = found
    if is_listed:
        yield term, schema
        return
    parts: dict[str, Term] = {}
    match term:
        case t.Collection(kind="dict"):
            pairs = zip(term.keys, term.elements, strict=True)
            parts = {key.value: part for key, part in pairs if isinstance(key, t.Const) and isinstance(key.value, str)}
        case t.Call(keywords=keywords) if keywords and schema in alternatives(domain.value_of(term.func)):
            parts = dict(keywords)
        case _:
            return
    for field in fields_of(domain.evaluator, schema):
        if field.attribute in parts:
            yield from _validated(domain, parts[field.attribute], field.annotation, field.frame, depth + 1)


def _read(
    domain: Domain, body: Body, node: tree.Node, source: RowSource, schema: ProjectClass
) -> Iterator[ResponseRead]:
    if source.model is None:
        return
    reads: list[RelationshipRead] = []
    for path in relationships_read(domain.evaluator, schema, source.model):
        owner = source.model
        for name in path[:-1]:
            relationship = relationship_of(domain.evaluator, owner, name)
            target = target_of(domain.evaluator, relationship) if relationship is not None else None
            assert target is not None  # the path was found along these
            owner = target
        relationship = relationship_of(domain.evaluator, owner, path[-1])
        assert relationship is not None
        row = replace(source, model=owner, path=(*source.path, *path[:-1]), is_many=False)
        reads.append(RelationshipRead(domain, body, _expression(node), None, row, owner, relationship))
    missing = tuple(read for read in reads if read.is_query_each)
    if missing:
        yield ResponseRead(domain, _expression(node), source, schema, missing)


def _expression(node: tree.Node) -> tree.Expr:
    """What is returned."""
    value = node.value if isinstance(node, tree.Return) else node
    assert isinstance(value, tree.Expr)
    return value
