"""The chain of names through which a value is found: name, module, factory, library."""

from __future__ import annotations

from collections.abc import Iterator

from sqla_leaklint.domain.application.endpoints import is_handler
from sqla_leaklint.domain.linking.parameters import dependency_of
from sqla_leaklint.domain.values import (
    Literal,
    ModuleValue,
    ProjectClass,
    ProjectFunction,
    ProjectInstance,
    Unknown,
    alternatives,
)
from sqla_leaklint.linter.explain.places import Places
from sqla_leaklint.semantic import terms as t
from sqla_leaklint.semantic.project import binding
from sqla_leaklint.semantic.summary import FunctionSummary, ModuleSummary

LONGEST = 10
"""Links that are shown."""

Link = tuple[str, str, str]
"""A name, its place, and what is there."""


def chain(places: Places, term: t.Term | None, module: ModuleSummary) -> list[Link]:
    """The links from a term to where its value is made, or to where nothing more is known."""
    return list(_Chain(places).links(term, module)) if term is not None else []


class _Chain:
    """One walk from a term to its origin."""

    def __init__(self, places: Places) -> None:
        self.places = places
        self.evaluator = places.domain.evaluator
        self._seen: set[tuple[int, bool]] = set()
        self._keys: list[object] = []
        """Where in the tuples that are still to come the value is: the innermost last."""

    def links(self, term: t.Term, module: ModuleSummary, *, is_called: bool = False) -> Iterator[Link]:
        """The links of a term; `is_called`: what matters is what it returns."""
        key = (id(term), is_called)
        if key in self._seen or len(self._seen) > 4 * LONGEST:
            return
        self._seen.add(key)
        match term:
            case t.Item():
                self._keys.append(term.key.value if isinstance(term.key, t.Const) else None)
                yield from self.links(term.value, module)
            case t.Collection():
                yield from self._collection(term, module)
            case t.Await() | t.Star() | t.Element() | t.Enter():
                yield from self.links(term.value, module)
            case t.Declared():
                yield from self.links(term.value if term.value is not None else term.annotation, module)
            case t.Join():
                for each in term.terms:
                    if not isinstance(each, t.Const):
                        yield from self.links(each, module, is_called=is_called)
            case t.Call():
                found = self.places.call(term, module)
                if found is not None and not is_called and len(self._seen) > 1:
                    yield found[1], found[0], "the call"
                yield from self.links(term.func, module, is_called=True)
            case t.Attr():
                yield from self._attribute(term, module, is_called=is_called)
            case t.Ref():
                yield from self._reference(term, module, is_called=is_called)
            case t.Param():
                yield from self._parameter(term, module)
            case t.FunctionRef():
                yield from self._function(ProjectFunction(module.path, term.qualname), is_called=is_called)
            case t.ClassRef():
                cls = ProjectClass(module.path, term.qualname)
                yield f"`{term.qualname}`", self.places.of(cls), "a class"
            case t.Local():
                function = module.functions.get(term.function)
                value = function.locals.get(term.name) if function is not None else None
                if value is not None:
                    yield from self.links(value, module, is_called=is_called)
            case _:
                return

    def _reference(self, term: t.Ref, module: ModuleSummary, *, is_called: bool) -> Iterator[Link]:
        canonical = self.evaluator.knowledge.canonical(term.path)
        if canonical is not None:
            yield f"`{canonical}`", "library", "in the tables of what libraries do"
            return
        target = self.evaluator.project.resolve(term.path, module)
        if target is None:
            if not term.path.startswith("builtins."):
                yield f"`{term.path}`", "library", "in no table: nothing is known of it"
            return
        owner, rest = target
        if not rest:
            yield f"`{term.path}`", self.places.shown(owner.path), "a module"
            return
        found = binding(self.evaluator.project, owner, rest[0])
        if found is None:
            yield f"`{rest[0]}`", self.places.shown(owner.path), "the name is not bound there"
            return
        holder, value = found
        if isinstance(value, t.FunctionRef | t.ClassRef):
            yield from self.links(value, holder, is_called=is_called)
            return
        place, statement = self.places.binding(holder, rest[0])
        if len(rest) > 1:
            yield f"`{'.'.join(rest)}`", self.places.shown(owner.path), "an attribute"
        if not isinstance(value, t.Ref):
            yield f"`{rest[0]}`", place, statement or "bound there"
        made = self._unpacked(value)
        if isinstance(made, t.Call):  # its place is the statement's
            yield from self.links(made.func, holder, is_called=True)
        else:
            yield from self.links(made, holder, is_called=is_called)

    def _unpacked(self, term: t.Term) -> t.Term:
        """What is on the right side of the statement that binds a name to a term."""
        while True:
            match term:
                case t.Item():
                    self._keys.append(term.key.value if isinstance(term.key, t.Const) else None)
                    term = term.value
                case t.Declared(value=value) if value is not None:
                    term = value
                case t.Await():
                    term = term.value
                case _:
                    return term

    def _collection(self, term: t.Collection, module: ModuleSummary) -> Iterator[Link]:
        key = self._keys.pop() if self._keys else None
        if isinstance(key, int) and not term.keys and -len(term.elements) <= key < len(term.elements):
            yield from self.links(term.elements[key], module)

    def _attribute(self, term: t.Attr, module: ModuleSummary, *, is_called: bool) -> Iterator[Link]:
        frame = self.evaluator.frame(module)
        for base in alternatives(self.evaluator.of(term.base, frame)):
            match base:
                case ModuleValue(path=path):
                    owner = self.evaluator.project.summary_at(path)
                    if owner is not None:
                        reference = t.Ref(f"{owner.name}.{term.name}")
                        yield from self._reference(reference, owner, is_called=is_called)
                        return
                case ProjectInstance() | ProjectClass():
                    cls = base.cls if isinstance(base, ProjectInstance) else base
                    found = self.evaluator.classes.find(cls, term.name, on_instance=isinstance(base, ProjectInstance))
                    inner = self.evaluator.project.summary_at(found[0].path) if found is not None else None
                    if found is not None and inner is not None:
                        if not isinstance(found[1], t.FunctionRef):
                            place, statement = self.places.attribute(found[0], term.name)
                            yield f"`{found[0].name}.{term.name}`", place, statement or "an attribute"
                        made = self._unpacked(found[1])
                        if isinstance(made, t.Call):
                            yield from self.links(made.func, inner, is_called=True)
                        else:
                            yield from self.links(made, inner, is_called=is_called)
                        return
                case _:
                    pass
        base_term = term.base
        if isinstance(base_term, t.Call):  # the earlier calls of a chain of methods say nothing
            yield from self.links(base_term.func, module, is_called=True)
        else:
            yield from self.links(base_term, module)

    def _parameter(self, term: t.Param, module: ModuleSummary) -> Iterator[Link]:
        function = module.functions.get(term.function)
        if function is None:
            return
        place = self.places.definition(module.path, term.function)
        frame = self.evaluator.frame(module)
        dependency = dependency_of(self.evaluator, function, term.name, frame)
        if dependency is not None:
            yield f"`{term.name}`", place, f"a parameter of `{function.name}`, injected by FastAPI"
            if isinstance(dependency.provider, ProjectFunction):
                yield from self._function(dependency.provider, is_called=True)
            return
        if function.owner is not None and function.parameters and function.parameters[0].name == term.name:
            return
        if is_handler(self.evaluator, module, function):
            yield f"`{term.name}`", place, f"a parameter of `{function.name}`, filled from the request"
            return
        yield f"`{term.name}`", place, f"a parameter of `{function.name}`: whoever calls it passes it"

    def _function(self, function: ProjectFunction, *, is_called: bool) -> Iterator[Link]:
        summary = self.evaluator.classes.function(function)
        module = self.evaluator.project.summary_at(function.path)
        place = self.places.of(function)
        if summary is None or module is None or not is_called:
            yield f"`{function.qualname}`", place, "a function"
            return
        given = summary.yields or summary.returns
        yield f"`{function.qualname}`", place, _gives(summary)
        for term in given:
            if isinstance(term, t.Const) and term.value is None:
                continue
            if not isinstance(self.evaluator.of(term, self.evaluator.frame(module)), Unknown | Literal):
                yield from self.links(term, module)
                return
        for term in given[:1]:
            yield from self.links(term, module)


def _gives(function: FunctionSummary) -> str:
    kind = "an async function" if function.is_async else "a function"
    if function.is_generator:
        return f"{'an async' if function.is_async else 'a'} generator function: what it yields"
    return f"{kind}: what it returns" if function.returns else f"{kind} that returns nothing"
