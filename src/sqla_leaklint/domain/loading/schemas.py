"""Response models: which attributes Pydantic reads of an object that it validates, and of what these lead to.

    class ItemOut(BaseModel):
        id: int
        product: ProductOut                   # reads `item.product`, and what `ProductOut` reads of it

    class OrderOut(BaseModel):
        number: str
        lines: list[ItemOut] = Field(validation_alias="items")      # reads `order.items`

FastAPI validates what an endpoint returns by its attributes, whatever the configuration of the model says.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqla_leaklint.domain.linking import declarations
from sqla_leaklint.domain.mapped.models import Model
from sqla_leaklint.domain.mapped.relationships import relationship_of, target_of
from sqla_leaklint.domain.values import ProjectClass, Symbol, alternatives
from sqla_leaklint.semantic import terms as t

if TYPE_CHECKING:
    from sqla_leaklint.domain.evaluation import Evaluator, Frame

_BASES = frozenset({"pydantic.BaseModel", "pydantic.main.BaseModel", "sqlmodel.SQLModel"})
_TAKES_THE_OBJECT = frozenset({"model_validator", "root_validator", "validate_model"})
"""Decorators of validators that may be given the object itself, and make something else of it."""
_GETS_ITSELF = frozenset({"__get_validators__", "__get_pydantic_core_schema__", "model_validate", "from_orm"})
_LISTS = frozenset({"builtins.list", "builtins.set", "builtins.tuple", "builtins.frozenset"}) | frozenset(
    f"{module}.{name}"
    for module in ("typing", "collections.abc")
    for name in ("List", "Set", "Tuple", "Sequence", "Iterable", "Collection", "FrozenSet")
)
_BY_NAME = ("populate_by_name", "validate_by_name", "allow_population_by_field_name")
_DEEPEST = 5


@dataclass(frozen=True, slots=True)
class Field:
    """A field of a response model: the attribute that it reads, and its annotation in the frame of its class."""

    attribute: str
    annotation: t.Term
    frame: Frame


def relationships_read(
    evaluator: Evaluator, schema: ProjectClass, model: Model, seen: frozenset[ProjectClass] = frozenset()
) -> Iterator[tuple[str, ...]]:
    """The relationships, as paths from `model`, that validating one of its rows by `schema` reads."""
    if schema in seen or len(seen) > _DEEPEST:
        return
    for field in fields_of(evaluator, schema):
        relationship = relationship_of(evaluator, model, field.attribute)
        if relationship is None:
            continue
        yield (field.attribute,)
        target = target_of(evaluator, relationship)
        inner = [cls for cls, _ in schemas_in(evaluator, field.annotation, field.frame)]
        if target is not None and len(inner) == 1:
            for path in relationships_read(evaluator, inner[0], target, seen | {schema}):
                yield field.attribute, *path


def fields_of(evaluator: Evaluator, schema: ProjectClass) -> Iterator[Field]:
    """The fields that are read of an object; none where the class may look at it in a way of its own."""
    classes = evaluator.classes
    line = classes.line(schema)
    if classes.is_mapped(schema) or not any(isinstance(base, Symbol) and base.path in _BASES for base in line):
        return
    found: dict[str, Field | None] = {}
    for base in line:
        summary = classes.summary(base) if isinstance(base, ProjectClass) else None
        frame = classes.frame(base) if isinstance(base, ProjectClass) else None
        if summary is None or frame is None:
            if isinstance(base, Symbol) and base.path not in _BASES and base.path != "typing.Generic":
                return  # what another library's base does is not known
            continue
        if _GETS_ITSELF & summary.attributes.keys() or any(
            _takes_the_object(evaluator, base, term) for term in summary.attributes.values()
        ):
            return
        if isinstance(base, ProjectClass) and _renames(evaluator, base, summary.attributes):
            return
        for name, annotation in summary.annotations.items():
            attribute = _attribute(name, summary.attributes.get(name))
            found.setdefault(name, Field(attribute, annotation, frame) if attribute else None)
    yield from (field for field in found.values() if field is not None)


def schemas_in(
    evaluator: Evaluator, annotation: t.Term, frame: Frame, *, is_listed: bool = False
) -> Iterator[tuple[ProjectClass, bool]]:
    """The classes of the project that an annotation names, each with whether it stands in a list."""
    for part, scope in declarations.expanded(evaluator, annotation, frame):
        if isinstance(part, t.Item):
            generic = alternatives(evaluator.of(part.value, scope))
            path = next((each.path for each in generic if isinstance(each, Symbol)), "")
            arguments = declarations.arguments_of(part)
            if path.endswith(".Annotated"):
                arguments = arguments[:1]
            elif path not in _LISTS and not path.endswith((".Optional", ".Union")):
                continue
            for argument in arguments:
                yield from schemas_in(evaluator, argument, scope, is_listed=is_listed or path in _LISTS)
            continue
        for value in alternatives(evaluator.of(part, scope)):
            if isinstance(value, ProjectClass):
                yield value, is_listed


def _attribute(name: str, default: t.Term | None) -> str:
    """The attribute that a field reads: its alias where it has one, "" where that is not written out."""
    value = default.value if isinstance(default, t.Declared) else default
    if not isinstance(value, t.Call):
        return name
    alias = value.keyword("validation_alias") or value.keyword("alias")
    if alias is None:
        return name
    return alias.value if isinstance(alias, t.Const) and isinstance(alias.value, str) else ""


def _takes_the_object(evaluator: Evaluator, cls: ProjectClass | Symbol, term: t.Term) -> bool:
    if not isinstance(term, t.FunctionRef) or not isinstance(cls, ProjectClass):
        return False
    module = evaluator.project.summary_at(cls.path)
    function = module.functions.get(term.qualname) if module is not None else None
    for decorator in function.decorators if function is not None else ():
        name = decorator.func if isinstance(decorator, t.Call) else decorator
        if isinstance(name, t.Ref) and name.path.rpartition(".")[2] in _TAKES_THE_OBJECT:
            mode = decorator.keyword("mode") if isinstance(decorator, t.Call) else None
            return not (isinstance(mode, t.Const) and mode.value == "after")
    return False


def _renames(evaluator: Evaluator, cls: ProjectClass, attributes: dict[str, t.Term]) -> bool:
    """Whether the configuration of a class makes other names of its fields, or reads attributes in a way of its own."""
    config = attributes.get("model_config")
    given = dict(config.keywords) if isinstance(config, t.Call) else {}
    if isinstance(config, t.Collection):
        pairs = zip(config.keys, config.elements, strict=False)
        given = {key.value: value for key, value in pairs if isinstance(key, t.Const) and isinstance(key.value, str)}
    inner = attributes.get("Config")
    if isinstance(inner, t.ClassRef):
        summary = evaluator.classes.summary(ProjectClass(cls.path, inner.qualname))
        given |= summary.attributes if summary is not None else {}
    if "getter_dict" in given:
        return True
    is_by_name = any(isinstance(given.get(key), t.Const) for key in _BY_NAME)
    return "alias_generator" in given and not is_by_name
