"""The options that an engine is made with, as far as the program's text tells: by keyword, or unpacked from a dict.

    POOL = {"pool_size": 20, "max_overflow": -1}
    engine = create_engine(URL, pool_pre_ping=True, **POOL)

What a name, a setting's default or a class says counts as well as what stands in the call itself.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqla_leaklint.domain.values import (
    Literal,
    ModuleValue,
    ProjectClass,
    ProjectInstance,
    Unknown,
    Value,
    alternatives,
)
from sqla_leaklint.semantic import terms as t
from sqla_leaklint.semantic.project import binding
from sqla_leaklint.semantic.summary import ModuleSummary

if TYPE_CHECKING:
    from sqla_leaklint.domain.evaluation import Evaluator, Frame

_DEEPEST = 4
"""Dicts that are unpacked into dicts, and names that are other names, before it is given up."""


def options_of(evaluator: Evaluator, call: t.Call, frame: Frame) -> dict[str, Value]:
    """The options of a call by name, with their values; what stands in the call counts before what is unpacked."""
    found: dict[str, Value] = {}
    for argument in call.args:
        if isinstance(argument, t.Star) and argument.depth > 1:
            found.update(entries(evaluator, argument.value, frame))
    found.update({name: setting(evaluator, value, frame) for name, value in call.keywords})
    return found


def entries(evaluator: Evaluator, term: t.Term, frame: Frame, depth: int = 0) -> dict[str, Value]:
    """The entries of a dict that is written out somewhere, by those keys that are constants."""
    if depth > _DEEPEST:
        return {}
    match term:
        case t.Collection(kind="dict"):
            found: dict[str, Value] = {}
            for key, value in zip(term.keys, term.elements, strict=True):
                if isinstance(value, t.Star):
                    found.update(entries(evaluator, value.value, frame, depth + 1))
                elif isinstance(key, t.Const) and isinstance(key.value, str):
                    found[key.value] = setting(evaluator, value, frame)
            return found
        case t.Call(func=t.Ref(path="builtins.dict")):
            return options_of(evaluator, term, frame)
        case t.Declared(value=value) if value is not None:
            return entries(evaluator, value, frame, depth + 1)
        case t.Ref():
            bound = _bound(evaluator, term.path, frame)
            return entries(evaluator, bound[1], evaluator.frame(bound[0]), depth + 1) if bound is not None else {}
        case _:
            return {}


def setting(evaluator: Evaluator, term: t.Term, frame: Frame) -> Value:
    """The value of an option; of an attribute of settings, which the environment may set, its default."""
    value = evaluator.of(term, frame)
    if not isinstance(value, Unknown | ProjectInstance):
        return value
    match term:
        case t.Attr(base=base, name=name):
            owners = alternatives(evaluator.of(base, frame))
        case t.Ref(path=path):
            owner, _, name = path.rpartition(".")
            owners = (evaluator.reference(owner, frame.module),) if owner else ()
        case _:
            return value
    for each in owners:
        cls = each.cls if isinstance(each, ProjectInstance) else each
        if isinstance(cls, ProjectClass):
            default = _default(evaluator, cls, name)
            if default is not None:
                return default
    return value


def _default(evaluator: Evaluator, cls: ProjectClass, name: str) -> Value | None:
    """What the body of a class binds an attribute to: itself, or by `Field(default)`."""
    for base in evaluator.classes.line(cls):
        module = evaluator.project.summary_at(base.path) if isinstance(base, ProjectClass) else None
        if not isinstance(base, ProjectClass) or module is None or base.qualname not in module.classes:
            continue
        term = module.classes[base.qualname].attributes.get(name)
        if isinstance(term, t.Declared):
            term = term.value
        if isinstance(term, t.Call) and isinstance(term.func, t.Ref) and term.func.path in _FIELDS:
            term = term.keyword("default") or (term.args[0] if term.args else None)
        if term is not None:
            value = evaluator.of(term, evaluator.frame(module))
            return value if isinstance(value, Literal) else None
    return None


_FIELDS = frozenset({"pydantic.Field", "pydantic.fields.Field", "dataclasses.field"})


def _bound(evaluator: Evaluator, path: str, frame: Frame) -> tuple[ModuleSummary, t.Term] | None:
    """What a name means at module level, or in the body of a class."""
    target = evaluator.project.resolve(path, frame.module)
    if target is None or not target[1]:
        return None
    found = binding(evaluator.project, target[0], target[1][0])
    if len(target[1]) == 1 or found is None:
        return found
    owner = evaluator.reference(path.rpartition(".")[0], frame.module)
    for each in alternatives(owner):
        cls = each.cls if isinstance(each, ProjectInstance) else each
        module = evaluator.project.summary_at(cls.path) if isinstance(cls, ProjectClass | ModuleValue) else None
        if isinstance(cls, ProjectClass) and module is not None and cls.qualname in module.classes:
            term = module.classes[cls.qualname].attributes.get(target[1][-1])
            return (module, term) if term is not None else None
    return None
