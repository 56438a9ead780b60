"""Reading relationships of mapped classes: what they lead to, how many, and when they are loaded."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from sqla_leaklint.domain.linking import declarations
from sqla_leaklint.domain.mapped.columns import Relationship
from sqla_leaklint.domain.values import Literal, ProjectClass, alternatives
from sqla_leaklint.knowledge.facts import LoadStrategy
from sqla_leaklint.semantic import terms as t

if TYPE_CHECKING:
    from sqla_leaklint.domain.mapped.attribute_reading import AttributeReader

RELATIONSHIPS = frozenset({"sqlalchemy.orm.relationship", "sqlalchemy.orm.dynamic_loader", "sqlmodel.Relationship"})
_SEQUENCES = frozenset(
    [f"builtins.{name}" for name in ("list", "set", "dict", "frozenset", "tuple")]
    + [
        f"{m}.{name}"
        for m in ("typing", "collections.abc")
        for name in ("List", "Set", "Dict", "Sequence", "Mapping", "Any")
    ]
)


def read_relationship(reader: AttributeReader, name: str, call: t.Call, annotation: t.Term | None) -> Relationship:
    """The relationship that a call makes, below an annotation if there is one."""
    given = dict(call.keywords)
    made = given.get("sa_relationship")
    if isinstance(made, t.Call):  # SQLModel passes a relationship of SQLAlchemy on
        return read_relationship(reader, name, made, annotation)
    given.update(_written_out(given.get("sa_relationship_kwargs")))
    target: ProjectClass | None = None
    is_collection: bool | None = None
    if annotation is not None:
        target, is_collection = _related(reader, annotation)
    first = call.args[0] if call.args else given.get("argument")
    if target is None and first is not None:
        target = _entity(reader, first)
    uselist = given.get("uselist")
    if isinstance(uselist, t.Const) and isinstance(uselist.value, bool):
        is_collection = uselist.value
    elif "secondary" in given:
        is_collection = True
    elif "remote_side" in given and is_collection is None:
        is_collection = False  # a row's parent in its own table
    named = _named(annotation, first) if target is None else ""
    return Relationship(name, target, is_collection, strategy_of(reader, call, given), named)


def strategy_of(reader: AttributeReader, call: t.Call, given: Mapping[str, t.Term]) -> LoadStrategy | None:
    """How the relationship is loaded unless a query says otherwise; None when that is not written out."""
    if reader.path_of(call.func) == "sqlalchemy.orm.dynamic_loader":
        return LoadStrategy.DYNAMIC
    if any(isinstance(each, t.Star) for each in call.args):
        return None
    lazy = given.get("lazy")
    if lazy is None:
        return LoadStrategy.LAZY
    value = reader.evaluator.of(lazy, reader.frame)
    row = (
        reader.evaluator.knowledge.lazy_value(value.value)
        if isinstance(value, Literal) and isinstance(value.value, str | bool | None)
        else None
    )
    return row.strategy if row is not None else None


def _related(reader: AttributeReader, annotation: t.Term) -> tuple[ProjectClass | None, bool | None]:
    for part, scope in declarations.expanded(reader.evaluator, annotation, reader.frame):
        if isinstance(part, t.Const):
            continue
        if isinstance(part, t.Item):
            path = reader.path_of(part.value, scope)
            if path in {"typing.Optional", "typing.Union"}:
                return _related(reader, declarations.arguments_of(part)[0])
            return _entity(reader, declarations.arguments_of(part)[-1]), path in _SEQUENCES
        return _entity(reader, part), False
    return None, None


def _entity(reader: AttributeReader, term: t.Term) -> ProjectClass | None:
    """The class that a relationship's argument or annotation names, as a class, a string or a lambda."""
    for part, scope in declarations.expanded(reader.evaluator, term, reader.frame):
        if isinstance(part, t.FunctionRef):
            function = scope.module.functions.get(part.qualname)
            return _entity(reader, function.returns[0]) if function is not None and function.returns else None
        for value in alternatives(reader.evaluator.of(part, scope)):
            if isinstance(value, ProjectClass):
                return value
    return None


def _named(*terms: t.Term | None) -> str:
    """The one string in some terms that can be the name of a class, with the module or without."""
    found = {
        part.value
        for part in t.all_in(term for term in terms if term is not None)
        if isinstance(part, t.Const) and isinstance(part.value, str)
    }
    return name if len(found) == 1 and all(map(str.isidentifier, (name := found.pop()).split("."))) else ""


def _written_out(term: t.Term | None) -> Iterator[tuple[str, t.Term]]:
    """The items of a dictionary that is written out; what it unpacks or cannot be read may say how to load."""
    if term is None:
        return
    if not isinstance(term, t.Collection) or term.kind != "dict":
        yield "lazy", term
        return
    for key, value in zip(term.keys, term.elements, strict=True):
        if isinstance(key, t.Const) and isinstance(key.value, str):
            yield key.value, value
        else:
            yield "lazy", value
