"""Classes whose objects live as long as the process: all that the project makes of them, it makes once and keeps.

Such are an object of a module (`hub = Hub()`), of an application (`app.state.hub = Hub()`), of an argument's default,
the one object of a memoised function or of a singleton, a middleware that an application is given, and what a
constructor of such an object makes.  Where one object of the class is made for a request, or somebody has the class
and may make some, nothing is said of any of them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqla_leaklint.domain.application.callers import last_name, users
from sqla_leaklint.domain.application.endpoints import is_depends, method_name
from sqla_leaklint.domain.containers.attributes import CONSTRUCTORS
from sqla_leaklint.domain.lifetimes.conditions import asks_for
from sqla_leaklint.domain.lifetimes.process import Reach, reach_of
from sqla_leaklint.domain.linking.decorators import is_memoised
from sqla_leaklint.domain.memo import Memo
from sqla_leaklint.domain.values import ProjectClass, alternatives
from sqla_leaklint.semantic import terms as t
from sqla_leaklint.semantic.events import Deed
from sqla_leaklint.syntax import tree

if TYPE_CHECKING:
    from sqla_leaklint.domain.evaluation import Evaluator
    from sqla_leaklint.semantic.summary import Act, FunctionSummary, ModuleSummary

_DEEPEST = 3
"""Objects inside of objects, and classes below classes, that are looked into."""

_GIVEN_AS_MIDDLEWARE = frozenset({"add_middleware", "Middleware"})
_ASKING = frozenset({"isinstance", "issubclass", "cast", "super", "hasattr", "getattr", "id", "print", "repr", "str"})


@dataclass(frozen=True, slots=True)
class _Making:
    """A call that makes an object: in a function, or (None) in the body of a module or class."""

    module: ModuleSummary
    function: FunctionSummary | None
    call: t.Call


_LASTING: Memo[Evaluator, dict[ProjectClass, bool]] = Memo(lambda _: {})


def is_lasting(evaluator: Evaluator, cls: ProjectClass) -> bool:
    """Whether all the objects of a class, and there are some, live as long as the process."""
    known = _LASTING.of(evaluator)
    if cls not in known:
        known[cls] = _all_last(evaluator, cls, frozenset())
    return known[cls]


def _all_last(evaluator: Evaluator, cls: ProjectClass, above: frozenset[ProjectClass]) -> bool:
    """The answer, unless it is asked for on the way to the answer about classes `above`."""
    module = evaluator.project.summary_at(cls.path)
    summary = evaluator.classes.summary(cls)
    if module is None or summary is None or summary.scope is not None or cls in above or len(above) > _DEEPEST:
        return False
    above |= {cls}
    is_singleton = _is_singleton(evaluator, cls)
    count = 0
    for user in users(evaluator, module, cls.name):
        if _is_out_of_sight(evaluator, user, cls) or _is_injected(evaluator, user, cls):
            return False
        for caller, act in user.mentions():
            match _made_by(evaluator, user, act, cls):
                case None:
                    continue
                case False:
                    return False
                case t.Call() as call:
                    making = _Making(user, caller, call)
                    if not is_singleton and not _is_made_once(evaluator, making, above):
                        return False
                case _:
                    pass
            count += 1
        for below in _subclasses(evaluator, user, cls):
            if _is_made_anywhere(evaluator, below):
                if not _all_last(evaluator, below, above):
                    return False
                count += 1
    return count > 0 and not _makes_itself(module, cls)


def _made_by(evaluator: Evaluator, user: ModuleSummary, act: Act, cls: ProjectClass) -> t.Call | bool | None:
    """The call that makes an object of a class; True where an application does, False where somebody else may."""
    if act.deed is not Deed.CALLED or not isinstance(act.value, t.Call):
        return None
    call, frame = act.value, evaluator.frame(user)
    if last_name(call.func) == cls.name and cls in alternatives(evaluator.of(call.func, frame)):
        return call
    for argument in (*call.args, *(value for _, value in call.keywords)):
        if last_name(argument) == cls.name and cls in alternatives(evaluator.of(argument, frame)):
            name = method_name(call.func)
            if name in _GIVEN_AS_MIDDLEWARE:
                return True
            return None if name in _ASKING else False
    return None


def _is_out_of_sight(evaluator: Evaluator, user: ModuleSummary, cls: ProjectClass) -> bool:
    """Whether a module has the class in a collection, or a function returns it: others may make objects of it."""
    held: list[t.Term] = [value for value in user.bindings.values() if not isinstance(value, t.Ref | t.ClassRef)]
    held += [value for function in user.functions.values() for value in function.returns]
    for term in t.all_in(held):
        if isinstance(term, t.Collection):
            parts: tuple[t.Term, ...] = (*term.elements, *term.keys)
            parts = tuple(part.value if isinstance(part, t.Star) else part for part in parts)
        else:
            parts = ()
        for part in parts:
            if last_name(part) == cls.name and cls in alternatives(evaluator.of(part, evaluator.frame(user))):
                return True
    return any(
        last_name(value) == cls.name and cls in alternatives(evaluator.of(value, evaluator.frame(user)))
        for function in user.functions.values()
        for value in function.returns
        if isinstance(value, t.Ref | t.ClassRef)
    )


def _is_injected(evaluator: Evaluator, user: ModuleSummary, cls: ProjectClass) -> bool:
    """Whether requests are given objects of the class by its annotation: `Annotated[Basket, Depends()]`."""
    roots: list[tuple[t.Term, ...]] = [(value,) for value in user.bindings.values()]
    roots.extend(
        tuple(part for part in (each.annotation, each.default) if part is not None)
        for function in user.functions.values()
        for each in function.parameters
    )
    for root in roots:
        parts = list(t.all_in(root))
        if any(isinstance(part, t.Call) and is_depends(part) and not (part.args or part.keywords) for part in parts):
            named = [part for part in parts if last_name(part) == cls.name]
            if any(cls in alternatives(evaluator.of(part, evaluator.frame(user))) for part in named):
                return True
    return False


def _makes_itself(module: ModuleSummary, cls: ProjectClass) -> bool:
    """Whether a method makes another object of its own class by `cls()`, `self.__class__()` or `type(self)()`."""
    for function in module.functions.values():
        if function.owner != cls.qualname or not function.parameters:
            continue
        receiver = function.parameters[0].name
        for act in function.acts:
            func = act.value.func if act.deed is Deed.CALLED and isinstance(act.value, t.Call) else None
            match func:
                case t.Param(function=of, name=name) if (of, name) == (function.qualname, receiver):
                    if not any(_stores(other, act.value) for other in function.acts):
                        return True
                case t.Attr(name="__class__"):
                    return True
                case t.Call(func=t.Ref(path="builtins.type")):
                    return True
                case _:
                    pass
    return False


def _stores(act: Act, value: t.Term) -> bool:
    """Whether an act stores a value in an attribute: `cls._instance = cls()`."""
    return act.deed is Deed.STORED_ATTRIBUTE and value in t.all_in([act.value])


# --- how often it is made ---


def _is_made_once(evaluator: Evaluator, making: _Making, above: frozenset[ProjectClass]) -> bool:
    function = making.function
    if function is None:
        return True
    if function.owner is not None and function.name in CONSTRUCTORS:
        return _all_last(evaluator, ProjectClass(making.module.path, function.owner), above)
    frame = evaluator.frame(making.module)
    if function.decorators and is_memoised(evaluator, function.decorators, frame):
        return not function.parameters
    if _is_made_when_missing(evaluator, making, function):
        return True
    return reach_of(evaluator, making.module, function)[0] is Reach.ONCE


def _is_made_when_missing(evaluator: Evaluator, making: _Making, function: FunctionSummary) -> bool:
    """`global hub`, `if hub is None: hub = Hub()`: made by whoever asks first."""
    names = {
        act.key
        for act in function.acts
        if act.deed in {Deed.STORED_GLOBAL, Deed.STORED_ATTRIBUTE} and making.call in t.all_in([act.value])
    }
    module = evaluator.project.module_at(making.module.path) if names else None
    body = module.executor.bodies.get(function.qualname) if module is not None else None
    if body is None or not isinstance(body.node, tree.Function):
        return False
    node = body.node
    return all(isinstance(name, str) and asks_for(node, name) for name in names)


def _is_singleton(evaluator: Evaluator, cls: ProjectClass) -> bool:
    """Whether its metaclass makes one object and hands it out from then on: `objects[cls] = super().__call__()`."""
    frame = evaluator.classes.frame(cls)
    for summary in evaluator.classes.project_line(cls):
        metaclass = dict(summary.keywords).get("metaclass")
        if metaclass is None or frame is None:
            continue
        for value in alternatives(evaluator.of(metaclass, frame)):
            found = (
                evaluator.classes.find(value, "__call__", on_instance=False)
                if isinstance(value, ProjectClass)
                else None
            )
            module = evaluator.project.summary_at(found[0].path) if found is not None else None
            if found is None or module is None or not isinstance(found[1], t.FunctionRef):
                continue
            call = module.functions.get(found[1].qualname)
            if call is not None and call.parameters and any(_keeps_by_class(call, act) for act in call.acts):
                return True
    return False


def _keeps_by_class(call: FunctionSummary, act: Act) -> bool:
    first = call.parameters[0].name
    return act.deed is Deed.STORED_ITEM and isinstance(act.key, t.Param) and act.key.name == first


# --- who else is of the class ---


def _subclasses(evaluator: Evaluator, user: ModuleSummary, cls: ProjectClass) -> Iterator[ProjectClass]:
    for qualname, summary in user.classes.items():
        found = ProjectClass(user.path, qualname)
        if found != cls and summary.bases and cls in evaluator.classes.line(found):
            yield found


def _is_made_anywhere(evaluator: Evaluator, cls: ProjectClass) -> bool:
    module = evaluator.project.summary_at(cls.path)
    return module is None or any(
        _made_by(evaluator, user, act, cls) is not None
        for user in users(evaluator, module, cls.name)
        for _, act in user.mentions()
    )
