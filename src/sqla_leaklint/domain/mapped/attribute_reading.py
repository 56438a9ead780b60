"""Reading the attributes of mapped classes: from the call that makes one, its annotation, or a decorated function."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from sqla_leaklint.domain.linking import declarations
from sqla_leaklint.domain.mapped.columns import Attribute, Column, Member, Relationship
from sqla_leaklint.domain.mapped.made_columns import made_by_helper, of_class
from sqla_leaklint.domain.mapped.relationship_reading import RELATIONSHIPS, read_relationship
from sqla_leaklint.domain.values import (
    BoundMethod,
    Clause,
    Literal,
    ProjectClass,
    ProjectFunction,
    Symbol,
    Value,
    alternatives,
)
from sqla_leaklint.knowledge.facts import LoadStrategy
from sqla_leaklint.semantic import terms as t
from sqla_leaklint.semantic.questions import is_true

if TYPE_CHECKING:
    from sqla_leaklint.domain.evaluation import Evaluator, Frame

_COLUMNS = frozenset(
    {"sqlalchemy.Column", "sqlalchemy.orm.mapped_column", "sqlmodel.Field", "sqlalchemy.orm.column_property"}
)
_DEFERRED = "sqlalchemy.orm.deferred"
_MAPPED = frozenset({"sqlalchemy.orm.Mapped", "sqlalchemy.orm.base.Mapped"})
_WRITE_ONLY = frozenset({"sqlalchemy.orm.WriteOnlyMapped", "sqlalchemy.orm.DynamicMapped"})
_PROPERTIES = frozenset({"builtins.property", "functools.cached_property"})
_HYBRIDS = ("sqlalchemy.ext.hybrid.",)
_DECLARED = ("sqlalchemy.orm.declared_attr", "sqlalchemy.ext.declarative.declared_attr")
_TEMPORAL = frozenset(f"datetime.{name}" for name in ("datetime", "date", "time"))
_LARGE_PYTHON_TYPES = frozenset({"builtins.bytes", "builtins.dict", "builtins.list", "typing.Dict", "typing.List"})
"""What `Mapped[bytes]` or `Mapped[dict[…]]` is without a type of its own: a blob, or what a type map makes of it,
JSON or an array."""

_DEEPEST = 4
"""Functions that make a column of what another one makes."""


class AttributeReader:
    """Reads the attributes of one class's body, in the frame of its module, for a class that has them (`cls`)."""

    def __init__(
        self, evaluator: Evaluator, frame: Frame, *, is_sqlmodel: bool, cls: ProjectClass | None = None, depth: int = 0
    ) -> None:
        self.evaluator = evaluator
        self.frame = frame
        self.is_sqlmodel = is_sqlmodel
        self.cls = cls
        self.depth = depth

    def read(self, name: str, term: t.Term) -> Member | None:
        """What a name in a class body is; None for what SQLAlchemy does not look at (`__tablename__`, constants)."""
        if name.startswith("__"):
            return None
        match term:
            case t.Declared():
                return self._declared(name, term)
            case t.Call():
                return self.made(name, term, None)
            case t.FunctionRef():
                return self._function(name, term)
            case _:
                return None

    # --- columns ---

    def _declared(self, name: str, term: t.Declared) -> Member | None:
        annotation, is_mapped, strategy = self._mapped(term.annotation)
        if isinstance(term.value, t.Call):
            found = self.made(name, term.value, annotation)
            return (
                replace(found, strategy=strategy) if isinstance(found, Relationship) and strategy is not None else found
            )
        if is_mapped or (
            self.is_sqlmodel and not name.startswith("_") and not self._is_class_variable(term.annotation)
        ):
            return self._by_annotation(Column(name), annotation)
        return None

    def _mapped(self, annotation: t.Term) -> tuple[t.Term, bool, LoadStrategy | None]:
        """What stands in `Mapped[…]`, whether it does, and how a relationship of that annotation is loaded."""
        if isinstance(annotation, t.Item):
            path = self.path_of(annotation.value)
            if path in _MAPPED:
                return annotation.key, True, None
            if path in _WRITE_ONLY:
                dynamic = LoadStrategy.DYNAMIC if path and path.endswith("DynamicMapped") else LoadStrategy.WRITE_ONLY
                return annotation.key, True, dynamic
        return annotation, False, None

    def _is_class_variable(self, annotation: t.Term) -> bool:
        target = annotation.value if isinstance(annotation, t.Item) else annotation
        return self.path_of(target) in {"typing.ClassVar", "sqlalchemy.orm.Relationship"}

    def made(self, name: str, call: t.Call, annotation: t.Term | None) -> Member | None:
        """What the call that makes the attribute says of it."""
        path = self.path_of(call.func)
        if path == _DEFERRED:
            inner = call.args[0] if call.args else None
            made = self.made(name, inner, annotation) if isinstance(inner, t.Call) else None
            return replace(made, is_deferred=True) if isinstance(made, Column) else Attribute.OTHER
        if path in RELATIONSHIPS:
            return read_relationship(self, name, call, annotation)
        if path is None or path in _COLUMNS:
            declared = self._by_annotation(Column(name), annotation) if annotation is not None else Column(name)
            column = self.column(declared, call)
            if column is not None:
                return column
        row = self.evaluator.knowledge.function(path) if path is not None else None
        if row is not None and row.returns == "column":
            return Attribute.OTHER
        return Attribute.OTHER if path is None or annotation is not None else None

    def column(self, column: Column, call: t.Call) -> Column | None:
        """A column as a call makes it, of the library or of a function that does; None where it makes anything else."""
        if self.path_of(call.func) in _COLUMNS:
            return self._column(column, call)
        made = made_by_helper(self.evaluator, call, self.frame) if self.depth < _DEEPEST else None
        return self._in(made[1]).column(column, made[0]) if made is not None else None

    def _in(self, frame: Frame) -> AttributeReader:
        """A reader of what a function makes of one of the attributes, in the function's frame."""
        return AttributeReader(self.evaluator, frame, is_sqlmodel=self.is_sqlmodel, cls=self.cls, depth=self.depth + 1)

    def _column(self, column: Column, call: t.Call) -> Column:
        given = dict(call.keywords)
        inner = given.get("sa_column")
        if isinstance(inner, t.Call):
            column = self._column(column, inner)
        for term in (*call.args, *(given[key] for key in ("type_", "sa_type") if key in given)):
            called = self.path_of(term.func) if isinstance(term, t.Call) else None
            if called == "sqlalchemy.ForeignKey":
                assert isinstance(term, t.Call)
                column = replace(column, foreign_key=self._text(term.args[0]) if term.args else "?")
            elif not isinstance(term, t.Const | t.Star):
                column = self._typed(column, self.evaluator.of(term, self.frame))
        if "foreign_key" in given:
            column = replace(column, foreign_key=_text(given["foreign_key"]))
        return replace(
            column,
            is_primary_key=column.is_primary_key or self._is_true(given.get("primary_key")),
            is_unique=column.is_unique or self._is_true(given.get("unique")),
            is_deferred=column.is_deferred or self._is_true(given.get("deferred")),
        )

    def _is_true(self, term: t.Term | None) -> bool:
        return is_true(term) or (isinstance(term, t.Param) and self.evaluator.of(term, self.frame) == Literal(True))

    def _text(self, term: t.Term) -> str:
        value = self.evaluator.of(term, self.frame) if isinstance(term, t.Param) else None
        return value.value if isinstance(value, Literal) and isinstance(value.value, str) else _text(term)

    def _typed(self, column: Column, value: Value) -> Column:
        path = self.type_path(value)
        if path is None:
            return column
        row = self.evaluator.knowledge.column_type(path)
        is_large = row.is_large if row is not None else False
        return replace(column, type=path, is_large=is_large, is_temporal=_is_temporal(path))

    def type_path(self, value: Value, depth: int = 0) -> str | None:
        """The canonical name of a column's type: of `Text`, `String(80)`, `MutableDict.as_mutable(JSON)`, a
        `TypeDecorator`.
        """
        knowledge = self.evaluator.knowledge
        if depth > 5:
            return None
        for each in alternatives(value):
            match each:
                case Symbol():
                    path: str | None = each.path
                case Clause():
                    path = each.operator
                    if knowledge.column_type(path) is None:
                        inner = (self.type_path(operand, depth + 1) for operand in each.operands)
                        path = next((found for found in inner if found is not None), None)
                case ProjectClass():
                    path = self.type_path(self.evaluator.classes.class_attribute(each, "impl"), depth + 1)
                case _:
                    cls = getattr(each, "cls", None)
                    path = self.type_path(cls, depth + 1) if isinstance(cls, ProjectClass) else None
            if path is not None and knowledge.column_type(path) is not None:
                return knowledge.canonical(path) or path
        return None

    def _by_annotation(self, column: Column, annotation: t.Term) -> Column:
        for part, scope in declarations.expanded(self.evaluator, annotation, self.frame):
            if isinstance(part, t.Const) and part.value is None:
                continue
            if isinstance(part, t.Item):
                path = self.path_of(part.value, scope)
                arguments = declarations.arguments_of(part)
                if path in {"typing.Optional", "typing.Union"}:
                    column = self._by_annotation(column, arguments[0])
                elif path == "typing.Annotated":
                    column = self._by_annotation(column, arguments[0])
                    for each in arguments[1:]:
                        if isinstance(each, t.Call) and self.path_of(each.func, scope) in _COLUMNS:
                            reader = AttributeReader(self.evaluator, scope, is_sqlmodel=self.is_sqlmodel)
                            column = reader._column(column, each)
                else:
                    column = replace(column, is_large=path in _LARGE_PYTHON_TYPES)
                continue
            path = self.path_of(part, scope)
            if path in _TEMPORAL:
                column = replace(column, is_temporal=True)
            elif path in _LARGE_PYTHON_TYPES:
                column = replace(column, is_large=True)
        return column

    # --- functions ---

    def _function(self, name: str, term: t.FunctionRef) -> Member:
        function = self.evaluator.classes.function(ProjectFunction(self.frame.module.path, term.qualname))
        if function is None:
            return Attribute.OTHER
        paths = [self.path_of(decorator) or "" for decorator in function.decorators]
        if any(path.startswith(_DECLARED) for path in paths):
            made = [each for each in function.returns if isinstance(each, t.Call)]
            reader = self._in(of_class(self.frame, function, self.cls)) if self.cls is not None else self
            found = reader.made(name, made[0], None) if made else None
            return found if found is not None else Attribute.OTHER
        if any(path.startswith(_HYBRIDS) for path in paths):
            return Attribute.HYBRID
        if any(path in _PROPERTIES for path in paths):
            return Attribute.PROPERTY
        return (
            Attribute.METHOD
            if not paths or set(paths) <= {"builtins.classmethod", "builtins.staticmethod"}
            else Attribute.OTHER
        )

    def path_of(self, term: t.Term, frame: Frame | None = None) -> str | None:
        """The canonical name of what a term names in a library."""
        knowledge = self.evaluator.knowledge
        for value in alternatives(self.evaluator.of(term, frame or self.frame)):
            match value:
                case Symbol(path=path):
                    return knowledge.canonical(path) or path
                case BoundMethod(receiver=receiver, name=name):
                    # `db.relationship` is made by `db`, and is that of the library that it stands for
                    owner = self.evaluator.classes.library_type(receiver)
                    row = knowledge.type(owner) if owner is not None else None
                    paths = (knowledge.canonical(f"{module}.{name}") for module in (row.falls_back_to if row else ()))
                    return next((path for path in paths if path is not None), None)
                case _:
                    pass
        return None

    def table(self, call: t.Call) -> Iterator[Column]:
        """The columns of `Table("name", metadata, Column("id", Integer), …)`."""
        for term in call.args:
            if isinstance(term, t.Call) and self.path_of(term.func) == "sqlalchemy.Column" and term.args:
                name = _text(term.args[0])
                if name:
                    yield self._column(Column(name), term)


def _text(term: t.Term) -> str:
    return term.value if isinstance(term, t.Const) and isinstance(term.value, str) else "?"


def _is_temporal(path: str) -> bool:
    return path.rpartition(".")[2].lower() in {"datetime", "date", "time", "timestamp", "datetime2", "datetimeoffset"}
