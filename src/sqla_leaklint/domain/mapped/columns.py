"""What one attribute of a mapped class is: a column, a relationship, a property, a hybrid, a method."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from sqla_leaklint.domain.values import ProjectClass
from sqla_leaklint.knowledge.facts import LoadStrategy


class Attribute(Enum):
    """An attribute of a mapped class that is neither a column nor a relationship."""

    PROPERTY = "property"
    HYBRID = "hybrid"
    METHOD = "method"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Column:
    """A column; `type` is the canonical name of its type ("" when it is not known), `foreign_key` the column that it
    refers to.
    """

    name: str
    type: str = ""
    is_large: bool = False
    is_temporal: bool = False
    is_primary_key: bool = False
    is_unique: bool = False
    foreign_key: str = ""
    is_deferred: bool = False


@dataclass(frozen=True, slots=True)
class Relationship:
    """A relationship; `target` is None when its class cannot be found, `is_collection` when its cardinality cannot be
    told, `strategy` when the model does not say in so many words how it is loaded.  `named` is what the model calls the
    class ("" when it does not by name).
    """

    name: str
    target: ProjectClass | None
    is_collection: bool | None
    strategy: LoadStrategy | None = LoadStrategy.LAZY
    named: str = ""


Member = Column | Relationship | Attribute
