"""Mapped classes: their columns, keys and relationships, and what their shape says of the table.

A model is read from the class and all its bases in the project: declarative classes with `Column` or `mapped_column`,
`Mapped[…]`
annotations alone, mixins and `declared_attr`, SQLModel's fields, Flask-SQLAlchemy's `db.Column`, and a `Table` in
`__table__`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sqla_leaklint.domain.mapped.attribute_reading import AttributeReader
from sqla_leaklint.domain.mapped.columns import Attribute, Column, Relationship
from sqla_leaklint.domain.memo import Memo
from sqla_leaklint.domain.values import ProjectClass, Symbol, Unknown
from sqla_leaklint.knowledge.facts import LoadStrategy
from sqla_leaklint.semantic import terms as t

if TYPE_CHECKING:
    from sqla_leaklint.domain.evaluation import Evaluator

WIDE = 10
"""So many columns make a row expensive to load for the sake of a few of them."""
SMALL = 3
"""So many columns cost next to nothing, as long as none of them is large."""
_ON_DEMAND = frozenset(
    {LoadStrategy.LAZY, LoadStrategy.RAISE, LoadStrategy.NONE, LoadStrategy.DYNAMIC, LoadStrategy.WRITE_ONLY}
)


@dataclass(frozen=True, slots=True, eq=False)
class Model:
    """A mapped class.

    `uniques` are the sets of columns that a constraint makes unique together, `constants` those that it allows one
    value.  `is_whole`: no base or part of it is unknown, so that a name that is not here is no attribute.
    """

    cls: ProjectClass
    table: str = ""
    columns: dict[str, Column] = field(default_factory=dict)
    relationships: dict[str, Relationship] = field(default_factory=dict)
    others: dict[str, Attribute] = field(default_factory=dict)
    uniques: tuple[frozenset[str], ...] = ()
    constants: frozenset[str] = frozenset()
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
    def is_small(self) -> bool:
        """Whether a whole row is hardly more than its key: a few columns, none of them large, and nothing beside it."""
        comes_alone = all(each.strategy in _ON_DEMAND for each in self.relationships.values())
        return self.is_whole and comes_alone and len(self.loaded) <= SMALL and not self.large

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
    def has_one_row(self) -> bool:
        """Whether the table can hold but one row: a unique column of truth values, or a key that is checked to be a
        constant.
        """
        unique = [column for column in self.columns.values() if column.is_unique or {column.name} == self.primary_key]
        return any(column.type.lower().endswith(".boolean") or column.name in self.constants for column in unique)

    @property
    def is_singleton(self) -> bool:
        """Whether a table has one row, or is called as if it had: of the system, of the application itself."""
        return self.has_one_row or SINGLETON_NAME.search(self.name) is not None

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

_CONSTANT = re.compile(r"[\s(\"`]*(\w+)[\s\"`]*(?:==?|\bis\b)\s*(?:\d+|true|'\w*')[\s)]*", re.IGNORECASE)

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

SINGLETON_NAME = re.compile(
    r"(?:System|Installation|Setup|License|Licence|Application|App|Site|Info|Global|Singleton)s?$"
)
"""Names of tables that describe what there is one of.  Evidence of last resort, too."""


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
        constants: set[str] = set()
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
            reader = AttributeReader(self._evaluator, frame, is_sqlmodel=is_sqlmodel, cls=cls)
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
            for args in (summary.attributes.get("__table_args__"), given):
                uniques.extend(_constraints(args, summary.attributes))
                constants.update(_constants(args))
            named = summary.attributes.get("__tablename__")
            table = named.value if isinstance(named, t.Const) and isinstance(named.value, str) else table
        return Model(cls, table, columns, relationships, others, tuple(uniques), frozenset(constants), is_whole)


def _constraints(args: t.Term | None, attributes: Mapping[str, t.Term]) -> list[frozenset[str]]:
    """The sets of columns that `__table_args__`, or the call of a `Table`, declares unique."""
    found: list[frozenset[str]] = []
    for term in args.elements if isinstance(args, t.Collection) else args.args if isinstance(args, t.Call) else ():
        if not isinstance(term, t.Call) or not isinstance(term.func, t.Ref):
            continue
        kind = term.func.path.rpartition(".")[2]
        is_unique = term.keyword("unique")
        if kind in {"UniqueConstraint", "PrimaryKeyConstraint"}:
            columns = term.args
        elif kind == "Index" and isinstance(is_unique, t.Const) and is_unique.value is True:
            columns = term.args[1:]
        else:
            continue
        names = [_column_named(each, attributes) for each in columns]
        found.append(frozenset(name for name in names if name is not None) if None not in names else frozenset())
    return [unique for unique in found if unique]


def _constants(args: t.Term | None) -> Iterator[str]:
    """The columns that a `CheckConstraint("id = 1")` allows one value."""
    for term in t.all_in([args]) if args is not None else ():
        if isinstance(term, t.Call) and isinstance(term.func, t.Ref) and term.func.path.endswith(".CheckConstraint"):
            text = term.args[0] if term.args else None
            found = (
                _CONSTANT.fullmatch(text.value) if isinstance(text, t.Const) and isinstance(text.value, str) else None
            )
            if found is not None:
                yield found[1]


def _column_named(term: t.Term, attributes: Mapping[str, t.Term]) -> str | None:
    """The attribute that a constraint names: by a string, the column itself, or a function of it (`func.lower`)."""
    match term:
        case t.Const(value=str() as name):
            return name
        case t.Call() if term.args and not any(each is term for each in attributes.values()):
            return _column_named(term.args[0], attributes)
        case _:
            return next((name for name, made in attributes.items() if made is term), None)


_MODELS: Memo[Evaluator, Models] = Memo(Models)


def models_of(evaluator: Evaluator) -> Models:
    """The models that an evaluator's project has."""
    return _MODELS.of(evaluator)
