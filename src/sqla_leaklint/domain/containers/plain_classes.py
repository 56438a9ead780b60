"""Classes that leave what their bodies bind as it is, so that all their objects share it.

    class Names(metaclass=Singleton):
        seen = []                        # one list, whatever `Singleton` does when `Names()` is called

A metaclass that only says what a call of its classes gives, or what they are instances of, leaves a class body alone.
One that has a hand in the making of a class, as Pydantic's or an ORM's have, may copy what it finds or take it away.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqla_leaklint.domain.values import ProjectClass, Symbol, alternatives

if TYPE_CHECKING:
    from sqla_leaklint.domain.evaluation import Evaluator, Frame
    from sqla_leaklint.semantic.summary import ClassSummary

_SAFE_BASES = frozenset({"builtins", "abc", "typing", "threading", "logging", "starlette", "socketio", "contextlib"})
"""Libraries whose classes leave what a class body binds as it is; others (Pydantic) copy it for each instance."""

_NO_PLAIN_CLASS = frozenset({"typing.TypedDict", "typing.NamedTuple", "typing.Protocol"})
_PLAIN_METACLASSES = frozenset({"builtins.type", "abc.ABCMeta"})
_MAKES_CLASSES = ("__new__", "__init__", "__prepare__", "__getattribute__", "__setattr__", "mro")
"""Methods by which a metaclass makes its classes what they are, or answers for their attributes."""


def is_plain_class(evaluator: Evaluator, cls: ProjectClass) -> bool:
    """Whether what the class body binds is what all instances share."""
    classes = evaluator.classes
    if classes.summary(cls) is None or classes.is_mapped(cls):
        return False
    for base in classes.line(cls):
        if isinstance(base, Symbol):
            if base.path.partition(".")[0] not in _SAFE_BASES or base.path in _NO_PLAIN_CLASS:
                return False
            continue
        found, frame = classes.summary(base), classes.frame(base)
        if found is None or frame is None or not _has_plain_metaclass(evaluator, found, frame):
            return False
        if not all(isinstance(classes.base_class(term, frame), ProjectClass | Symbol) for term in found.bases):
            return False
    return True


def _has_plain_metaclass(evaluator: Evaluator, summary: ClassSummary, frame: Frame) -> bool:
    """Whether nothing that a class statement says besides its bases (`metaclass=…`) changes what its body binds."""
    return all(
        name == "metaclass"
        and all(_is_plain_metaclass(evaluator, each) for each in alternatives(evaluator.of(value, frame)))
        for name, value in summary.keywords
    )


def _is_plain_metaclass(evaluator: Evaluator, value: object) -> bool:
    if not isinstance(value, ProjectClass):
        return isinstance(value, Symbol) and value.path in _PLAIN_METACLASSES
    classes = evaluator.classes
    for base in classes.line(value):
        if isinstance(base, Symbol):
            if base.path not in _PLAIN_METACLASSES:
                return False
            continue
        found, frame = classes.summary(base), classes.frame(base)
        if found is None or frame is None or any(name in found.attributes for name in _MAKES_CLASSES):
            return False
        if not all(isinstance(classes.base_class(term, frame), ProjectClass | Symbol) for term in found.bases):
            return False
    return True
