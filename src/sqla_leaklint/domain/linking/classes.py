"""Classes of the project: their bases in order, their attributes, and what library class they extend."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from sqla_leaklint.domain.linking import calls, construction, decorators, library, mapping
from sqla_leaklint.domain.linking.merging import merge
from sqla_leaklint.domain.values import (
    BoundMethod,
    Dependency,
    Instance,
    ModelAttribute,
    Origin,
    ProjectClass,
    ProjectFunction,
    ProjectInstance,
    Statement,
    Super,
    Symbol,
    Unknown,
    Value,
    alternatives,
    with_origin,
)
from sqla_leaklint.knowledge.facts import Kind
from sqla_leaklint.knowledge.sqlalchemy import DECLARATIVE_BASE
from sqla_leaklint.semantic import terms as t
from sqla_leaklint.semantic.summary import ClassSummary, FunctionSummary

if TYPE_CHECKING:
    from sqla_leaklint.domain.evaluation import Evaluator, Frame


class Classes:
    """Answers questions about classes; bases are looked up once."""

    def __init__(self, evaluator: Evaluator) -> None:
        self._evaluator = evaluator
        self._lines: dict[ProjectClass, tuple[ProjectClass | Symbol, ...]] = {}
        self._climbed: set[ProjectClass] = set()
        self._frames: dict[tuple[ProjectInstance, ProjectClass], Frame] = {}
        self._returned: dict[tuple[str, str], frozenset[tuple[str, str]]] = {}

    def summary(self, cls: ProjectClass) -> ClassSummary | None:
        module = self._evaluator.project.summary_at(cls.path)
        return module.classes.get(cls.qualname) if module is not None else None

    def function(self, function: ProjectFunction) -> FunctionSummary | None:
        module = self._evaluator.project.summary_at(function.path)
        return module.functions.get(function.qualname) if module is not None else None

    def parameters_returned(self, path: str, function: FunctionSummary) -> frozenset[tuple[str, str]]:
        """The parameters, of whatever function, on which depends what a function returns or yields."""
        key = (path, function.qualname)
        known = self._returned.get(key)
        if known is None:
            found: set[tuple[str, str]] = set()
            module = self._evaluator.project.summary_at(path)
            pending: list[object] = [*function.returns, *function.yields]
            seen: set[int] = set()
            while pending:
                part = pending.pop()
                if id(part) in seen:
                    continue
                seen.add(id(part))
                if isinstance(part, t.Param):
                    found.add((part.function, part.name))
                elif isinstance(part, t.Local) and module is not None and part.function in module.functions:
                    pending.append(module.functions[part.function].locals.get(part.name))
                elif isinstance(part, tuple):
                    pending.extend(part)
                elif isinstance(part, t.Compare) and not isinstance(part.right, t.Const | t.Ref):
                    pending.append(part.left)  # the other side is not looked at (`Evaluator._comparison`)
                elif part is not None and type(part) in t.COMPOUND:
                    pending.extend(getattr(part, name) for name in part.__slots__)  # type: ignore[attr-defined]
            known = self._returned[key] = frozenset(found)
        return known

    def frame(self, cls: ProjectClass, instance: ProjectInstance | None = None) -> Frame | None:
        """The frame of a class's module; with an instance, its `__init__` knows the arguments that it was given."""
        module = self._evaluator.project.summary_at(cls.path)
        if module is None:
            return None
        if instance is None or (not instance.arguments and instance.cls == cls):
            return self._evaluator.frame(module)
        from sqla_leaklint.domain.evaluation import Frame

        key = (instance, cls)
        if key not in self._frames:
            arguments = construction.constructor_arguments(self._evaluator, instance, cls)
            self._frames[key] = Frame(module, arguments) if arguments else self._evaluator.frame(module)
        return self._frames[key]

    # --- the line of bases ---

    def line(self, cls: ProjectClass) -> tuple[ProjectClass | Symbol, ...]:
        """The class and all its bases, nearest first (depth first, which is enough to find where a name comes from)."""
        known = self._lines.get(cls)
        if known is None:
            if cls in self._climbed:
                self._evaluator.progress.cut_short()
                return (cls,)
            self._climbed.add(cls)
            known = self._lines[cls] = tuple(dict.fromkeys(self._climb(cls)))
            self._climbed.discard(cls)
        return known

    def _climb(self, cls: ProjectClass) -> Iterator[ProjectClass | Symbol]:
        yield cls
        summary, frame = self.summary(cls), self.frame(cls)
        if summary is None or frame is None:
            return
        for base in summary.bases:
            for value in alternatives(self.base_class(base, frame)):
                if isinstance(value, ProjectClass):
                    yield from self.line(value)
                elif isinstance(value, Symbol):
                    yield value
                    if isinstance(base, t.Ref) and (extended := self._extended_by(base, frame)) is not None:
                        yield from self.line(extended)
        if summary.decorators and mapping.is_made_declarative(self._evaluator, summary, frame):
            yield Symbol(DECLARATIVE_BASE)

    def _extended_by(self, base: t.Ref, frame: Frame) -> ProjectClass | None:
        """`Base = declarative_base(cls=Model)`: the project's own class that such a base extends."""
        value = self._evaluator.of(base, frame)
        return value.makes if isinstance(value, Instance) and isinstance(value.makes, ProjectClass) else None

    def base_class(self, base: t.Term, frame: Frame) -> Value:
        if isinstance(base, t.Item):  # Generic[T], Repository[User]
            return self.base_class(base.value, frame)
        value = self._evaluator.of(base, frame)
        if isinstance(value, Instance) and self._evaluator.knowledge.is_a(value.type, Kind.DECLARATIVE_BASE):
            return Symbol(value.type)  # Base = declarative_base(), db.Model
        return value

    def library_type(self, value: Value) -> str | None:
        """The class of the knowledge tables that a value is an instance of, directly or through the project's own
        classes.
        """
        match value:
            case Instance():
                return value.type
            case ProjectInstance():
                return self.library_base(value.cls)
            case _:
                return None

    def library_base(self, cls: ProjectClass) -> str | None:
        """The nearest base of a class that the knowledge tables have."""
        knowledge = self._evaluator.knowledge
        for base in self.line(cls):
            if isinstance(base, Symbol) and knowledge.type(base.path) is not None:
                return base.path
        return None

    def is_a(self, value: Value, *kinds: Kind) -> bool:
        """Whether a value is an instance of a library class of one of these kinds."""
        name = self.library_type(value)
        return name is not None and any(self._evaluator.knowledge.is_a(name, kind) for kind in kinds)

    def is_mapped(self, cls: ProjectClass) -> bool:
        """Whether a class is mapped: it extends a declarative base and is not one itself."""
        return mapping.is_mapped(self._evaluator, cls)

    def project_line(self, cls: ProjectClass) -> Iterator[ClassSummary]:
        """The class and those of its bases that the project defines."""
        for base in self.line(cls):
            if isinstance(base, ProjectClass):
                summary = self.summary(base)
                if summary is not None:
                    yield summary

    # --- attributes ---

    def find(self, cls: ProjectClass, name: str, *, on_instance: bool) -> tuple[ProjectClass, t.Term] | None:
        """Where a name of a class or its instances is bound, and to what."""
        for base in self.line(cls):
            if not isinstance(base, ProjectClass):
                continue
            summary = self.summary(base)
            if summary is None:
                continue
            if on_instance and name in summary.instance_attributes:
                return base, summary.instance_attributes[name]
            if name in summary.attributes:
                return base, summary.attributes[name]
        return None

    def class_attribute(self, cls: ProjectClass, name: str) -> Value:
        """`Class.name`."""
        found = self.find(cls, name, on_instance=False)
        if found is None:
            return self._from_library(cls, cls, name)
        owner, term = found
        frame = self.frame(owner)
        assert frame is not None
        if isinstance(term, t.FunctionRef):
            function = ProjectFunction(owner.path, term.qualname)
            summary = self.function(function)
            if summary is not None and decorators.is_class_method(self._evaluator, summary, frame):
                return ProjectFunction(owner.path, term.qualname, cls)
            if not self.is_mapped(cls):
                return function
        if isinstance(term, t.ClassRef):
            return ProjectClass(owner.path, term.qualname)
        if self.is_mapped(cls):
            return ModelAttribute(cls, name)
        if term.__class__ is t.Const and (later := self.find(cls, name, on_instance=True)) is not None:
            owner, term = later  # `_instance = None`, until a class method makes one
            frame = self.frame(owner) or frame
        return with_origin(self._evaluator.of(term, frame), Origin.GLOBAL)

    def instance_attribute(self, instance: ProjectInstance, name: str) -> Value:
        """`instance.name`."""
        found = self.find(instance.cls, name, on_instance=True)
        if found is None:
            return self._from_library(instance.cls, instance, name)
        owner, term = found
        if isinstance(term, t.FunctionRef):
            return self._method(owner, term, instance)
        frame = self.frame(owner, instance)
        assert frame is not None
        value = self._evaluator.of(term, frame)
        if isinstance(value, Dependency):
            return calls.provided(self._evaluator, value)
        return self._held(value)

    def inherited(self, value: Super, name: str) -> Value:
        """`super().name`."""
        receiver = value.receiver
        cls = receiver if isinstance(receiver, ProjectClass) else receiver.cls
        line = self.line(cls)
        line = line[line.index(value.cls) + 1 :] if value.cls in line else self.line(value.cls)[1:]
        for base in line:
            summary = self.summary(base) if isinstance(base, ProjectClass) else None
            if isinstance(base, ProjectClass) and summary is not None and name in summary.attributes:
                term = summary.attributes[name]
                if isinstance(term, t.FunctionRef):
                    return self._method(base, term, receiver)
                return self.class_attribute(base, name)
        return self._from_library(cls, receiver, name)

    def _method(self, owner: ProjectClass, term: t.FunctionRef, receiver: ProjectInstance | ProjectClass) -> Value:
        """A method of a class as its instance or, in a class method, the class sees it."""
        frame = self.frame(owner)
        function = ProjectFunction(owner.path, term.qualname, receiver)
        summary = self.function(function)
        if summary is None or frame is None:
            return Unknown(f"method `{term.qualname}`")
        if decorators.is_static(self._evaluator, summary, frame):
            return ProjectFunction(owner.path, term.qualname)
        if isinstance(receiver, ProjectClass):
            is_bound = decorators.is_class_method(self._evaluator, summary, frame)
            return function if is_bound else ProjectFunction(owner.path, term.qualname)
        if decorators.is_class_method(self._evaluator, summary, frame):
            return ProjectFunction(owner.path, term.qualname, receiver.cls)
        if decorators.is_property(self._evaluator, summary, frame):
            return calls.call_function(self._evaluator, function, (), ())
        return function

    def _held(self, value: Value) -> Value:
        """What an attribute holds belongs to the object, unless its owner is known to be somebody else."""
        for each in alternatives(value):
            if isinstance(each, Instance | ProjectInstance) and each.origin is Origin.FRESH:
                return merge(list(alternatives(with_origin(value, Origin.ATTRIBUTE))))
        return value

    def _from_library(self, cls: ProjectClass, value: Value, name: str) -> Value:
        base = self.library_base(cls)
        if base is None:
            return Unknown(f"`{cls.name}` has no `{name}` that is known")
        row = self._evaluator.knowledge.method(base, name)
        if row is not None and row.is_attribute and self._evaluator.knowledge.is_a(row.returns, Kind.LEGACY_QUERY):
            return Statement(row.returns, (cls,))  # Model.query
        if row is not None and row.is_attribute:
            return library.returned(self._evaluator, row.returns, value, (), (), Origin.ATTRIBUTE)
        return BoundMethod(value, name)

    def entered(self, instance: ProjectInstance, *, is_async: bool) -> Value:
        """What `with instance as x` binds."""
        name = "__aenter__" if is_async else "__enter__"
        found = self.find(instance.cls, name, on_instance=False)
        if found is None:
            base = self.library_base(instance.cls)
            return instance if base is not None else Unknown(f"entering a `{instance.cls.name}`")
        method = ProjectFunction(found[0].path, f"{found[0].qualname}.{name}", instance)
        return library.unwrapped(calls.call_function(self._evaluator, method, (), ()))
