"""What a project does with one of its containers: where it grows, where it shrinks, where it goes out of sight.

The acts of every module that mentions the container are looked at; an act concerns it when its terms resolve to it,
through imports, re-exports, `self` and instances.  What cannot be decided (it is returned, kept by another object,
given to a function that is not known) is a use out of sight: whoever has it then may remove from it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from sqla_leaklint.domain.application.callers import is_only_called, users
from sqla_leaklint.domain.application.endpoints import is_handler
from sqla_leaklint.domain.containers.identity import Holder, Identity, Matcher, StandIn
from sqla_leaklint.domain.containers.kinds import (
    DISPLAYS,
    READING_BUILTINS,
    READING_CALLS,
    READING_METHODS,
    START_FROM_NOTHING,
    Growth,
    Other,
    OtherUse,
    Use,
    put_in,
)
from sqla_leaklint.domain.linking.decorators import is_static
from sqla_leaklint.domain.values import ProjectFunction, alternatives
from sqla_leaklint.knowledge.facts import Effect
from sqla_leaklint.semantic import terms as t
from sqla_leaklint.semantic.events import Deed
from sqla_leaklint.semantic.summary import Act, FunctionSummary, ModuleSummary

if TYPE_CHECKING:
    from sqla_leaklint.domain.evaluation import Evaluator


_DEEPEST = 2
"""Calls into which a container is followed as an argument."""


def uses_in(evaluator: Evaluator, identity: Identity, module: ModuleSummary) -> Iterator[Use]:
    """All that a module does with a container."""
    return _Uses(evaluator, identity, module).all()


class _Uses:
    def __init__(
        self,
        evaluator: Evaluator,
        identity: Identity,
        module: ModuleSummary,
        stand_in: StandIn | None = None,
        depth: int = 0,
    ) -> None:
        self._evaluator = evaluator
        self._identity = identity
        self._module = module
        self._frame = evaluator.frame(module)
        self._stand_in = stand_in
        self._depth = depth
        self._matcher = Matcher(evaluator, identity, module, stand_in)
        self._function: FunctionSummary | None = None
        self._seen: set[int] = set()

    def all(self) -> Iterator[Use]:
        for function, act in self._module.mentions():
            yield from self.in_act(function, act)
        for function in self._module.functions.values():
            yield from self.in_results(function)
        for cls in self._module.classes.values():
            for value in cls.attributes.values():
                if not isinstance(value, t.FunctionRef) and self._matcher.is_it(value):
                    yield self._other(Other.OUT_OF_SIGHT, value)

    def in_act(self, function: FunctionSummary | None, act: Act) -> Iterator[Use]:
        self._function = function
        self._seen = set()
        base, value, key = act.base, act.value, act.key
        if act.deed is Deed.CAPTURED:
            return
        if act.deed is Deed.STORED_GLOBAL:
            yield from self._rebound(act)
        if act.deed is Deed.DELETED_NAME and self._matcher.is_it(value):
            yield self._other(Other.REMOVED, value)
            return
        if base is not None:
            yield from self._at_base(act, base)
        if act.deed is not Deed.DELETED_ITEM:
            if act.deed in {Deed.STORED_ATTRIBUTE, Deed.STORED_ITEM} and self._matcher.is_it(value):
                yield self._other(Other.OUT_OF_SIGHT, value)
            yield from self._scan(value)
        if isinstance(key, t.Param | t.Ref | t.Attr | t.Call | t.Item | t.Collection | t.Join):
            yield from self._scan(key)

    def in_results(self, function: FunctionSummary) -> Iterator[Use]:
        """What a function returns and yields, and the defaults of its parameters."""
        self._function = function
        self._seen = set()
        for parameter in function.parameters:
            if parameter.default is not None and self._matcher.is_it(parameter.default):
                yield self._other(Other.OUT_OF_SIGHT, parameter.default)
        for value in (*function.returns, *function.yields):
            parts = value.elements if isinstance(value, t.Collection) else (value,)
            is_given = any(self._matcher.is_it(part) for part in parts)
            if is_given and not is_handler(self._evaluator, self._module, function):
                yield from self._handed_out(function, value)
            elif not isinstance(value, t.Collection):
                yield from self._scan(value)

    def _handed_out(self, function: FunctionSummary, value: t.Term) -> Iterator[Use]:
        """What those do with it who call a function that does nothing but return it; else it is out of sight."""
        is_plain = not (function.decorators or function.is_async or function.is_generator or function.scope)
        is_known = self._stand_in is None and is_plain and self._matcher.is_it(value)
        if not is_known or not is_only_called(self._evaluator, self._module, function):
            yield self._other(Other.OUT_OF_SIGHT, value)
            return
        accessor = ProjectFunction(self._module.path, function.qualname)
        for user in users(self._evaluator, self._module, function.name):
            yield from _Uses(self._evaluator, self._identity, user, accessor, self._depth + 1).all()

    # --- what an act does to it ---

    def _at_base(self, act: Act, base: t.Term) -> Iterator[Use]:
        if act.deed is Deed.STORED_ATTRIBUTE:
            if act.key == self._identity.name and self._stand_in is None and self._matcher.may_hold_it(base):
                yield from () if self._is_where_it_is_made else self._replaced(act.value)
            return
        if self._matcher.is_it(base):
            match act.deed:
                case Deed.STORED_ITEM if isinstance(act.key, t.Collection) and act.key.kind == "slice":
                    yield self._other(Other.REMOVED, base)
                case Deed.STORED_ITEM if act.key is not None and not isinstance(act.key, str):
                    yield self._growth(base, act.key, act.value)
                case Deed.DELETED_ITEM:
                    yield self._other(Other.REMOVED, base)
                case Deed.AUGMENTED if act.key in {"+=", "|="}:
                    yield self._growth(base, act.value)
                case Deed.AUGMENTED:
                    yield self._other(Other.REMOVED, base)
                case _:
                    pass
            return
        if act.deed is Deed.AUGMENTED and isinstance(base, t.Item) and self._matcher.is_it(base.value):
            if self._identity.type in START_FROM_NOTHING:
                yield self._growth(base.value, base.key)
            return
        yield from self._scan(base)

    @property
    def _is_where_it_is_made(self) -> bool:
        """Whether what is stored under the name of the container is the container itself."""
        identity = self._identity
        if identity.holder not in {Holder.OBJECT, Holder.STATE} or self._module.path != identity.path:
            return False
        return (self._function.qualname if self._function is not None else "") == identity.made_in

    def _rebound(self, act: Act) -> Iterator[Use]:
        is_own = self._module.path == self._identity.path and not self._identity.owner and self._stand_in is None
        if is_own and act.key == self._identity.name and self._function is not None:
            yield from self._replaced(act.value)

    def _replaced(self, value: t.Term) -> Iterator[Use]:
        """It is bound anew: to itself and more, or to something else."""
        parts = value.elements if isinstance(value, t.Collection) else ()
        others = tuple(
            part for part in parts if not self._matcher.is_it(part.value if isinstance(part, t.Star) else part)
        )
        if len(others) < len(parts):
            keys = value.keys if isinstance(value, t.Collection) else ()
            yield Growth(self._module, self._function, t.Collection("tuple", keys or others))
        elif not self._matcher.is_it(value):
            yield self._other(Other.REMOVED, value)

    # --- where it stands in a term ---

    def _scan(self, term: t.Term) -> Iterator[Use]:
        if id(term) in self._seen:
            return
        self._seen.add(id(term))
        if not self._matcher.may_mention(term):
            return
        match term:
            case t.Call():
                yield from self._called(term)
            case t.Item():
                if self._matcher.is_it(term.value):
                    if self._identity.fills_itself:
                        yield self._growth(term.value, term.key)
                    else:
                        yield self._other(Other.READ, term)
                else:
                    yield from self._scan(term.value)
                yield from self._scan(term.key)
            case t.Attr() | t.Ref():
                method = self._method(term)
                if method is not None and self._effect(method) is Effect.REMOVES:
                    # Handed on, to be called: `task.add_done_callback(tasks.discard)`.
                    yield self._other(Other.REMOVED, term)
                elif method is not None and method not in READING_METHODS:
                    yield self._other(Other.OUT_OF_SIGHT, term)
                elif isinstance(term, t.Attr):
                    yield from self._scan(term.base)
            case t.Collection():
                for part in (*term.elements, *term.keys):
                    if self._matcher.is_it(part) and term.kind in DISPLAYS:
                        yield self._other(Other.OUT_OF_SIGHT, part)
                    yield from self._scan(part)
            case _:
                for part in t.parts_of(term):
                    yield from self._scan(part)

    def _called(self, call: t.Call) -> Iterator[Use]:
        method = self._method(call.func)
        if method is not None:
            yield from self._method_called(method, call)
        else:
            yield from self._scan(call.func)
        for argument in (*call.args, *(value for _, value in call.keywords)):
            if self._matcher.is_it(argument):
                yield from self._passed(call, argument)
            else:
                yield from self._scan(argument)

    def _method_called(self, method: str, call: t.Call) -> Iterator[Use]:
        effect = self._effect(method)
        if effect is Effect.REMOVES:
            yield self._other(Other.REMOVED, call)
        elif effect is Effect.GROWS:
            for data in put_in(method, call):
                value = call.args[1] if method == "setdefault" and len(call.args) > 1 else None
                yield self._growth(call.func, data, value)
        else:
            yield self._other(Other.READ if method in READING_METHODS else Other.OUT_OF_SIGHT, call)

    def _passed(self, call: t.Call, argument: t.Term) -> Iterator[Use]:
        func = call.func
        name = func.path if isinstance(func, t.Ref) else ""
        if name == "builtins.len":
            yield self._other(Other.MEASURED, call)
            return
        last = func.name if isinstance(func, t.Attr) else name.rpartition(".")[2]
        if (name.startswith("builtins.") and last in READING_BUILTINS) or last in READING_CALLS:
            yield self._other(Other.READ, call)
            return
        callees = alternatives(self._evaluator.of(func, self._frame))
        functions = [callee for callee in callees if isinstance(callee, ProjectFunction)]
        followed = self._depth < _DEEPEST and bool(functions)
        for function in functions:
            inner = self._within(function, call, argument) if followed else None
            if inner is None:
                followed = False
                break
            yield from inner
        if not followed:
            yield self._other(Other.OUT_OF_SIGHT, call)

    def _within(self, value: ProjectFunction, call: t.Call, argument: t.Term) -> list[Use] | None:
        """What a function of the project does with the container that it is given; None when that is not known."""
        module = self._evaluator.project.summary_at(value.path)
        function = module.functions.get(value.qualname) if module is not None else None
        if module is None or function is None or function.decorators:
            return None
        names = [parameter.name for parameter in function.parameters]
        frame = self._evaluator.frame(module)
        skipped = int(value.receiver is not None and not is_static(self._evaluator, function, frame))
        name = next((key for key, given in call.keywords if given is argument), None)
        if name is None:
            position = next((i for i, given in enumerate(call.args) if given is argument), -1) + skipped
            if any(isinstance(given, t.Star) for given in call.args) or not 0 <= position < len(names):
                return None
            name = names[position]
        inner = _Uses(self._evaluator, self._identity, module, t.Param(function.qualname, name), self._depth + 1)
        found = [use for act in function.acts for use in inner.in_act(function, act)]
        return [*found, *inner.in_results(function)]

    def _method(self, term: t.Term) -> str | None:
        """The method of the container that a term names."""
        if isinstance(term, t.Attr):
            return term.name if self._matcher.is_it(term.base) else None
        if isinstance(term, t.Ref) and self._stand_in is None:
            head, _, name = term.path.rpartition(".")
            return name if head and self._matcher.is_path(head) else None
        return None

    def _effect(self, method: str) -> Effect | None:
        return row.effect if (row := self._evaluator.knowledge.method(self._identity.type, method)) else None

    def _growth(self, base: t.Term, data: t.Term, value: t.Term | None = None) -> Use:
        """A growth, if it is sure that this container is meant."""
        if not self._matcher.is_surely(base):
            return self._other(Other.READ, base)
        return Growth(self._module, self._function, data, value)

    def _other(self, what: Other, term: t.Term) -> OtherUse:
        return OtherUse(self._module, self._function, what, term)
