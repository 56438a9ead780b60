"""Exceptions that a container of the process keeps.

An exception holds its traceback, that the frames that it came through, and those all their variables: the rows that
were read, the session that was open.  So does what has the exception in it: a tuple, a dict, an object that was given
it.  Its text, its type and its arguments do not, nor does the exception itself once its traceback is taken off.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqla_leaklint.domain.application.callers import callers, users
from sqla_leaklint.domain.containers.container import Container
from sqla_leaklint.domain.containers.growing import lasting_containers
from sqla_leaklint.domain.containers.kinds import Growth
from sqla_leaklint.domain.origins.provenance import Provenance, Stop, Trail
from sqla_leaklint.domain.values import ProjectClass, ProjectInstance, Symbol, alternatives
from sqla_leaklint.semantic import terms as t
from sqla_leaklint.semantic.events import Deed

if TYPE_CHECKING:
    from sqla_leaklint.domain.evaluation import Evaluator
    from sqla_leaklint.domain.module import Domain
    from sqla_leaklint.semantic.summary import FunctionSummary, ModuleSummary

_DEEPEST = 3
"""Calls through which an exception is handed on before it is stored."""

_PARTS = frozenset({"__traceback__", "__cause__", "__context__"})
_LEAVING_BLOCK = frozenset({"__exit__", "__aexit__"})
_KEEPING_BASES = frozenset({"typing.NamedTuple", "builtins.Exception", "builtins.BaseException"})
_DATACLASSES = frozenset({"dataclasses.dataclass", "pydantic.dataclasses.dataclass", "attrs.define", "attr.s"})


@dataclass(frozen=True, slots=True, eq=False)
class StoredException:
    """A container that keeps exceptions: `function` puts them in, `trail` leads from it to the world outside."""

    container: Container
    function: FunctionSummary
    trail: Trail

    @staticmethod
    def find(domain: Domain) -> Iterator[StoredException]:
        """Every such container of the module."""
        for container in lasting_containers(domain):
            found = _stored(container)
            if found is not None:
                yield found


def _stored(container: Container) -> StoredException | None:
    evaluator = container.domain.evaluator
    growths = [use for use in container.uses if isinstance(use, Growth) and use.function is not None]
    for use in growths:
        kept = use.value if container.is_mapping else use.data
        if kept is None or use.function is None:
            continue
        trail = _Exceptions(evaluator).trail(use.module, use.function, kept)
        if trail is None or container.is_looked_after:
            continue
        if container.is_mapping and Provenance(evaluator).trail(use.module, use.function, use.data) is None:
            continue  # one for each of a few keys
        return StoredException(container, use.function, trail)
    return None


class _Exceptions:
    """Tells whether a term is or holds an exception, and how the world outside comes to where it is caught."""

    def __init__(self, evaluator: Evaluator) -> None:
        self._evaluator = evaluator

    def trail(
        self, module: ModuleSummary, function: FunctionSummary, term: t.Term, above: tuple[Stop, ...] = ()
    ) -> Trail | None:
        """The way from a function that has an exception in a term to the one that the outside world calls."""
        if len(above) > _DEEPEST or any(stop.function is function for stop in above):
            return None
        for part in self._parts(module, term):
            if self._is_caught(function, part):
                found = self._call_trail(module, function)
                if found is not None and found.entry is not None:
                    return Trail((*above, *found.stops), found.entry)
            elif isinstance(part, t.Param) and part.function == function.qualname:
                found = self._of_callers(module, function, part.name, above)
                if found is not None:
                    return found
        return None

    def _call_trail(self, module: ModuleSummary, function: FunctionSummary) -> Trail | None:
        """How the outside world comes to a function; to what leaves a block, by way of whoever enters it."""
        evaluator = self._evaluator
        if function.name not in _LEAVING_BLOCK or function.owner is None:
            return Provenance(evaluator).call_trail(module, function)
        cls = ProjectClass(module.path, function.owner)
        for user in users(evaluator, module, cls.name):
            for caller, act in user.mentions():
                if act.deed is not Deed.ENTERED or caller is None:
                    continue
                values = alternatives(evaluator.of(act.value, evaluator.frame(user)))
                if any(isinstance(value, ProjectInstance) and value.cls == cls for value in values):
                    found = Provenance(evaluator).call_trail(user, caller)
                    if found is not None:
                        return Trail((Stop(module, function, ""), *found.stops), found.entry)
        return None

    def _of_callers(
        self, module: ModuleSummary, function: FunctionSummary, name: str, above: tuple[Stop, ...]
    ) -> Trail | None:
        for call in callers(self._evaluator, module, function):
            given = call.arguments.get(name)
            if call.function is not None and given is not None:
                found = self.trail(call.module, call.function, given, (*above, Stop(module, function, name)))
                if found is not None:
                    return found
        return None

    def _parts(self, module: ModuleSummary, term: t.Term) -> Iterator[t.Term]:
        """A term, and what it holds as it is: not what a call makes of it."""
        pending = [term]
        seen: set[t.Term] = set()
        while pending:
            part = pending.pop()
            if part in seen:
                continue
            seen.add(part)
            yield part
            match part:
                case t.Collection(kind="tuple" | "list" | "set" | "dict"):
                    pending.extend(part.elements)
                case t.Join():
                    pending.extend(part.terms)
                case t.Declared(value=value) if value is not None:
                    pending.append(value)
                case t.Call() if self._is_object(module, part):
                    pending.extend((*part.args, *(value for _, value in part.keywords)))
                case t.Attr(base=base, name=name) if name in _PARTS:
                    pending.append(base)
                case t.Call(func=t.Attr(base=base, name="with_traceback"), args=(given,)):
                    if not (isinstance(given, t.Const) and given.value is None):
                        pending.append(base)
                case _:
                    pass

    def _is_caught(self, function: FunctionSummary, term: t.Term) -> bool:
        """Whether a term is an exception that was raised, or its traceback."""
        match term:
            case t.Caught():
                return True
            case t.Call(func=t.Ref(path="sys.exc_info")):
                return True
            case t.Item(value=t.Call(func=t.Ref(path="sys.exc_info")), key=t.Const(value=index)):
                return index != 0
            case t.Param(function=of, name=name) if of == function.qualname:
                return self._is_given_exceptions(function, name)
            case _:
                return False

    def _is_given_exceptions(self, function: FunctionSummary, name: str) -> bool:
        """Whether Python calls a function with an exception for that parameter.

        So does an application its exception handlers, but it takes the traceback off when they have answered.
        """
        names = [parameter.name for parameter in function.parameters]
        return function.name in _LEAVING_BLOCK and function.owner is not None and name in names[2:4]

    def _is_object(self, module: ModuleSummary, call: t.Call) -> bool:
        """Whether a call makes an object that keeps what it is given as it is: a dataclass, a named tuple …"""
        evaluator = self._evaluator
        for callee in alternatives(evaluator.of(call.func, evaluator.frame(module))):
            if not isinstance(callee, ProjectClass):
                continue
            if evaluator.classes.find(callee, "__init__", on_instance=False) is not None:
                continue
            bases = {base.path for base in evaluator.classes.line(callee) if isinstance(base, Symbol)}
            summary, frame = evaluator.classes.summary(callee), evaluator.classes.frame(callee)
            if bases & _KEEPING_BASES:
                return True
            if summary is not None and frame is not None:
                for decorator in summary.decorators:
                    value = evaluator.of(decorator.func if isinstance(decorator, t.Call) else decorator, frame)
                    if isinstance(value, Symbol) and value.path in _DATACLASSES:
                        return True
        return False
