"""Objects of two classes that refer to each other: only the cyclic collector frees them.

    class Order:
        def __init__(self):
            self.lines = []
        def add(self, name):
            self.lines.append(Line(self, name))      the order refers to the line …

    class Line:
        def __init__(self, order, name):
            self.order = order                       … and the line to the order

A cycle that the program breaks (`line.order = None`), a weak reference on either side, an object of which there is one
for as long as the process lives, and a class with a base that nobody can look into are left alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqla_leaklint.domain.application.callers import callers
from sqla_leaklint.domain.collector.endings import Endings
from sqla_leaklint.domain.linking import declarations
from sqla_leaklint.domain.subjects import Excuse, Excused
from sqla_leaklint.domain.values import Origin, ProjectClass, ProjectInstance, alternatives
from sqla_leaklint.semantic import terms as t
from sqla_leaklint.semantic.body import Body
from sqla_leaklint.semantic.events import Deed, Event
from sqla_leaklint.semantic.questions import is_parameter
from sqla_leaklint.semantic.summary import ClassSummary
from sqla_leaklint.syntax import tree

if TYPE_CHECKING:
    from sqla_leaklint.domain.module import Domain

_FILLING = frozenset({"append", "appendleft", "add", "insert"})
_PLAIN_BASES = frozenset(
    ("abc.ABC", "typing.Generic", "typing.Protocol", "builtins.object", "builtins.Exception", "enum.Enum")
)
_STRONG = frozenset(
    f"{module}.{name}"
    for module, names in (
        ("builtins", "list dict set"),
        ("collections", "deque defaultdict OrderedDict"),
        ("dataclasses", "field"),
    )
    for name in names.split()
)
_DATACLASS = "dataclasses.dataclass"


class CycleExcuse(Excuse):
    """Why two objects that refer to each other are left alone."""

    BROKEN = "the project sets one of the two attributes to something else, so that the cycle may be broken"
    ONE = "there is one such object, for as long as the process lives"
    TOLD = "it is told of another place that makes the same cycle"


@dataclass(frozen=True, slots=True, eq=False)
class ReferenceCycle:
    """An object keeps a part (`node` puts it there, in `attribute`) that keeps the object, in `back`.

    `parameter` is the one of the part's `__init__` that is kept; "" where the object sets the attribute itself.
    """

    domain: Domain
    node: tree.Node
    owner: ProjectClass
    part: ProjectClass
    attribute: str
    back: str
    parameter: str

    @staticmethod
    def find(domain: Domain) -> Iterator[ReferenceCycle]:
        """The first such place of every pair of classes, in the order of the text."""
        yield from (each for each in ReferenceCycle.weighed(domain) if isinstance(each, ReferenceCycle))

    @staticmethod
    def weighed(domain: Domain) -> Iterator[ReferenceCycle | Excused]:
        """Every place at which an object and a part of it come to refer to each other."""
        cycles, endings = _Cycles(domain), Endings(domain)
        seen: set[tuple[ProjectClass, ProjectClass]] = set()
        for body in domain.bodies:
            for cycle in cycles.made_by(body):
                pair = (cycle.owner, cycle.part)
                if pair in seen:
                    yield Excused(cycle.node, CycleExcuse.TOLD)
                elif endings.are_written((cycle.attribute, cycle.back)):
                    yield Excused(cycle.node, CycleExcuse.BROKEN)
                elif endings.is_made_once(cycle.owner):
                    yield Excused(cycle.node, CycleExcuse.ONE)
                else:
                    seen.add(pair)
                    yield cycle


class _Cycles:
    def __init__(self, domain: Domain) -> None:
        self._domain = domain
        self._evaluator = domain.evaluator
        self._classes = domain.evaluator.classes
        self._module = domain.module.summary

    def made_by(self, body: Body) -> Iterator[ReferenceCycle]:
        """The cycles that a method closes."""
        function = self._module.functions.get(body.qualname)
        if (
            function is None
            or function.owner is None
            or not isinstance(body.node, tree.Function)
            or not body.node.params
        ):
            return
        owner = ProjectClass(self._module.path, function.owner)
        receiver = body.node.params[0].name
        if not self._is_plain(owner) or not isinstance(
            self._domain.value_of(t.Param(body.qualname, receiver)), ProjectInstance
        ):
            return
        for event, attribute, kept in self._kept(body, receiver):
            for term in _alternatives(kept):
                found = self._part_made(term, body, receiver) or self._part_given(term, body, receiver, owner)
                if found is not None:
                    part, back, parameter = found
                    yield ReferenceCycle(self._domain, event.node, owner, part, attribute, back, parameter)

    def _is_plain(self, cls: ProjectClass) -> bool:
        """Whether all bases of a class can be looked into, so that its attributes are what they seem."""
        return (
            not self._classes.is_mapped(cls)
            and all(isinstance(base, ProjectClass) or base.path in _PLAIN_BASES for base in self._classes.line(cls))
            and all(self._bases_are_known(summary) for summary in self._classes.project_line(cls))
        )

    def _bases_are_known(self, summary: ClassSummary) -> bool:
        named = [base.value if isinstance(base, t.Item) else base for base in summary.bases]
        return all(isinstance(base, t.Ref | t.ClassRef) for base in named) and "__slots__" not in summary.attributes

    # --- what the object keeps ---

    def _kept(self, body: Body, receiver: str) -> Iterator[tuple[Event, str, t.Term]]:
        """What a method puts in an attribute of its object, or in a container there."""
        for event in body.events:
            match event.deed:
                case Deed.STORED_ATTRIBUTE if is_parameter(event.base, body.qualname, receiver) and isinstance(
                    event.key, str
                ):
                    yield event, event.key, event.value
                case Deed.STORED_ITEM if name := _own_attribute(event.base, body, receiver):
                    if self._is_strong(body, name):
                        yield event, name, event.value
                case Deed.CALLED if isinstance(event.call.func, t.Attr) and event.call.func.name in _FILLING:
                    name = _own_attribute(event.call.func.base, body, receiver)
                    if name and event.call.args and self._is_strong(body, name):
                        yield event, name, event.call.args[-1]
                case _:
                    pass

    def _is_strong(self, body: Body, attribute: str) -> bool:
        """Whether an attribute is a container that keeps what is put in it."""
        assert body.parent is not None
        found = self._classes.find(ProjectClass(self._module.path, body.parent.qualname), attribute, on_instance=True)
        if found is None:
            return False
        return all(_is_strong_container(term) for term in _alternatives(found[1]))

    # --- what keeps the object ---

    def _part_made(self, term: t.Term, body: Body, receiver: str) -> tuple[ProjectClass, str, str] | None:
        """`Part(self)`: the class, the attribute in which it keeps the object, the parameter."""
        if not isinstance(term, t.Call):
            return None
        given = [number for number, each in enumerate(term.args) if is_parameter(each, body.qualname, receiver)]
        named = [name for name, each in term.keywords if is_parameter(each, body.qualname, receiver)]
        if not given and not named:
            return None
        for value in alternatives(self._domain.value_of(term.func)):
            if isinstance(value, ProjectClass) and self._is_plain(value):
                found = self._kept_by_constructor(value, given, named)
                if found is not None:
                    return value, *found
        return None

    def _kept_by_constructor(self, cls: ProjectClass, given: list[int], named: list[str]) -> tuple[str, str] | None:
        found = self._classes.find(cls, "__init__", on_instance=False)
        if found is None:
            return self._kept_by_dataclass(cls, given, named)
        module = self._evaluator.project.summary_at(found[0].path)
        term = found[1]
        function = (
            module.functions.get(term.qualname) if module is not None and isinstance(term, t.FunctionRef) else None
        )
        if function is None or module is None:
            return None
        names = [parameter.name for parameter in function.parameters[1:]]
        for parameter in (*(names[number] for number in given if number < len(names)), *named):
            for summary in self._classes.project_line(cls):
                for attribute, value in summary.instance_attributes.items():
                    if any(
                        is_parameter(each, function.qualname, parameter) for each in _alternatives(value)
                    ) and self._is_plain_attribute(cls, attribute):
                        return attribute, parameter
        return None

    def _kept_by_dataclass(self, cls: ProjectClass, given: list[int], named: list[str]) -> tuple[str, str] | None:
        summary = self._classes.summary(cls)
        if summary is None or not any(_is_dataclass(each) for each in summary.decorators) or summary.bases:
            return None
        names = list(summary.annotations)
        kept = [*(names[number] for number in given if number < len(names)), *(each for each in named if each in names)]
        return (kept[0], "") if kept else None

    def _part_given(
        self, term: t.Term, body: Body, receiver: str, owner: ProjectClass
    ) -> tuple[ProjectClass, str, str] | None:
        """`part.owner = self`, of a part that the method was given."""
        if not isinstance(term, t.Param) or is_parameter(term, body.qualname, receiver):
            return None
        for event in body.events:
            if (
                event.deed is Deed.STORED_ATTRIBUTE
                and event.base is term
                and is_parameter(event.value, body.qualname, receiver)
            ):
                assert isinstance(event.key, str)
                part = self._class_of(term, body, owner, event.key)
                if part is not None and self._is_plain(part) and self._is_plain_attribute(part, event.key):
                    return part, event.key, ""
        return None

    def _class_of(self, param: t.Param, body: Body, owner: ProjectClass, attribute: str) -> ProjectClass | None:
        """The class of a part, by its annotation; without one by what callers pass, or its owner's, where that has the
        attribute itself.
        """
        annotation = body.annotations.get(param.name)
        if annotation is not None:
            value = declarations.instance_of(self._evaluator, annotation, self._domain.frame, Origin.PARAMETER)
            return value.cls if isinstance(value, ProjectInstance) else None
        if self._classes.find(owner, attribute, on_instance=True) is not None:
            return owner
        passed = {
            value.cls if isinstance(value, ProjectInstance) else None
            for call in callers(self._evaluator, self._module, self._module.functions[body.qualname])
            if param.name in call.arguments
            for value in alternatives(
                self._evaluator.of(call.arguments[param.name], self._evaluator.frame(call.module))
            )
        }
        return passed.pop() if len(passed) == 1 else None

    def _is_plain_attribute(self, cls: ProjectClass, name: str) -> bool:
        """Whether an attribute is no property, which could keep a weak reference."""
        found = self._classes.find(cls, name, on_instance=False)
        return found is None or not isinstance(found[1], t.FunctionRef | t.Call)


def _own_attribute(term: t.Term | None, body: Body, receiver: str) -> str:
    return term.name if isinstance(term, t.Attr) and is_parameter(term.base, body.qualname, receiver) else ""


def _alternatives(term: t.Term) -> Iterator[t.Term]:
    match term:
        case t.Join():
            for each in term.terms:
                yield from _alternatives(each)
        case t.Declared(value=value) if value is not None:
            yield from _alternatives(value)
        case t.Collection(kind=kind) if kind in {"list", "tuple", "set", "dict"} and term.elements:
            yield term
            for each in term.elements:
                yield from _alternatives(each)
        case _:
            yield term


def _is_strong_container(term: t.Term) -> bool:
    match term:
        case t.Collection() | t.Mapped():
            return True
        case t.Call(func=t.Ref(path=path)):
            return path in _STRONG
        case _:
            return False


def _is_dataclass(term: t.Term) -> bool:
    func = term.func if isinstance(term, t.Call) else term
    return isinstance(func, t.Ref) and func.path == _DATACLASS
