"""Which classes are mapped to tables, and what makes a class a base of such."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqla_leaklint.domain.values import BoundMethod, ProjectClass, Symbol
from sqla_leaklint.knowledge.facts import Kind
from sqla_leaklint.knowledge.sqlalchemy import AS_DECLARATIVE
from sqla_leaklint.semantic import terms as t
from sqla_leaklint.semantic.summary import ClassSummary

if TYPE_CHECKING:
    from sqla_leaklint.domain.evaluation import Evaluator, Frame


def is_mapped(evaluator: Evaluator, cls: ProjectClass) -> bool:
    """Whether a class is mapped: it extends a declarative base and is not one itself."""
    for base in evaluator.classes.line(cls):
        path = base.path if isinstance(base, Symbol) else None
        if path is not None and evaluator.knowledge.is_a(path, Kind.DECLARATIVE_BASE):
            return _is_table(evaluator, cls, path)
    return False


def is_made_declarative(evaluator: Evaluator, summary: ClassSummary, frame: Frame) -> bool:
    """`@as_declarative()`, `@registry.as_declarative_base()`."""
    functions = (each.func if isinstance(each, t.Call) else each for each in summary.decorators)
    return any(
        value == Symbol(AS_DECLARATIVE) or (isinstance(value, BoundMethod) and value.name == "as_declarative_base")
        for value in (evaluator.of(function, frame) for function in functions)
    )


def _is_table(evaluator: Evaluator, cls: ProjectClass, base: str) -> bool:
    """SQLModel maps only classes with `table=True`; a plain declarative class is mapped unless it is a base or
    abstract.
    """
    summary, frame = evaluator.classes.summary(cls), evaluator.classes.frame(cls)
    if summary is None or frame is None:
        return False
    if base.startswith("sqlmodel."):
        return any(
            key == "table" and isinstance(term, t.Const) and term.value is True for key, term in summary.keywords
        )
    if any(isinstance(evaluator.of(term, frame), Symbol) for term in summary.bases) and not any(
        isinstance(base, ProjectClass) for base in evaluator.classes.line(cls)[1:]
    ):
        return False  # class Base(DeclarativeBase): the base of models, not a model
    if summary.decorators and is_made_declarative(evaluator, summary, frame):
        return False
    abstract = summary.attributes.get("__abstract__")
    if isinstance(abstract, t.Const) and abstract.value is True:
        return False
    return any(
        "__tablename__" in found.attributes or "__table__" in found.attributes or "__mapper_args__" in found.attributes
        for found in evaluator.classes.project_line(cls)
    ) or _has_columns(evaluator, cls)


def _has_columns(evaluator: Evaluator, cls: ProjectClass) -> bool:
    summary, frame = evaluator.classes.summary(cls), evaluator.classes.frame(cls)
    if summary is None or frame is None:
        return False
    for term in summary.attributes.values():
        call = term.value if isinstance(term, t.Declared) else term
        if isinstance(call, t.Call):
            value = evaluator.of(call.func, frame)
            row = evaluator.knowledge.function(value.path) if isinstance(value, Symbol) else None
            if row is not None and row.returns == "column":
                return True
    return False
