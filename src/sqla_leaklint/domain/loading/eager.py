"""Whether a relationship is loaded together with the rows of a query: by the model, by the query's options, or not.

Terms
    *path*: relationships from the entity that a query asks for to the one in question, by name: `("items", "product")`
    of `Order`.  *Link*: one relationship in a loader option, with its strategy: `selectinload(Order.items).joinedload(
    Item.product)` has two.

An option decides over the model.  What an option decides only on some paths, what it loads lazily on purpose, and
options that cannot be read are `UNKNOWN`, and so is a statement that a function out of sight may have added to.

    select(Order).options(selectinload(Order.items))
    ("items",)              EAGER, by the option
    ("items", "product")    what the model `Item` says of `product`
    ("customer",)           what the model `Order` says of `customer`
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

from sqla_leaklint.domain.mapped.models import Model
from sqla_leaklint.domain.mapped.relationships import relationship_of, target_of
from sqla_leaklint.domain.values import (
    BoundMethod,
    Clause,
    Literal,
    Many,
    ModelAttribute,
    ProjectClass,
    Statement,
    TupleValue,
    Value,
    alternatives,
)
from sqla_leaklint.knowledge.facts import LoadStrategy, Role

if TYPE_CHECKING:
    from sqla_leaklint.domain.evaluation import Evaluator
    from sqla_leaklint.domain.mapped.columns import Relationship

WITH_THE_ROWS = frozenset(
    {
        LoadStrategy.JOINED,
        LoadStrategy.SELECTIN,
        LoadStrategy.SUBQUERY,
        LoadStrategy.IMMEDIATE,
        LoadStrategy.JOINED_BY_QUERY,
    }
)
_OF_COLUMNS = frozenset({"load_only", "defer", "undefer", "undefer_group", "with_expression"})
_WITHOUT_LINKS = _OF_COLUMNS | {"Load", "with_loader_criteria", "selectin_polymorphic"}
_EVERY = "*"


class Loading(Enum):
    """When a relationship is loaded."""

    EAGER = "eager"
    """With the rows: reading it sends nothing."""
    LAZY = "lazy"
    """When it is read: each row sends a query of its own."""
    UNKNOWN = "unknown"
    """Undecided, or loaded in a way that is neither (`raise`, `noload`, `dynamic`, `write_only`, `lazyload(…)`)."""


def loading(evaluator: Evaluator, statement: Statement | None, model: Model, *path: str) -> Loading:
    """Whether the last relationship of a path from `model`, an entity of the statement, is loaded with its rows."""
    relationship = relationship_at(evaluator, model, *path)
    if relationship is None or statement is None:
        return Loading.UNKNOWN
    chosen = option_for(evaluator, statement, model, *path)
    if chosen is not None:
        return chosen
    if relationship.strategy in WITH_THE_ROWS:
        return Loading.EAGER
    is_lazy = relationship.strategy is LoadStrategy.LAZY and statement.is_whole
    return Loading.LAZY if is_lazy else Loading.UNKNOWN


def loaded_by_model(model: Model) -> list[Relationship]:
    """The relationships that come with the entities of every query, unless its options say otherwise."""
    return [each for each in model.relationships.values() if each.strategy in WITH_THE_ROWS]


def relationship_at(evaluator: Evaluator, model: Model, *path: str) -> Relationship | None:
    """The relationship to which a path leads; None when it leads through anything else."""
    found: Relationship | None = None
    at: Model | None = model
    for name in path:
        found = relationship_of(evaluator, at, name) if at is not None else None
        if found is None:
            return None
        at = target_of(evaluator, found)
    return found


def option_for(evaluator: Evaluator, statement: Statement, model: Model, *path: str) -> Loading | None:
    """What the options of a statement say of a relationship; None when they leave it to the model."""
    is_undecided = False
    for step in statement.steps:
        if step.role is not Role.LOADS:
            continue
        for argument in step.args:
            reader = _PathReader(evaluator, model, path)
            found = {reader.strategy(each) for each in alternatives(argument)}
            if found <= WITH_THE_ROWS and not step.is_conditional:
                return Loading.EAGER
            is_undecided = is_undecided or found != {None}
    return Loading.UNKNOWN if is_undecided else None


@dataclass(frozen=True, slots=True)
class Link:
    """One relationship in a loader option; `model` is None for one that is given as a string."""

    strategy: LoadStrategy
    model: ProjectClass | None
    name: str


def option_chains(evaluator: Evaluator, statement: Statement) -> Iterator[tuple[Link, ...] | None]:
    """The links of every option of a statement, from its entity on; None for an option that cannot be read."""
    for step in statement.steps:
        for argument in step.args if step.role is Role.LOADS else ():
            for option in alternatives(argument):
                try:
                    yield from _OptionReader(evaluator).chains(option)
                except _UndecidedError:
                    yield None


class _UndecidedError(Exception):
    """An option that cannot be read."""


class _PathReader:
    """Reads what one option says of one path."""

    def __init__(self, evaluator: Evaluator, model: Model, path: tuple[str, ...]) -> None:
        self.evaluator = evaluator
        self.model = model
        self.path = path

    def strategy(self, option: Value) -> LoadStrategy | None:
        """How the option loads the relationship (`NEUTRAL`: nobody can tell); None when it does not speak of it."""
        try:
            chains = list(_OptionReader(self.evaluator).chains(option))
        except _UndecidedError:
            return LoadStrategy.NEUTRAL
        return next((found for found in map(self._of_path, chains) if found is not None), None)

    def _of_path(self, chain: tuple[Link, ...]) -> LoadStrategy | None:
        last = len(self.path) - 1
        if len(chain) <= last:
            is_wildcard = chain and chain[-1].name == _EVERY and self._leads(chain[:-1])
            return LoadStrategy.NEUTRAL if is_wildcard else None
        link = chain[last]
        if not self._leads(chain[:last]) or link.name not in {self.path[last], _EVERY}:
            return None
        if last == 0 and not self._is_of_model(link):
            return None
        return link.strategy if link.strategy is not LoadStrategy.NEUTRAL else None

    def _leads(self, chain: tuple[Link, ...]) -> bool:
        """Whether a chain goes along the beginning of the path."""
        return all(link.name == name for link, name in zip(chain, self.path, strict=False)) and (
            not chain or self._is_of_model(chain[0])
        )

    def _is_of_model(self, link: Link) -> bool:
        """Whether the link begins at the model: at itself, a base, or a class that extends it."""
        line = self.evaluator.classes.line
        return link.model is None or link.model in line(self.model.cls) or self.model.cls in line(link.model)


@dataclass(frozen=True, slots=True)
class _OptionReader:
    """Reads the links of one option."""

    evaluator: Evaluator

    def chains(self, option: Value) -> Iterator[tuple[Link, ...]]:
        """The chains of links of an option; several where it has options of its own."""
        match option:
            case Many(element=element):
                for each in alternatives(element):
                    yield from self.chains(each)
            case TupleValue(elements=elements):
                for each in elements:
                    yield from self.chains(each)
            case Clause(operator=operator, operands=operands):
                name = operator.rpartition(".")[2]
                before: tuple[tuple[Link, ...], ...] = ((),)
                if operator == name:  # a method of another option
                    before, operands = tuple(self.chains(operands[0])), operands[1:]
                for chain in before:
                    yield from self._extended(chain, name, operands)
            case _:
                raise _UndecidedError

    def _extended(self, chain: tuple[Link, ...], name: str, operands: tuple[Value, ...]) -> Iterator[tuple[Link, ...]]:
        if name == "options":
            yield chain
            for operand in operands:
                for inner in self.chains(operand):
                    yield (*chain, *inner)
            return
        if name in _WITHOUT_LINKS:
            yield chain
            return
        row = self.evaluator.knowledge.loader_option(f"sqlalchemy.orm.{name}")
        if row is None:
            raise _UndecidedError
        for operand in operands:
            chain = (*chain, *self._links(operand, row.strategy))
        yield chain

    def _links(self, operand: Value, strategy: LoadStrategy) -> Iterator[Link]:
        match operand:
            case ModelAttribute(model=model, name=name) | BoundMethod(receiver=ProjectClass() as model, name=name):
                yield Link(strategy, model, name)
            case Clause(operands=(first, *_)):  # Order.items.and_(…), Order.items.of_type(…)
                yield from self._links(first, strategy)
            case Literal(value=str() as names):
                for name in names.split("."):
                    yield Link(strategy, None, name)
            case _:
                raise _UndecidedError
