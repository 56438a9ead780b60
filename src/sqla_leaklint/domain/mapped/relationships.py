"""Relationships across models: back-references, the class at the other end, and how many rows there are.

    class Post(Base):
        author_id = Column(ForeignKey("users.id"))
        author = relationship("User", backref="posts")

`Post.author` leads to one `User`, for the foreign key is here; `User.posts`, of which the class `User` says nothing,
leads to many.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from sqla_leaklint.domain.mapped.attribute_reading import AttributeReader
from sqla_leaklint.domain.mapped.columns import Column, Relationship
from sqla_leaklint.domain.mapped.models import Model, models_of
from sqla_leaklint.domain.mapped.relationship_reading import strategy_of
from sqla_leaklint.domain.memo import Memo
from sqla_leaklint.domain.values import ProjectClass
from sqla_leaklint.knowledge.facts import LoadStrategy
from sqla_leaklint.semantic import terms as t
from sqla_leaklint.semantic.summary import ModuleSummary

if TYPE_CHECKING:
    from sqla_leaklint.domain.evaluation import Evaluator

_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")


def relationship_of(evaluator: Evaluator, model: Model, name: str) -> Relationship | None:
    """The relationship of that name: the model's own, or what another model's `backref=` makes of it."""
    if name in model.relationships:
        return model.relationships[name]
    if name in model.columns or name in model.others or name.startswith("_"):
        return None
    return _known(evaluator).back_reference(model, name)


def target_of(evaluator: Evaluator, relationship: Relationship) -> Model | None:
    """The model to which a relationship leads; a name that its module does not bind is looked for in the project."""
    models = models_of(evaluator)
    if relationship.target is not None:
        return models.of(relationship.target)
    return _known(evaluator).named(relationship.named) if relationship.named else None


def is_collection(evaluator: Evaluator, model: Model, relationship: Relationship) -> bool | None:
    """Whether a relationship leads to many rows, by the foreign keys where the model does not say; None: unknown."""
    if relationship.is_collection is not None:
        return relationship.is_collection
    target = target_of(evaluator, relationship)
    if target is None or target is model:
        return None
    forward, backward = bool(foreign_keys(model, target)), bool(foreign_keys(target, model))
    return backward if forward is not backward else None


def may_be_looked_up(evaluator: Evaluator, model: Model, relationship: Relationship) -> bool:
    """Whether what a relationship leads to may be found in the session by its key, before a query is sent: it may lead
    to one row, and the foreign key may be here.
    """
    target = target_of(evaluator, relationship)
    if target is None or is_collection(evaluator, model, relationship):
        return False
    return bool(foreign_keys(model, target)) or not foreign_keys(target, model)


def foreign_keys(model: Model, target: Model) -> list[Column]:
    """The columns of a model that refer to the table of another."""
    tables = {target.table} if target.table else {target.name.lower(), snake_case(target.name)}
    return [column for column in model.columns.values() if _table_of(column.foreign_key) in tables]


def snake_case(name: str) -> str:
    """The name of a class in the way of tables and variables: "order_item" of "OrderItem"."""
    return _HUMP.sub("_", name).lower()


def _table_of(foreign_key: str) -> str:
    parts = foreign_key.split(".")
    return parts[-2] if len(parts) > 1 else ""


class _Relationships:
    """What was looked for in the project, each once."""

    def __init__(self, evaluator: Evaluator) -> None:
        self._evaluator = evaluator
        self._back: dict[tuple[ProjectClass, str], Relationship | None] = {}
        self._named: dict[str, Model | None] = {}

    def named(self, name: str) -> Model | None:
        """The only mapped class of that name in the project, or in the module that is named with it."""
        if name not in self._named:
            models = models_of(self._evaluator)
            place, _, last = name.rpartition(".")
            found = {
                f".{module.name}": model
                for module in self._evaluator.project.mentioning(f"class {last}")
                if last in module.classes and (model := models.of(ProjectClass(module.path, last))) is not None
            }
            there = [model for module, model in found.items() if module.endswith(f".{place}")] if place else []
            candidates = there or list(found.values())  # a package may name what it imports
            self._named[name] = candidates[0] if len(candidates) == 1 else None
        return self._named[name]

    def back_reference(self, model: Model, name: str) -> Relationship | None:
        key = (model.cls, name)
        if key not in self._back:
            self._back[key] = None
            if self._evaluator.classes.find(model.cls, name, on_instance=True) is None:
                self._back[key] = next(self._back_references(model, name), None)
        return self._back[key]

    def _back_references(self, model: Model, name: str) -> Iterator[Relationship]:
        for module in self._modules(model, name):
            for qualname, summary in module.classes.items():
                for attribute, term in summary.attributes.items():
                    call = term.value if isinstance(term, t.Declared) else term
                    given = call.keyword("backref") if isinstance(call, t.Call) else None
                    if given is None or _name_in(given) != name:
                        continue
                    found = self._seen_from(model, name, ProjectClass(module.path, qualname), attribute, given)
                    if found is not None:
                        yield found

    def _modules(self, model: Model, name: str) -> Iterator[ModuleSummary]:
        project = self._evaluator.project
        if project.root is None:
            summary = project.summary_at(model.cls.path)
            if summary is not None:
                yield summary
        yield from project.mentioning("backref", and_any_of=(f'"{name}"', f"'{name}'"))

    def _seen_from(
        self, model: Model, name: str, cls: ProjectClass, attribute: str, given: t.Term
    ) -> Relationship | None:
        """The relationship `model.name` that `cls.attribute` makes by its `backref`."""
        other = models_of(self._evaluator).of(cls)
        forward = other.relationships.get(attribute) if other is not None else None
        frame = self._evaluator.classes.frame(cls)
        if other is None or forward is None or frame is None:
            return None
        target = target_of(self._evaluator, forward)
        if target is None or target.cls not in self._evaluator.classes.line(model.cls):
            return None
        strategy: LoadStrategy | None = LoadStrategy.LAZY
        is_many: bool | None = None
        if isinstance(given, t.Call):
            arguments = dict(given.keywords)
            strategy = strategy_of(AttributeReader(self._evaluator, frame, is_sqlmodel=False), given, arguments)
            uselist = arguments.get("uselist")
            is_many = uselist.value if isinstance(uselist, t.Const) and isinstance(uselist.value, bool) else None
        if is_many is None and (foreign_keys(other, model) or foreign_keys(model, other)):
            is_many = bool(foreign_keys(other, model))
        return Relationship(name, cls, is_many, strategy)


def _name_in(given: t.Term) -> str:
    """The name in `backref="posts"` and `backref=backref("posts", …)`."""
    if isinstance(given, t.Call):
        given = given.args[0] if given.args else given
    return given.value if isinstance(given, t.Const) and isinstance(given.value, str) else ""


_KNOWN: Memo[Evaluator, _Relationships] = Memo(_Relationships)


def _known(evaluator: Evaluator) -> _Relationships:
    return _KNOWN.of(evaluator)
