"""What a project keeps where no class says so: attributes that are assigned from outside (`app.state.maker = …`), and
the values of context variables.

All assignments count, in whichever module; tests do not.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from sqla_leaklint.domain.application.callers import users
from sqla_leaklint.domain.linking.merging import merge
from sqla_leaklint.domain.values import Literal, Origin, Unknown, Value, alternatives, with_origin
from sqla_leaklint.semantic import terms as t
from sqla_leaklint.semantic.events import Deed
from sqla_leaklint.semantic.project import binding
from sqla_leaklint.semantic.summary import ModuleSummary

if TYPE_CHECKING:
    from sqla_leaklint.domain.evaluation import Evaluator, Frame


def attached(evaluator: Evaluator, name: str, is_owner: Callable[[Value], bool], owner: object, *, word: str) -> Value:
    """What the project assigns to an attribute of an object; `owner` names the object among all others, and `word` is
    in the text of every module that assigns it.
    """
    key = ("attached", owner, name)
    known = evaluator.results.get(key)
    if known is not None:
        return known
    evaluator.results[key] = Unknown(f"`{name}` is assigned from itself")
    found: list[Value] = []
    for module in users(evaluator, None, word):
        frame = evaluator.frame(module)
        for _, act in module.mentions():
            if act.deed is not Deed.STORED_ATTRIBUTE or act.key != name or act.base is None:
                continue
            if any(is_owner(each) for each in alternatives(evaluator.of(act.base, frame))):
                found.append(evaluator.of(act.value, frame))
    evaluator.results[key] = _kept(found, Origin.GLOBAL, f"nobody is known to assign `{name}`")
    return evaluator.results[key]


def value_of_variable(evaluator: Evaluator, read: t.Term, frame: Frame) -> Value:
    """What `variable.get()` gives, by its default and all that is `set`; `read` is the term of `variable.get`."""
    variable = _variable(evaluator, read, frame.module)
    if variable is None:
        return Unknown("a context variable")
    module, name = variable
    key = ("variable", module.path, name)
    known = evaluator.results.get(key)
    if known is not None:
        return known
    evaluator.results[key] = Unknown(f"`{name}` is set from itself")
    found: list[Value] = []
    made = module.bindings.get(name)
    made = made.value if isinstance(made, t.Declared) else made
    default = made.keyword("default") if isinstance(made, t.Call) else None
    if default is not None:
        found.append(evaluator.of(default, evaluator.frame(module)))
    for user in users(evaluator, module, name):
        for _, act in user.mentions():
            match act.value:
                case t.Call(func=t.Ref(path=path) as func, args=(given, *_)) if path.endswith(".set"):
                    if _variable(evaluator, func, user) == variable:
                        found.append(evaluator.of(given, evaluator.frame(user)))
                case _:
                    pass
    evaluator.results[key] = _kept(found, Origin.DECLARED, f"nobody is known to set `{name}`")
    return evaluator.results[key]


def _kept(values: list[Value], origin: Origin, otherwise: str) -> Value:
    """What somebody keeps of several; it is his to give back."""
    values = [each for each in values if each != Literal(None)]
    return with_origin(merge(values), origin) if values else Unknown(otherwise)


def _variable(evaluator: Evaluator, method: t.Term, importer: ModuleSummary) -> tuple[ModuleSummary, str] | None:
    """The module that binds the variable of which a method is named, and its name there."""
    return place_of(evaluator, method.path.rpartition(".")[0], importer) if isinstance(method, t.Ref) else None


def place_of_term(evaluator: Evaluator, term: t.Term, module: ModuleSummary) -> tuple[ModuleSummary, str] | None:
    """The module that binds what a term is, and its name there; in the body of its module a name is its value."""
    if isinstance(term, t.Ref):
        return place_of(evaluator, term.path, module)
    for name, bound in module.bindings.items() if isinstance(term, t.Call) else ():
        if bound is term or (isinstance(bound, t.Declared) and bound.value is term):
            return module, name
    return None


def place_of(evaluator: Evaluator, path: str, importer: ModuleSummary) -> tuple[ModuleSummary, str] | None:
    """The module that binds what a path means, and its name there, through all imports."""
    for _ in range(6):
        target = evaluator.project.resolve(path, importer) if path else None
        if target is None or len(target[1]) != 1:
            return None
        found = binding(evaluator.project, target[0], target[1][0])
        if found is None or not isinstance(found[1], t.Ref):
            return (target[0], target[1][0]) if found is not None and found[0] is target[0] else None
        importer, path = found[0], found[1].path
    return None
