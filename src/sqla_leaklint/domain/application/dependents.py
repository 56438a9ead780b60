"""Who depends on a provider: the `Depends(...)` of the project that name it, and the parameters that get what it gives.

Terms
    *name*: what a provider may be called where somebody depends on it: its own name, that of the function which makes
    it, of the instance whose method `__call__` is, and what an import or an assignment renames one of these to.

    # app/db.py       def open_session(): …                      get_db = open_session
    # app/deps.py     SessionDep = Annotated[Session, Depends(get_db)]
    # app/api.py      def read(db: SessionDep): …                a dependent, whose module has neither name

Names are looked for in the text of the project, so that a function which nobody can depend on costs nothing; what is
found by name is then resolved.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from sqla_leaklint.domain.application.endpoints import (
    DEPENDING,
    Provider,
    dependency_terms,
    is_dependency_on,
    is_depends,
    method_name,
    provided_by,
    provider_of,
    runs,
)
from sqla_leaklint.domain.linking import parameters
from sqla_leaklint.domain.values import ProjectFunction, alternatives
from sqla_leaklint.semantic import terms as t
from sqla_leaklint.semantic.events import Deed
from sqla_leaklint.semantic.project import Project
from sqla_leaklint.semantic.summary import FunctionSummary, ModuleSummary

if TYPE_CHECKING:
    from sqla_leaklint.domain.evaluation import Evaluator

_NAMED = re.compile(
    rb"\b(?:Depends|Security)\s*\(\s*(?:dependency\s*=\s*)?([\w.]+)"
    rb"|([\w.]+)\s*(?:=|,)\s*(?:\w+\.)?(?:Depends|Security)\s*\(\s*\)"  # a class, named by the annotation
)
_RENAMED = re.compile(
    rb"\b(\w+)[ \t]+as[ \t]+(\w+)\b"
    rb"|^[ \t]*(\w+)(?:[ \t]*:[^=\n]+)?[ \t]*=[ \t]*([\w.]+)[ \t]*(\(?)",
    re.MULTILINE,
)


@dataclass(frozen=True, slots=True, eq=False)
class Dependent:
    """A function that depends on a provider, by a parameter; without one (`dependencies=[…]`) nobody gets the value."""

    module: ModuleSummary
    function: FunctionSummary | None
    parameter: str | None


@dataclass(slots=True, eq=False)
class _Names:
    """The names that stand in a `Depends(...)` somewhere in a project, and the other names of each name.

    `made` are those that a call of the name makes: of a class its instances, of a function what it returns.
    """

    depended: set[str] = field(default_factory=set)
    others: dict[str, set[str]] = field(default_factory=dict)
    made: dict[str, set[str]] = field(default_factory=dict)

    def of(self, first: set[str], *, makes: bool) -> set[str]:
        """Some names, and all that they are renamed to, also by calls where it is a call of them that makes it."""
        found, pending = set(first), list(first)
        while pending:
            name = pending.pop()
            fresh = self.others.get(name, set()) | (self.made.get(name, set()) if makes else set())
            pending.extend(fresh - found)
            found |= fresh
        return found


_NAMES: WeakKeyDictionary[Project, _Names] = WeakKeyDictionary()


def _names_in(project: Project) -> _Names:
    known = _NAMES.get(project)
    if known is None:
        known = _NAMES[project] = _Names()
        for text in project.texts():
            if b"Depends" in text or b"Security" in text:
                known.depended.update(_last(path or cls) for path, cls in _NAMED.findall(text))
        renamed = _renamings(project) if known.depended else {}
        sought = set(known.depended)
        while sought:
            found = {(old, new, is_call) for new in sought for old, is_call in renamed.get(new, ()) if old != new}
            sought = {old for old, _, _ in found} - known.depended - known.others.keys() - known.made.keys()
            for old, new, is_call in found:
                (known.made if is_call else known.others).setdefault(old, set()).add(new)
    return known


def _renamings(project: Project) -> dict[str, set[tuple[str, bool]]]:
    """What each name of the project that an import or an assignment makes of another name is made of, and whether by
    a call.
    """
    found: dict[bytes, set[tuple[bytes, bool]]] = {}
    for text in project.texts():
        for old, new, target, value, call in _RENAMED.findall(text):
            found.setdefault(new or target, set()).add((old or value, bool(call)))
    return {new.decode(): {(_last(old), is_call) for old, is_call in olds} for new, olds in found.items()}


def _last(path: bytes) -> str:
    return path.rpartition(b".")[2].decode()


def _names_of(evaluator: Evaluator, module: ModuleSummary, function: FunctionSummary) -> set[str]:
    provider = provider_of(module, function)
    first = {provided_by(provider)}
    if function.scope is not None:
        first.update(part.partition("#")[0] for part in function.scope.split("."))
    first.update(
        name
        for name, term in module.bindings.items()
        if isinstance(term, t.FunctionRef) and term.qualname == function.qualname
    )
    # What a plain function returns is no name of it; what a class or an enclosing function makes may be one.
    makes = not isinstance(provider, ProjectFunction) or function.scope is not None
    return _names_in(evaluator.project).of(first, makes=makes)


def may_be_provider(evaluator: Evaluator, module: ModuleSummary, function: FunctionSummary) -> bool:
    """Whether a `Depends(...)` of the project may name a function, by its names alone."""
    if evaluator.project.root is None:
        return bool(dependency_terms(module))
    names = _names_in(evaluator.project)
    return bool(names.depended) and bool(_names_of(evaluator, module, function) & names.depended)


def dependents(evaluator: Evaluator, module: ModuleSummary, function: FunctionSummary) -> Iterator[Dependent]:
    """Who depends on a function, or on the class whose `__init__` or `__call__` it is."""
    wanted = provider_of(module, function)
    users = list(_depending_modules(evaluator, module, function))
    aliases: set[str] = set()
    for user in users:
        frame = evaluator.frame(user)
        naming = {term for term in dependency_terms(user) if is_dependency_on(evaluator.of(term, frame), wanted)}
        aliases.update(name for name, term in user.bindings.items() if any(part in naming for part in t.all_in([term])))
        found = list(_getting(evaluator, user, wanted))
        yield from found
        if naming and not found:
            yield Dependent(user, None, None)
    for alias in sorted(aliases):
        for user in _mentioning(evaluator, module, alias, ()):
            if user not in users:
                users.append(user)
                yield from _getting(evaluator, user, wanted)


def _depending_modules(
    evaluator: Evaluator, module: ModuleSummary, function: FunctionSummary
) -> Iterator[ModuleSummary]:
    seen = {module.path}
    yield module
    for name in sorted(_names_of(evaluator, module, function)):
        for user in _mentioning(evaluator, module, name, DEPENDING):
            if user.path not in seen:
                seen.add(user.path)
                yield user


def _mentioning(
    evaluator: Evaluator, module: ModuleSummary, name: str, others: tuple[str, ...]
) -> Iterator[ModuleSummary]:
    """The modules that mention a name; of a file that stands alone, itself."""
    if evaluator.project.root is None:
        yield module
    else:
        yield from evaluator.project.mentioning(name, and_any_of=others)


def _getting(evaluator: Evaluator, user: ModuleSummary, wanted: Provider) -> Iterator[Dependent]:
    """The parameters of a module that FastAPI gives what a provider returns."""
    frame = evaluator.frame(user)
    for function in user.functions.values():
        for parameter in function.parameters:
            if parameter.default is None and parameter.annotation is None:
                continue
            found = parameters.dependency_of(evaluator, function, parameter.name, frame)
            if found is not None and is_dependency_on(found, wanted):
                yield Dependent(user, function, parameter.name)


def is_used_otherwise(evaluator: Evaluator, module: ModuleSummary, function: FunctionSummary) -> bool:
    """Whether anybody, tests included, calls a function or hands it to anything but `Depends(...)`."""
    wanted = ProjectFunction(module.path, function.qualname)
    seen: set[str] = set()
    names = _names_of(evaluator, module, function)
    for name in sorted(names):
        for user in _mentioning(evaluator, module, name, ()):
            if user.path not in seen:
                seen.add(user.path)
                if _uses(evaluator, user, wanted, names):
                    return True
    return False


def _uses(evaluator: Evaluator, user: ModuleSummary, wanted: ProjectFunction, names: set[str]) -> bool:
    frame = evaluator.frame(user)
    for _, act in user.mentions():
        if act.deed is not Deed.CALLED or not isinstance(act.value, t.Call) or is_depends(act.value):
            continue
        for term in (act.value.func, *act.value.args, *(value for _, value in act.value.keywords)):
            if method_name(term) not in names and not isinstance(term, t.FunctionRef):
                continue
            if any(runs(value, wanted) for value in alternatives(evaluator.of(term, frame))):
                return True
    return False


def is_kept_otherwise(evaluator: Evaluator, module: ModuleSummary, function: FunctionSummary) -> bool:
    """Whether anybody, tests included, has a function as a value: by another name, in a collection, returned, stored.

    An import of it is none, and neither is `Depends(...)` of it.
    """
    wanted = ProjectFunction(module.path, function.qualname)
    for user in _mentioning(evaluator, module, function.name, ()):
        frame = evaluator.frame(user)
        kept = [term for name, term in user.bindings.items() if name != function.name]
        kept += [value for each in user.functions.values() for value in (*each.returns, *each.yields)]
        kept += [act.value for _, act in user.mentions() if act.deed is not Deed.CALLED]
        calls = [act.value for _, act in user.mentions() if isinstance(act.value, t.Call)]
        kept += [
            given for call in calls if not is_depends(call) for given in (*call.args, *dict(call.keywords).values())
        ]
        for term in _parts_but_dependencies(kept):
            is_name = isinstance(term, t.FunctionRef) or method_name(term) == function.name
            if is_name and any(runs(value, wanted) for value in alternatives(evaluator.of(term, frame))):
                return True
    return False


def _parts_but_dependencies(terms: list[t.Term]) -> Iterator[t.Term]:
    pending, seen = list(terms), set[t.Term]()
    while pending:
        term = pending.pop()
        if term not in seen:
            seen.add(term)
            yield term
            pending.extend(() if isinstance(term, t.Call) and is_depends(term) else t.parts_of(term))
