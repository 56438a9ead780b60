"""Who makes the objects that the memo of a method keeps: for each request one, several in a loop, or one for ever.

A memo on the method of an object that lives as long as the process keeps nothing that would go.  So it is looked for
the place where the program makes such objects again and again, and lets go of them; where none is known, nothing is
said.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqla_leaklint.domain.application.callers import calls_naming, users
from sqla_leaklint.domain.application.endpoints import DEPENDING
from sqla_leaklint.domain.application.entries import Entry
from sqla_leaklint.domain.linking.parameters import dependency_of
from sqla_leaklint.domain.memoization.memoizers import memoizer_of
from sqla_leaklint.domain.origins.provenance import Provenance
from sqla_leaklint.domain.values import ProjectClass, alternatives
from sqla_leaklint.semantic import terms as t
from sqla_leaklint.semantic.events import Deed
from sqla_leaklint.semantic.summary import FunctionSummary, ModuleSummary

if TYPE_CHECKING:
    from sqla_leaklint.domain.evaluation import Evaluator
    from sqla_leaklint.domain.memoization.memoized import Memoized

_STORING = frozenset({Deed.STORED_ATTRIBUTE, Deed.STORED_ITEM, Deed.STORED_GLOBAL})
_MOST_CLASSES = 40


@dataclass(frozen=True, slots=True)
class MadeAnew:
    """A function that makes objects of a class, or depends on one, again and again; `entry`: what calls it (None: the
    objects are several because they are made in a comprehension).
    """

    cls: ProjectClass
    module: ModuleSummary
    function: FunctionSummary
    entry: Entry | None


def made_anew(memoized: Memoized) -> MadeAnew | None:
    """Where objects with the memoised method are made again and again, and not kept."""
    if memoized.owner is None:
        return None
    evaluator = memoized.domain.evaluator
    owner = ProjectClass(memoized.domain.module.path, memoized.owner)
    provenance = Provenance(evaluator)
    for cls in _with_heirs(evaluator, memoized.domain.module.summary, owner):
        if _chooses_its_objects(evaluator, cls):
            continue
        found = _depended_on(evaluator, cls) or _constructed(evaluator, provenance, cls)
        if found is not None:
            return found
    return None


def _with_heirs(evaluator: Evaluator, module: ModuleSummary, cls: ProjectClass) -> Iterator[ProjectClass]:
    """A class, and the classes of the project that extend it."""
    known = [cls]
    for each in known:  # grows while it is read
        yield each
        for user in users(evaluator, module, each.name):
            for qualname in user.classes:
                heir = ProjectClass(user.path, qualname)
                if heir not in known and len(known) < _MOST_CLASSES and each in evaluator.classes.line(heir):
                    known.append(heir)


def _chooses_its_objects(evaluator: Evaluator, cls: ProjectClass) -> bool:
    """Whether calling a class may give an object that is there already: by a metaclass, or by `__new__`."""
    for base in evaluator.classes.project_line(cls):
        if "__new__" in base.attributes or any(
            name == "metaclass" and not _is_abc(term) for name, term in base.keywords
        ):
            return True
    return False


def _is_abc(metaclass: t.Term) -> bool:
    return isinstance(metaclass, t.Ref) and metaclass.path == "abc.ABCMeta"


def _depended_on(evaluator: Evaluator, cls: ProjectClass) -> MadeAnew | None:
    """A function of which a parameter is an object that FastAPI makes of the class for each request."""
    for user in evaluator.project.mentioning(cls.name, and_any_of=DEPENDING):
        frame = evaluator.frame(user)
        for function in user.functions.values():
            for parameter in function.parameters:
                dependency = dependency_of(evaluator, function, parameter.name, frame)
                if dependency is not None and cls in alternatives(dependency.provider):
                    return MadeAnew(cls, user, function, Entry.DEPENDENCY)
    return None


def _constructed(evaluator: Evaluator, provenance: Provenance, cls: ProjectClass) -> MadeAnew | None:
    module = evaluator.project.summary_at(cls.path)
    for user in users(evaluator, module, cls.name):
        frame = evaluator.frame(user)
        for function, call in calls_naming(user).get(cls.name, ()):
            if function is None or cls not in alternatives(evaluator.of(call.func, frame)):
                continue
            if _is_memoised(evaluator, user, function):
                continue
            if _is_made_in_comprehension(function, call):
                return MadeAnew(cls, user, function, None)
            if _is_kept(function, call):
                continue
            is_returned = any(part is call for each in function.returns for part in _given_out(each))
            if is_returned and provenance.entry(user, function) is None:
                continue  # what becomes of it is for its callers to say
            trail = provenance.call_trail(user, function)
            if trail is not None:
                return MadeAnew(cls, user, function, trail.entry)
    return None


def _is_memoised(evaluator: Evaluator, module: ModuleSummary, function: FunctionSummary) -> bool:
    """Whether a function makes an object once: `@cache def get_service()`."""
    return any(memoizer_of(evaluator, module, decorator) is not None for decorator in function.decorators)


def _is_made_in_comprehension(function: FunctionSummary, call: t.Call) -> bool:
    terms = [act.value for act in function.acts]
    terms += [*function.returns, *function.locals.values()]
    return any(
        isinstance(part, t.Mapped)
        and any(inner is call for inner in t.all_in([part.element]))
        and not any(inner is call for inner in t.all_in([part.source]))  # made once, before
        for part in t.all_in(terms)
    )


def _is_kept(function: FunctionSummary, call: t.Call) -> bool:
    """Whether an object is put somewhere where it can outlive the function."""
    return any(act.deed in _STORING and any(part is call for part in t.all_in([act.value])) for act in function.acts)


def _given_out(term: t.Term) -> Iterator[t.Term]:
    yield term
    match term:
        case t.Join() | t.Collection():
            for part in term.terms if isinstance(term, t.Join) else term.elements:
                yield from _given_out(part)
        case t.Declared() if term.value is not None:
            yield from _given_out(term.value)
        case _:
            pass
