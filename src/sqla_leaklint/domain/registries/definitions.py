"""Registries (`scoped_session`) of a project: where each is made, and by what its sessions are told apart."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

from sqla_leaklint.domain.application.endpoints import method_name
from sqla_leaklint.domain.lifetimes.library_openings import autocommits, factory_call
from sqla_leaklint.domain.memo import Memo
from sqla_leaklint.domain.values import BoundMethod, Instance, ProjectClass, ProjectInstance, Symbol, alternatives
from sqla_leaklint.knowledge.facts import Kind
from sqla_leaklint.knowledge.sqlalchemy import ASYNC_SCOPED_SESSION
from sqla_leaklint.semantic import terms as t
from sqla_leaklint.semantic.project import binding
from sqla_leaklint.semantic.summary import ModuleSummary

if TYPE_CHECKING:
    from sqla_leaklint.domain.evaluation import Evaluator, Frame

_WORD = "scoped_session"
"""Part of the name of everything that makes a registry."""

_THREAD_IDENTITIES = frozenset(
    {"threading.get_ident", "threading.get_native_id", "threading.current_thread", "_thread.get_ident"}
)
_DEEPEST = 6


class Scope(Enum):
    """What has a session of its own."""

    THREAD = "thread"
    OTHER = "whatever `scopefunc` tells apart"


@dataclass(frozen=True, slots=True)
class Registry:
    """A registry, by the call that makes it.  Two of one module and call are the same one."""

    path: str
    maker: t.Call
    type: str
    scope: Scope

    @property
    def is_async(self) -> bool:
        return self.type == ASYNC_SCOPED_SESSION


def registry_of(evaluator: Evaluator, term: t.Term | None, frame: Frame, depth: int = 0) -> Registry | None:
    """The registry that a term names; None when it names none, or when that is not known for certain."""
    if depth > _DEEPEST:
        return None
    match term:
        case t.Call():
            return _made_by(evaluator, term, frame)
        case t.Declared():
            return registry_of(evaluator, term.value, frame, depth + 1)
        case t.Join():
            named = [each for each in term.terms if not (isinstance(each, t.Const) and each.value is None)]
            found = [registry_of(evaluator, each, frame, depth + 1) for each in named]
            return found[0] if found and all(each == found[0] for each in found) else None
        case t.Local():
            function = frame.module.functions.get(term.function)
            value = function.locals.get(term.name) if function is not None else None
            return registry_of(evaluator, value, frame, depth + 1)
        case t.Ref():
            return _bound_to(evaluator, term, frame, depth)
        case t.Attr():
            return _held_by(evaluator, term, frame, depth)
        case _:
            return None


def _made_by(evaluator: Evaluator, call: t.Call, frame: Frame) -> Registry | None:
    value = evaluator.of(call, frame)
    if not isinstance(value, Instance) or not evaluator.knowledge.is_a(value.type, Kind.SESSION_REGISTRY):
        return None
    callees = alternatives(evaluator.of(call.func, frame))
    if not all(isinstance(callee, Symbol | BoundMethod) for callee in callees) or _autocommits(evaluator, call, frame):
        return None
    return Registry(frame.module.path, call, value.type, _scope(evaluator, call, frame))


def _autocommits(evaluator: Evaluator, call: t.Call, frame: Frame) -> bool:
    """Whether the sessions of a registry hold no connection between two statements."""
    factory = call.args[0] if call.args else call.keyword("session_factory")
    return factory is not None and autocommits(call, factory_call(evaluator, factory, frame))


def _scope(evaluator: Evaluator, call: t.Call, frame: Frame) -> Scope:
    given = call.keyword("scopefunc") or (call.args[1] if len(call.args) > 1 else None)
    if any(isinstance(each, t.Star) for each in (*call.args, *(value for _, value in call.keywords))):
        return Scope.OTHER
    if given is None and isinstance(call.func, t.Attr | t.Ref) and method_name(call.func) == "create_scoped_session":
        # Its session is that of the application context, which Flask has one of for a request or task.
        return Scope.OTHER
    if given is None or (isinstance(given, t.Const) and given.value is None):
        return Scope.THREAD
    value = evaluator.of(given, frame)
    return Scope.THREAD if isinstance(value, Symbol) and value.path in _THREAD_IDENTITIES else Scope.OTHER


def _bound_to(evaluator: Evaluator, ref: t.Ref, frame: Frame, depth: int) -> Registry | None:
    target = evaluator.project.resolve(ref.path, frame.module)
    if target is None:
        return None
    module, names = target
    if not names:
        return None
    found = binding(evaluator.project, module, names[0])
    if found is None:
        return None
    owner, term = found
    for name in names[1:]:
        term = t.Attr(term, name)
    if term is ref or isinstance(term, t.ClassRef | t.FunctionRef):
        return None
    return registry_of(evaluator, term, evaluator.frame(owner), depth + 1)


def _held_by(evaluator: Evaluator, attribute: t.Attr, frame: Frame, depth: int) -> Registry | None:
    """A registry that an object or class of the project has in an attribute."""
    for value in alternatives(evaluator.of(attribute.base, frame)):
        cls = value if isinstance(value, ProjectClass) else value.cls if isinstance(value, ProjectInstance) else None
        if cls is None:
            continue
        found = evaluator.classes.find(cls, attribute.name, on_instance=True)
        owner = evaluator.classes.frame(found[0]) if found is not None else None
        if found is not None and owner is not None:
            return registry_of(evaluator, found[1], owner, depth + 1)
    return None


# --- where to look ---

_NAMES: Memo[Evaluator, dict[str, frozenset[str]]] = Memo(lambda _: {})


def registry_names(evaluator: Evaluator, module: ModuleSummary) -> frozenset[str]:
    """The names that the project, or a module that stands alone, binds what may be a registry to."""
    known = _NAMES.of(evaluator)
    key = "" if evaluator.project.root is not None else module.path
    if key not in known:
        makers = evaluator.project.mentioning(_WORD) if key == "" else (module,)
        known[key] = frozenset(name for maker in makers for name in _names_bound(maker))
    return known[key]


def _names_bound(module: ModuleSummary) -> Iterator[str]:
    scopes = [module.bindings, *(function.locals for function in module.functions.values())]
    for cls in module.classes.values():
        scopes += [cls.attributes, cls.instance_attributes]
    for bindings in scopes:
        for name, term in bindings.items():
            if _may_be_registry(term):
                yield name


def _may_be_registry(term: t.Term) -> bool:
    match term:
        case t.Call():
            return method_name(term.func).endswith((_WORD, "ScopedSession"))
        case t.Declared():
            return term.value is not None and _may_be_registry(term.value)
        case t.Join():
            return any(_may_be_registry(each) for each in term.terms)
        case _:
            return False


@dataclass(frozen=True, slots=True)
class Touch:
    """A call that uses a registry: of itself (`Session()`), or of one of its methods, whose name that is."""

    registry: Registry
    term: t.Term
    method: str


def touched(evaluator: Evaluator, call: t.Call, frame: Frame, names: frozenset[str]) -> Touch | None:
    """What a call does with a registry, if it does something with one."""
    base, method = (call.func.base, call.func.name) if isinstance(call.func, t.Attr) else (call.func, "")
    if isinstance(call.func, t.Ref):
        path, _, last = call.func.path.rpartition(".")
        if last not in names:
            if path.rpartition(".")[2] not in names:
                return None
            base, method = t.Ref(path), last
    elif isinstance(base, t.Call):
        if not _may_be_registry(base):
            return None
    elif _last_name(base) not in names:
        return None
    registry = registry_of(evaluator, base, frame)
    return Touch(registry, base, method) if registry is not None else None


def _last_name(term: t.Term) -> str:
    return term.name if isinstance(term, t.Local) else method_name(term)
