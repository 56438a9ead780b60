"""Mapped classes: their columns, relationships and other attributes, and what a table looks like.

A model is read from the class and all its bases in the project: declarative classes with `Column` or `mapped_column`, `Mapped[…]`
annotations alone, mixins and `declared_attr`, SQLModel's fields, Flask-SQLAlchemy's `db.Column`, and a `Table` in `__table__`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import Enum
from functools import cached_property
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from sqla_leaklint.domain import declarations
from sqla_leaklint.domain.model_attributes import Reader
from sqla_leaklint.domain.values import ProjectClass
from sqla_leaklint.knowledge.facts import LoadStrategy
from sqla_leaklint.semantic import terms as t

if TYPE_CHECKING:
    from sqla_leaklint.domain.evaluation import Evaluator
