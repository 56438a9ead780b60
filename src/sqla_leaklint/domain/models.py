"""Mapped classes: their columns, keys and relationships, and what their shape says of the table.

A model is read from the class and all its bases in the project: declarative classes with `Column` or `mapped_column`,
`Mapped[…]`
annotations alone, mixins and `declared_attr`, SQLModel's fields, Flask-SQLAlchemy's `db.Column`, and a `Table` in
`__table__`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from sqla_leaklint.domain.attribute_reading import AttributeReader
from sqla_leaklint.domain.columns import Attribute, Column, Relationship
from sqla_leaklint.domain.values import ProjectClass, Symbol, Unknown
from sqla_leaklint.semantic import terms as t

if TYPE_CHECKING:
    from sqla_leaklint.domain.evaluation import Evaluator

WIDE = 10
"""So many columns make a row expensive to load for the sake of a few of them."""


@dataclass(frozen=True, slots=True, eq=False)
class Model:
    """A mapped class.

    `uniques` are the sets of columns that a constraint makes unique together.  `is_whole`: no base or part of it is
    unknown,
    so that a name that is not here is no attribute.
    """

    cls: ProjectClass
    table: str = ""
    columns: dict[str, Column] = field(default_factory=dict)
    relationships: dict[str, Relationship] = field(default_factory=dict)
    others: dict[str, Attribute] = field(default_factory=dict)
    uniques: tuple[frozenset[str], ...] = ()
    is_whole: bool = True

    @property
    def name(self) -> str:
        return self.cls.name

    @property
    def loaded(self) -> list[Column]:
        """The columns that a plain query of the entity brings."""
        return [column for column in self.columns.values() if not column.is_deferred]

    @property
    def large(self) -> list[Column]:
        return [column for column in self.loaded if column.is_large]

    @property
    def binary(self) -> list[Column]:
        """The columns that hold files, images and the like: one value alone can be megabytes."""
        return [column for column in self.large if _BINARY.search(column.type)]

    @property
    def is_wide(self) -> bool:
        return len(self.loaded) >= WIDE

    @property
    def primary_key(self) -> frozenset[str]:
        return frozenset(column.name for column in self.columns.values() if column.is_primary_key)

    def is_key(self, names: frozenset[str]) -> bool:
        """Whether at most one row has given values in these columns."""
        if self.primary_key and self.primary_key <= names:
            return True
        return any(column.is_unique and column.name in names for column in self.columns.values()) or any(
            unique <= names for unique in self.uniques
        )

    @property
    def is_lookup(self) -> bool:
        """Whether the table is one that stays small: by its shape, or else by its name."""
        return self._has_lookup_shape or LOOKUP_NAME.search(self.name) is not None

    @property
    def _has_lookup_shape(self) -> bool:
        columns = [column for column in self.columns.values() if not column.is_primary_key]
        if len(self.columns) > MOST_LOOKUP_COLUMNS or any(column.is_temporal for column in columns):
            return False
        references = [column for column in self.columns.values() if column.foreign_key]
        own = [column for column in self.columns.values() if column not in references]
        is_plain = all(each.is_primary_key or LABEL.search(each.name) or DETAIL.search(each.name) for each in own)
        return is_plain and len(references) <= 1 and any(LABEL.search(column.name) for column in own)


MOST_LOOKUP_COLUMNS = 6

_BINARY = re.compile(r"\.(?:LargeBinary|PickleType|BYTEA|IMAGE|\w*BLOB)$")

LABEL = re.compile(r"(?:^|_)(?:name|label|title|code|key|slug|symbol|display)(?:$|_)")
"""The column by which people tell the rows of a lookup table apart."""

DETAIL = re.compile(
    r"(?:^|_)(?:id|uuid|description|active|enabled|default|hidden|visible|order|position|rank|sort|color|colour|icon"
    r"|value|factor|rate|comment|note|type|kind|group|level|short|long|abbreviation|iso|iso2|iso3)(?:$|_)"
)
"""What else a lookup table has."""

LOOKUP_WORDS = (
    "Type Kind Config Configuration Setting Option Preference Category Categorie Tag Template Policy Policie "
    "Rule Plan Provider Plugin Role Permission Flag Label Engine Catalog Pool Workspace Organi[sz]ation Tenant "
    "Company Companie Severity Priority Webhook Status Statuse State Country Countrie Region Currency "
    "Currencie Language Locale Unit Group Team Department Dept Service Definition Schema Feature Dict Enum "
    "Integration Connector Connection Data[sS]ource Source Store Project Model Worker Cluster Node Host Server "
    "Instance Branch Branche Warehouse Account Method [mM]odule Menu Backend Job Schedule Term Segment Theme "
    "Banner Channel Queue Environment Endpoint Repository Repositorie Extension Benchmark Version Metadata "
    "Variable Parameter Index Api API Key Credential Certificate Backup Migration Assistant Agent Bot Tool "
    "Prompt Skill"
)
LOOKUP_NAME = re.compile(rf"(?:{'|'.join(LOOKUP_WORDS.split())})s?(?:DB|Db|Model|Table|Entity|ORM|Orm|V\d+)?$")
"""Names of tables that seldom have many rows.  Evidence of last resort: what a name ends in says what a row is."""


class Models:
    """The models of a project, each read once."""

    def __init__(self, evaluator: Evaluator) -> None:
        self._evaluator = evaluator
        self._known: dict[ProjectClass, Model | None] = {}

    def of(self, cls: ProjectClass) -> Model | None:
        """The model of a class; None for a class that is not mapped."""
        if cls not in self._known:
            self._known[cls] = None
            if self._evaluator.classes.is_mapped(cls):
                self._known[cls] = self._read(cls)
        return self._known[cls]

    def _read(self, cls: ProjectClass) -> Model:
        classes = self._evaluator.classes
        line = classes.line(cls)
        is_sqlmodel = any(isinstance(base, Symbol) and base.path.startswith("sqlmodel.") for base in line)
        columns: dict[str, Column] = {}
        relationships: dict[str, Relationship] = {}
        others: dict[str, Attribute] = {}
        uniques: list[frozenset[str]] = []
        table = ""
        is_whole = True
        for base in reversed(line):
            summary = classes.summary(base) if isinstance(base, ProjectClass) else None
            frame = classes.frame(base) if isinstance(base, ProjectClass) else None
            if summary is None or frame is None:
                continue
            is_whole = is_whole and not any(
                isinstance(classes.base_class(term, frame), Unknown) for term in summary.bases
            )
            reader = AttributeReader(self._evaluator, frame, is_sqlmodel=is_sqlmodel)
            for name, term in summary.attributes.items():
                for known in (columns, relationships, others):
                    known.pop(name, None)
                match reader.read(name, term):
                    case Column() as column:
                        columns[name] = column
                    case Relationship() as relationship:
                        relationships[name] = relationship
                    case Attribute() as attribute:
                        others[name] = attribute
                    case None:
                        pass
            given = summary.attributes.get("__table__")
            if isinstance(given, t.Call):
                columns.update((column.name, column) for column in reader.table(given))
            uniques.extend(_constraints(summary.attributes.get("__table_args__")))
            named = summary.attributes.get("__tablename__")
            table = named.value if isinstance(named, t.Const) and isinstance(named.value, str) else table
        return Model(cls, table, columns, relationships, others, tuple(uniques), is_whole)


def _constraints(args: t.Term | None) -> list[frozenset[str]]:
    """The sets of columns that `__table_args__` declares unique."""
    found: list[frozenset[str]] = []
    for term in args.elements if isinstance(args, t.Collection) else (args,):
        if not isinstance(term, t.Call) or not isinstance(term.func, t.Ref):
            continue
        kind = term.func.path.rpartition(".")[2]
        is_unique = term.keyword("unique")
        names = [each.value for each in term.args if isinstance(each, t.Const) and isinstance(each.value, str)]
        if kind in {"UniqueConstraint", "PrimaryKeyConstraint"}:
            found.append(frozenset(names))
        elif (
            kind == "Index"
            and isinstance(is_unique, t.Const)
            and is_unique.value is True
            and len(names) == len(term.args)
        ):
            found.append(frozenset(names[1:]))
    return [unique for unique in found if unique]


_MODELS: WeakKeyDictionary[Evaluator, Models] = WeakKeyDictionary()


def models_of(evaluator: Evaluator) -> Models:
    """The models that an evaluator's project has."""
    found = _MODELS.get(evaluator)
    if found is None:
        found = _MODELS[evaluator] = Models(evaluator)
    return found
