"""Which terms are a container: through imports, re-exports, star imports, `self`, instances and subclasses."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, TypeAlias

from sqla_leaklint.domain.application.callers import last_name
from sqla_leaklint.domain.application.state import is_application_state
from sqla_leaklint.domain.values import (
    ModuleValue,
    ProjectClass,
    ProjectFunction,
    ProjectInstance,
    Unknown,
    alternatives,
)
from sqla_leaklint.semantic import terms as t
from sqla_leaklint.semantic.project import binding
from sqla_leaklint.semantic.summary import ModuleSummary

if TYPE_CHECKING:
    from sqla_leaklint.domain.evaluation import Evaluator

_MOST_REEXPORTS = 6


class Holder(Enum):
    """Whose name or attribute a container is."""

    MODULE = "a module"
    CLASS = "a class, so all its objects share it"
    OBJECT = "an object of a class"
    STATE = "the application"


@dataclass(frozen=True, slots=True)
class Identity:
    """Which container: a name of a module or, with `owner`, an attribute of one of its classes, of the objects of that
    class or of the application's state; `type` is its library class.

    `fills_itself`: reading a key that is not there puts it there.  `made_in`: the function that gives an object or the
    application its container.
    """

    path: str
    name: str
    owner: str
    type: str
    fills_itself: bool
    holder: Holder
    made_in: str = ""


StandIn: TypeAlias = "t.Param | ProjectFunction"


class Matcher:
    """Recognises a container in the terms of one module, or what stands for it there: the parameter under which a
    function is given it, the calls of a function that returns it.
    """

    def __init__(
        self, evaluator: Evaluator, identity: Identity, module: ModuleSummary, stand_in: StandIn | None = None
    ) -> None:
        self._evaluator = evaluator
        self._identity = identity
        self._module = module
        self._frame = evaluator.frame(module)
        self._stand_in = stand_in
        self._mentions: dict[int, bool] = {}

    def may_mention(self, term: t.Term) -> bool:
        """Cheaply: whether the container may be a part of a term."""
        known = self._mentions.get(id(term))
        if known is None:
            self._mentions[id(term)] = False  # ends a cycle
            known = self._mentions[id(term)] = self._mentions_it(term)
        return known

    def _mentions_it(self, term: t.Term) -> bool:
        stand_in = self._stand_in
        name = (
            last_name(t.FunctionRef(stand_in.qualname))
            if isinstance(stand_in, ProjectFunction)
            else self._identity.name
        )
        match term:
            case t.Param():
                return isinstance(stand_in, t.Param) and self.is_it(term)
            case t.Ref():
                return not isinstance(stand_in, t.Param) and name in term.path
            case t.FunctionRef():
                return isinstance(stand_in, ProjectFunction) and last_name(term) == name
            case t.Attr() if term.name == name and not isinstance(stand_in, t.Param):
                return True
            case _:
                return any(self.may_mention(part) for part in t.parts_of(term))

    def is_it(self, term: t.Term) -> bool:
        """Whether a term is the container, on some path at least."""
        wanted = self._stand_in
        if isinstance(wanted, ProjectFunction):
            return self._is_returned(term, wanted)
        match term:
            case t.Param():
                return wanted is not None and (term.function, term.name) == (wanted.function, wanted.name)
            case t.Ref():
                return wanted is None and self.is_path(term.path)
            case t.Attr():
                return wanted is None and term.name == self._identity.name and self.may_hold_it(term.base)
            case t.Join():
                return any(self.is_it(part) for part in term.terms)
            case t.Declared():
                return term.value is not None and self.is_it(term.value)
            case _:
                return False

    def _is_returned(self, term: t.Term, function: ProjectFunction) -> bool:
        """Whether a term is a call of the function that returns the container, or the function itself."""
        if isinstance(term, t.Join):
            return any(self._is_returned(part, function) for part in term.terms)
        named = term.func if isinstance(term, t.Call) else term
        if not isinstance(named, t.Ref | t.Attr | t.FunctionRef) or not self.may_mention(named):
            return False
        return any(
            isinstance(value, ProjectFunction) and (value.path, value.qualname) == (function.path, function.qualname)
            for value in alternatives(self._evaluator.of(named, self._frame))
        )

    def is_path(self, path: str) -> bool:
        """Whether an absolute dotted path leads to the container."""
        identity = self._identity
        if path.rpartition(".")[2] != identity.name:
            return False
        if identity.owner:
            head = path.rpartition(".")[0]
            return bool(head) and self.may_hold_it(t.Ref(head))
        importer = self._module
        for _ in range(_MOST_REEXPORTS):
            target = self._evaluator.project.resolve(path, importer)
            if target is None or len(target[1]) != 1:
                return False
            if target[0].path == identity.path and target[1][0] == identity.name:
                return True
            found = binding(self._evaluator.project, target[0], target[1][0])
            if found is None:
                return False
            if found[0].path == identity.path and target[1][0] == identity.name:
                return True  # by a star import
            if not isinstance(found[1], t.Ref):
                return False
            importer, path = found[0], found[1].path
        return False

    def may_hold_it(self, base: t.Term) -> bool:
        """Whether a term is the module, the class, an instance of the class or the state to which it belongs.

        An object that is not known may be one.
        """
        identity = self._identity
        if identity.holder is Holder.STATE:
            return is_application_state(self._evaluator, base, self._frame)
        for value in alternatives(self._evaluator.of(base, self._frame)):
            match value:
                case ModuleValue():
                    if not identity.owner and value.path == identity.path:
                        return True
                case ProjectClass() | ProjectInstance():
                    cls = value if isinstance(value, ProjectClass) else value.cls
                    if identity.owner and ProjectClass(identity.path, identity.owner) in self._evaluator.classes.line(
                        cls
                    ):
                        return True
                case Unknown():
                    if identity.owner:
                        return True
                case _:
                    pass
        return False

    def is_surely(self, term: t.Term) -> bool:
        """Whether the object whose attribute a term is, or a part of it is, is known to have the container."""
        while isinstance(term, t.Attr) and term.name != self._identity.name:
            term = term.base
        if not self._identity.owner or self._identity.holder is Holder.STATE or not isinstance(term, t.Attr):
            return True
        return not all(isinstance(value, Unknown) for value in alternatives(self._evaluator.of(term.base, self._frame)))
