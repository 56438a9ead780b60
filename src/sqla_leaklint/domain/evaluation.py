"""Linking: from a term, which speaks in names, to a value, across modules and on demand.

Terms
    *frame*: the module that a term belongs to, and what is known of the parameters of the functions that were called
    to get
    there.  *Cycle*: a term that needs itself; it ends in `Unknown`, as does anything that leads out of the project and
    is in no
    table of `knowledge`.

Worked example, three modules:

    # app/db.py       SessionLocal = sessionmaker(bind=engine)
    # app/deps.py     def get_db(): … with SessionLocal() as db: yield db
    # app/api.py      def read(db=Depends(get_db)): …

    Param("read", "db")                       in frame app/api.py: its default is a Dependency, so call the provider
      → Ref("app.deps.get_db")                resolve: module app/deps.py, FunctionRef("get_db"), a generator function
        → Enter(Call(Ref("app.db.SessionLocal")))     what it yields, in frame app/deps.py
          → Instance(sessionmaker, makes Session)     app/db.py
        → Instance(Session, managed)
    = Instance(Session, provided by get_db)
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sqla_leaklint.domain.linking import calls, displays, library, parameters, statements
from sqla_leaklint.domain.linking.classes import Classes
from sqla_leaklint.domain.linking.merging import merge
from sqla_leaklint.domain.progress import Progress
from sqla_leaklint.domain.values import (
    Awaitable,
    BoundMethod,
    Clause,
    Entity,
    Generator,
    Instance,
    Literal,
    Manager,
    Many,
    ModelAttribute,
    ModuleValue,
    OneOf,
    Origin,
    ProjectClass,
    ProjectFunction,
    ProjectInstance,
    ResultValue,
    Rows,
    Statement,
    Super,
    Symbol,
    TupleValue,
    Unknown,
    Value,
    with_origin,
)
from sqla_leaklint.knowledge import Knowledge
from sqla_leaklint.semantic import terms as t
from sqla_leaklint.semantic.project import Project, binding
from sqla_leaklint.semantic.summary import ModuleSummary
from sqla_leaklint.semantic.terms import Term

DEEPEST = 400
"""Nested evaluations before a value is given up as unknown."""


@dataclass(slots=True, eq=False)
class Frame:
    """Where a term is evaluated; `arguments` are keyed by the function's qualified name and the parameter's name."""

    module: ModuleSummary
    arguments: Mapping[tuple[str, str], Value] = field(default_factory=dict)
    memo: dict[Term, Value] = field(default_factory=dict)


class Evaluator:
    """Evaluates terms; one for a run, since summaries never change within it."""

    def __init__(self, project: Project, knowledge: Knowledge) -> None:
        self.project = project
        self.knowledge = knowledge
        self.classes = Classes(self)
        self._frames: dict[str, Frame] = {}
        self.progress = Progress()
        self.aliases_in_progress: set[tuple[str, str]] = set()
        """Names of annotations that are being followed: one that is defined by itself ends there."""
        self.depth_of_calls = 0
        """How many functions of the project are being looked into, each for the one before."""
        self.results: dict[tuple[object, ...], Value] = {}
        """What functions of the project return, by the arguments that matter for it."""
        self.memos: dict[Any, Any] = {}
        """What else is found out once; see `memo`."""

    def frame(self, module: ModuleSummary) -> Frame:
        """The frame of a module in which nothing is known of any argument."""
        found = self._frames.get(module.path)
        if found is None or found.module is not module:
            found = self._frames[module.path] = Frame(module)
        return found

    def of(self, term: Term, frame: Frame) -> Value:
        """The value of a term."""
        known = frame.memo.get(term)
        if known is not None:
            return known
        key, progress = (id(term), id(frame)), self.progress
        if key in progress:
            progress.cut_short_for(key)
            return Unknown("it is defined by itself")
        if len(progress.levels) > DEEPEST:
            progress.cut_short()
            return Unknown("it is nested too deeply")
        outer = progress.begin(key)
        try:
            value = self._evaluate(term, frame)
        finally:
            is_its_own = progress.end(key, outer)
        if is_its_own or not isinstance(value, Unknown):
            frame.memo[term] = value
        return value

    def _evaluate(self, term: Term, frame: Frame) -> Value:
        match term:
            case t.Call():
                return calls.call(self, term, frame)
            case t.Attr():
                return self.attribute(self.of(term.base, frame), term.name)
            case t.Ref():
                return self.reference(term.path, frame.module)
            case t.Param():
                return parameters.parameter(self, term, frame)
            case t.Join():
                return displays.joined(self, term, frame)
            case t.Enter():
                return self.entered(self.of(term.value, frame), is_async=term.is_async)
            case t.Await():
                return self.awaited(self.of(term.value, frame))
            case t.Element():
                return self.element(self.of(term.value, frame))
            case t.Item():
                return displays.item(self, term, frame)
            case t.Const():
                return Literal(term.value)
            case t.FunctionRef():
                return ProjectFunction(frame.module.path, term.qualname)
            case t.ClassRef():
                return ProjectClass(frame.module.path, term.qualname)
            case t.Declared():
                return parameters.declared(self, term, frame)
            case t.Collection():
                return displays.collection(self, term, frame)
            case t.Gathered():
                return displays.gathered_list(self, term, frame)
            case t.Mapped():
                return Many(self.of(term.element, frame))
            case t.Local():
                function = frame.module.functions.get(term.function)
                value = function.locals.get(term.name) if function is not None else None
                return (
                    self.of(value, frame) if value is not None else Unknown(f"`{term.name}` of an enclosing function")
                )
            case t.Compare():
                return displays.comparison(self, term, frame)
            case t.Star():
                return Unknown("unpacked")
            case t.Caught():
                return Unknown("an exception")
            case t.Opaque():
                return Unknown(term.reason)

    # --- names ---

    def reference(self, path: str, importer: ModuleSummary) -> Value:
        """What an absolute dotted path means, seen from a module."""
        canonical = self.knowledge.canonical(path)
        if canonical is not None:
            return Symbol(canonical)
        target = self.project.resolve(path, importer)
        if target is None:
            return self._library_object(path)
        module, rest = target
        return self._walk(ModuleValue(module.path), rest)

    def _library_object(self, path: str) -> Value:
        """An object of a library: an attribute of something in the tables, or a name that no table has."""
        owner, _, name = path.rpartition(".")
        if owner and self.knowledge.canonical(owner) is not None:
            return self.attribute(Symbol(self.knowledge.canonical(owner) or owner), name)
        return Symbol(path)

    def _walk(self, value: Value, names: list[str]) -> Value:
        for name in names:
            value = self.attribute(value, name)
        return value

    def module_member(self, path: str, name: str) -> Value:
        """What a module binds a name to; what it makes there, it keeps for as long as the process lives."""
        module = self.project.summary_at(path)
        if module is None:
            return Unknown("a module that cannot be read")
        found = binding(self.project, module, name)
        if found is None:
            submodule = self.project.resolve(f"{module.name}.{name}", module)
            if submodule is not None and not submodule[1] and submodule[0] is not module:
                return ModuleValue(submodule[0].path)
            return Unknown(f"`{module.name}` binds no `{name}`")
        owner, term = found
        value = self.of(term, self.frame(owner))
        if isinstance(term, t.Ref | t.FunctionRef | t.ClassRef):
            return value
        return with_origin(value, Origin.GLOBAL)

    # --- attributes ---

    def attribute(self, value: Value, name: str) -> Value:
        """`value.name`."""
        match value:
            case OneOf():
                return merge([self.attribute(each, name) for each in value.values if each != Literal(None)])
            case Symbol():
                path = f"{value.path}.{name}"
                return Symbol(self.knowledge.canonical(path) or path)
            case ModuleValue():
                return self.module_member(value.path, name)
            case Instance():
                return library.attribute(self, value, name)
            case ProjectClass():
                return self.classes.class_attribute(value, name)
            case ProjectInstance():
                return self.classes.instance_attribute(value, name)
            case Super():
                return self.classes.inherited(value, name)
            case ProjectFunction():
                return calls.function_attribute(self, value, name)
            case Statement() | ResultValue() | Rows() | Many() | Generator() | Awaitable() | Manager() | Entity():
                return BoundMethod(value, name)
            case ModelAttribute() | Clause():
                return BoundMethod(value, name)
            case Unknown():
                return value
            case _:
                return Unknown(f"attribute `{name}`")

    # --- protocols ---

    def awaited(self, value: Value) -> Value:
        """`await value`."""
        match value:
            case OneOf():
                return merge([self.awaited(each) for each in value.values])
            case Awaitable():
                return value.value
            case Instance() | ProjectInstance() | ResultValue() | Rows():
                return value  # an object that is both awaitable and its own result, like an AsyncConnection
            case _:
                return value if isinstance(value, Unknown) else Unknown("awaiting it")

    def entered(self, value: Value, *, is_async: bool) -> Value:
        """What `with value as x` binds."""
        match value:
            case OneOf():
                return merge([self.entered(each, is_async=is_async) for each in value.values])
            case Manager():
                return with_origin(value.value, Origin.MANAGED)
            case Instance():
                method = self.knowledge.method(value.type, "__aenter__" if is_async else "__enter__")
                if method is None:
                    return Unknown(f"entering a `{value.type}`")
                return with_origin(
                    library.unwrapped(library.returned(self, method.returns, value, (), (), value.origin)),
                    Origin.MANAGED,
                )
            case ProjectInstance():
                return with_origin(self.classes.entered(value, is_async=is_async), Origin.MANAGED)
            case _:
                return value if isinstance(value, Unknown) else Unknown("entering it")

    def element(self, value: Value) -> Value:
        """What iterating over a value gives."""
        match value:
            case OneOf():
                return merge([self.element(each) for each in value.values])
            case Generator() | Many():
                return value.element
            case TupleValue():
                return merge(list(value.elements)) if value.elements else Unknown("nothing")
            case Rows():
                return value.element
            case ResultValue() | Statement():
                return statements.element(value)
            case Awaitable():
                return self.element(value.value)
            case _:
                return value if isinstance(value, Unknown) else Unknown("iterating over it")
