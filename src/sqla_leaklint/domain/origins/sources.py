"""What a key is made of: the parts of a term that can be different for every call."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeAlias

from sqla_leaklint.domain.application.endpoints import method_name
from sqla_leaklint.domain.origins.closed import is_closed_name, is_enumeration, is_key_of_another
from sqla_leaklint.domain.origins.received import ADDRESSES, Received, received
from sqla_leaklint.domain.values import Entity, ProjectClass, ProjectFunction, Unknown, alternatives
from sqla_leaklint.knowledge.facts import Kind
from sqla_leaklint.semantic import terms as t
from sqla_leaklint.semantic.events import Deed
from sqla_leaklint.semantic.project import binding
from sqla_leaklint.semantic.summary import ModuleSummary

if TYPE_CHECKING:
    from sqla_leaklint.domain.evaluation import Evaluator

_FRESH = (
    "uuid.uuid1 uuid.uuid4 time.time time.time_ns time.monotonic time.perf_counter secrets.token_hex"
    " secrets.token_urlsafe secrets.token_bytes datetime.datetime.now datetime.datetime.utcnow"
)
_MADE_ANEW = frozenset(_FRESH.split())
_FEW_ANSWERS = (
    "builtins.len builtins.super builtins.type builtins.bool builtins.isinstance builtins.issubclass builtins.callable"
    " builtins.hasattr builtins.any builtins.all inspect.getmodule inspect.signature os.getenv os.environ.get"
)
_TELLS_LITTLE = frozenset(_FEW_ANSWERS.split())
_MOST_TERMS = 400


@dataclass(frozen=True, slots=True)
class Made:
    """A source that is no parameter: made anew, read from a row or from the running request."""

    what: str


@dataclass(frozen=True, slots=True)
class Given:
    """A parameter of the `__init__` that a class, `heir`, has inherited: whoever makes an object of it fills it."""

    heir: ProjectClass
    module: ModuleSummary
    parameter: t.Param
    part: str = ""


@dataclass(frozen=True, slots=True)
class Part:
    """An attribute of a parameter that is named like a thing of few, though the attribute is another thing's key."""

    parameter: t.Param
    part: str


Source: TypeAlias = "t.Param | Made | Given | Part | Received"


def sources(evaluator: Evaluator, module: ModuleSummary, term: t.Term) -> Iterator[Source]:
    """The sources of a term; what is closed, or computed in a way that is not followed, has none."""
    return _Sources(evaluator, module).of(term)


def _is_closed_key(key: t.Term) -> bool:
    return isinstance(key, t.Const) and isinstance(key.value, str) and is_closed_name(key.value)


def _is_answer(term: t.Term) -> bool:
    """Whether a term is what a call returned: of an object that was looked up by something from outside, an attribute
    may well be one of a few (`entry.family`).
    """
    while isinstance(term, t.Await | t.Declared) and term.value is not None:
        term = term.value
    return isinstance(term, t.Call)


class _Sources:
    def __init__(self, evaluator: Evaluator, module: ModuleSummary) -> None:
        self._evaluator = evaluator
        self._module = module
        self._frame = evaluator.frame(module)
        self._seen: set[tuple[int, str]] = set()

    def of(self, term: t.Term | None, part: str = "") -> Iterator[Source]:
        """The sources of a term or, with `part`, of that attribute of it."""
        if term is None or (id(term), part) in self._seen or len(self._seen) > _MOST_TERMS:
            return
        self._seen.add((id(term), part))
        match term:
            case t.Param():
                yield Part(term, part) if part and is_closed_name(term.name) else term
            case t.Local():
                function = self._module.functions.get(term.function)
                yield from self.of(function.locals.get(term.name) if function is not None else None, part)
            case t.Ref():
                if self._is_of_the_request(term.path):
                    yield Made("what belongs to the request")
            case t.Attr():
                yield from self._attribute(term, part)
            case t.Call():
                yield from self._call(term)
            case t.Item():
                if not _is_closed_key(term.key):
                    yield from self._item(term)
            case t.Await() | t.Enter() | t.Declared():
                yield from self.of(term.value, part)
            case t.Element() | t.Star():
                message = received(self._evaluator, self._module, term)
                if message is not None:
                    yield message
                yield from self.of(term.value)
            case t.Collection():
                for each in (*term.keys, *term.elements):
                    yield from self.of(each)
            case t.Mapped():
                yield from self.of(term.element)
            case t.Join():
                for each in term.terms:
                    yield from self.of(each, part)
            case _:
                return

    def _attribute(self, term: t.Attr, part: str) -> Iterator[Source]:
        if is_closed_name(term.name) and not is_key_of_another(term.name, part):
            return
        base = term.base
        if isinstance(base, t.Param) and self._is_receiver(base):
            yield from self._own_attribute(base, term.name, part)
            return
        values = alternatives(self._evaluator.of(base, self._frame))
        if any(isinstance(value, Entity) and value.is_loaded for value in values):
            yield Made("a row")
        is_looked_up = _is_answer(base) and any(isinstance(value, Unknown) for value in values)
        found = self.of(base, term.name)
        if term.name in ADDRESSES:
            found = (source for source in found if not isinstance(source, Received))
        yield from (source for source in found if isinstance(source, Made | Received) or not is_looked_up)

    def _item(self, term: t.Item) -> Iterator[Source]:
        """`message["id"]`, or one of several things that are received together."""
        if not isinstance(term.key, t.Const) or term.key.value in ADDRESSES:
            found = self.of(term.value)
            yield from (source for source in found if not isinstance(source, Received))
            return
        place = term.key.value
        base = term.value
        while isinstance(base, t.Await | t.Declared | t.Element) and base.value is not None:
            base = base.value
        message = received(self._evaluator, self._module, base)
        if message is None or not isinstance(place, int):
            yield from self.of(term.value)
        elif message.is_queued and not isinstance(term.value, t.Element):
            yield replace(message, place=place)
        elif place:
            yield from self.of(term.value)

    def _is_receiver(self, param: t.Param) -> bool:
        function = self._module.functions.get(param.function)
        return function is not None and function.owner is not None and function.parameters[0].name == param.name

    def _own_attribute(self, receiver: t.Param, name: str, part: str) -> Iterator[Source]:
        """`self.name`: what `__init__` was given for it, be it one that the class has inherited."""
        function = self._module.functions[receiver.function]
        cls = self._module.classes.get(function.owner or "")
        if cls is None or function.owner is None:
            return
        if name in cls.instance_attributes:
            yield from self.of(cls.instance_attributes[name], part)
        elif name not in cls.attributes:
            yield from self._inherited(ProjectClass(self._module.path, function.owner), name, part)

    def _inherited(self, cls: ProjectClass, name: str, part: str) -> Iterator[Source]:
        found = self._evaluator.classes.find(cls, name, on_instance=True)
        module = self._evaluator.project.summary_at(found[0].path) if found is not None else None
        if found is None or module is None or found[0] == cls:
            return
        for source in _Sources(self._evaluator, module).of(found[1], part):
            match source:
                case t.Param():
                    yield Given(cls, module, source)
                case Part():
                    yield Given(cls, module, source.parameter, source.part)
                case _:
                    yield source

    def _call(self, term: t.Call) -> Iterator[Source]:
        func = term.func
        message = received(self._evaluator, self._module, term)
        if message is not None:
            yield message
        if isinstance(func, t.Ref):
            if func.path in _MADE_ANEW:
                yield Made("a new value")
            if func.path in _TELLS_LITTLE or self._looks_up(func.path):
                return
            if self._reads_context(func):
                yield Made("what belongs to the request")
            callees = alternatives(self._evaluator.of(func, self._frame))
            if any(is_enumeration(self._evaluator, callee) for callee in callees):
                return
        elif isinstance(func, t.Attr):
            if is_closed_name(func.name) or self._looks_up_closed(term):
                return
            yield from self.of(func.base)
        for part in (*term.args, *(value for _, value in term.keywords)):
            yield from self.of(part)

    def _looks_up(self, path: str) -> bool:
        """`TABLE.get(key)`, `settings.get(key)`: as few answers as there are entries."""
        return path.rpartition(".")[2] in {"get", "pop", "index", "count", "getattr"}

    def _looks_up_closed(self, call: t.Call) -> bool:
        """`scope.get("route")`, which is `scope["route"]`."""
        return method_name(call.func) == "get" and bool(call.args) and _is_closed_key(call.args[0])

    # --- what belongs to the running request ---

    def _is_of_the_request(self, path: str) -> bool:
        """`current.user.id`, where `current` is a proxy of a `ContextVar`, `LocalProxy(read)` at module level."""
        owner = self._owner(path)
        if owner is None:
            return False
        module, term = owner
        call = term.value if isinstance(term, t.Declared) else term
        if not isinstance(call, t.Call) or is_closed_name(path.rpartition(".")[2]):
            return False
        frame = self._evaluator.frame(module)
        for argument in call.args:
            for value in alternatives(self._evaluator.of(argument, frame)):
                if isinstance(value, ProjectFunction) and self._returns_context(value):
                    return True
        return False

    def _owner(self, path: str) -> tuple[ModuleSummary, t.Term] | None:
        """The binding at module level of which a path names an attribute, in whichever module it is made."""
        project = self._evaluator.project
        importer = self._module
        for _ in range(6):
            target = project.resolve(path, importer)
            if target is None or not target[1]:
                return None
            found = binding(project, target[0], target[1][0])
            if found is None:
                return None
            if not isinstance(found[1], t.Ref):
                return found if len(target[1]) > 1 else None
            path, importer = ".".join([found[1].path, *target[1][1:]]), found[0]
        return None

    def _returns_context(self, value: ProjectFunction) -> bool:
        function = self._evaluator.classes.function(value)
        module = self._evaluator.project.summary_at(value.path)
        if function is None or module is None:
            return False
        return any(
            act.deed is Deed.CALLED
            and isinstance(act.value, t.Call)
            and method_name(act.value.func) == "get"
            and _Sources(self._evaluator, module)._reads_context(act.value.func)  # noqa: SLF001  (its own class)
            for act in function.acts
        )

    def _reads_context(self, func: t.Term) -> bool:
        """`variable.get()` of a `ContextVar`."""
        if not (isinstance(func, t.Ref) and func.path.endswith(".get")):
            return False
        value = self._evaluator.of(t.Ref(func.path.removesuffix(".get")), self._frame)
        return any(self._evaluator.classes.is_a(each, Kind.CONTEXT_VARIABLE) for each in alternatives(value))
