"""A memoised function as a subject of rules: what memoises it, who calls it with what, and whether it ever forgets."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from sqla_leaklint.domain.application.callers import (
    CallFrom,
    bound_arguments,
    callers,
    calls_naming,
    last_name,
    users,
)
from sqla_leaklint.domain.containers.identity import Holder, Identity, Matcher
from sqla_leaklint.domain.linking.decorators import is_class_method, is_static
from sqla_leaklint.domain.memoization.memoizers import Memoizer, memoizer_of
from sqla_leaklint.domain.origins.closed import is_closed_parameter
from sqla_leaklint.domain.origins.provenance import Provenance, Trail
from sqla_leaklint.domain.values import ProjectFunction, alternatives
from sqla_leaklint.semantic import terms as t
from sqla_leaklint.semantic.events import Deed
from sqla_leaklint.semantic.summary import FunctionSummary, ModuleSummary, ParameterSummary
from sqla_leaklint.syntax import tree

if TYPE_CHECKING:
    from sqla_leaklint.domain.module import Domain
    from sqla_leaklint.semantic.body import Body

_FORGETTING = frozenset({"cache_clear", "__wrapped__"})
"""Attributes of a memoised function by which it is made to forget, or is called past its memo."""


@dataclass(frozen=True, eq=False)
class Memoized:
    """A function whose results functools keeps: it stands below a memoiser, or is given to one.

    `node` is the decorator or the call that memoises it, `known_as` the name under which that is called.  `below` are
    the decorators between the memoiser and the function.
    """

    domain: Domain
    node: tree.Expr
    known_as: str
    module: ModuleSummary
    function: FunctionSummary
    memoizer: Memoizer
    owner: str | None
    below: tuple[t.Term, ...] = ()
    is_by_hand: bool = False

    @staticmethod
    def find(domain: Domain) -> Iterator[Memoized]:
        if domain.evaluator.project.is_test(domain.module.path):
            return
        for body in domain.bodies:
            match body.node:
                case tree.Function():
                    yield from _below_decorators(domain, body, body.node)
                case tree.Module():
                    yield from _by_hand(domain, body)
                case tree.Class() if body.parent is not None and not body.parent.is_function:
                    yield from _by_hand(domain, body)
                case _:
                    pass

    @property
    def is_local(self) -> bool:
        """Whether it is memoised anew by every call of an enclosing function, with which its memo goes."""
        return self.function.scope is not None and not self.is_by_hand

    @property
    def has_receiver(self) -> bool:
        """Whether the first argument of a call is the object whose method it is."""
        frame, evaluator = self.domain.evaluator.frame(self.module), self.domain.evaluator
        return (
            self.owner is not None
            and bool(self.function.parameters)
            and self.function.name != "__new__"
            and not is_static(evaluator, self.function, frame)
            and not is_class_method(evaluator, self.function, frame)
        )

    @property
    def parameters(self) -> tuple[ParameterSummary, ...]:
        """The parameters by which it is memoised, that of its object or class apart."""
        is_bound = self.owner is not None and not is_static(
            self.domain.evaluator, self.function, self.domain.evaluator.frame(self.module)
        )
        return self.function.parameters[1:] if is_bound else self.function.parameters

    @property
    def keeps_coroutines(self) -> bool:
        """Whether what it keeps are coroutines: nothing that could make something else of them stands between."""
        return self.function.is_async and not self.function.is_generator and not self.below

    # --- who calls it ---

    @cached_property
    def calls(self) -> tuple[CallFrom, ...]:
        """The calls of the memoised function that are known, in the whole project."""
        evaluator = self.domain.evaluator
        if not self.is_by_hand:
            return tuple(callers(evaluator, self.module, self.function))
        return tuple(self._calls_by_name()) if self.owner is None else ()

    def _calls_by_name(self) -> Iterator[CallFrom]:
        evaluator, own = self.domain.evaluator, self.domain.module.summary
        identity = Identity(own.path, self.known_as, "", "", fills_itself=False, holder=Holder.MODULE)
        wrapped = ProjectFunction(self.module.path, self.function.qualname)
        for user in users(evaluator, own, self.known_as):
            matcher = Matcher(evaluator, identity, user)
            for caller, call in calls_naming(user).get(self.known_as, ()):
                if matcher.is_it(call.func):
                    yield CallFrom(
                        user, caller, bound_arguments(self.function, wrapped, call.args, call.keywords), call
                    )

    def fed_from_outside(self) -> tuple[str, Trail] | None:
        """The first parameter into which data from outside gets, and how; None when none is known to."""
        provenance = Provenance(self.domain.evaluator)
        for parameter in self.parameters:
            if is_closed_parameter(self.domain.evaluator, self.module, self.function, parameter.name):
                continue
            for module, function, term in self._what_is_passed(parameter.name):
                found = provenance.trail(module, function, term)
                if found is not None:
                    return parameter.name, found
        return None

    def _what_is_passed(self, parameter: str) -> Iterator[tuple[ModuleSummary, FunctionSummary, t.Term]]:
        if not self.is_by_hand:
            yield self.module, self.function, t.Param(self.function.qualname, parameter)
            return
        for call in self.calls:
            if call.function is not None and parameter in call.arguments:
                yield call.module, call.function, call.arguments[parameter]

    # --- what it forgets ---

    @cached_property
    def is_cleared(self) -> bool:
        """Whether something in the project makes it forget, or may do so."""
        for user in users(self.domain.evaluator, self.domain.module.summary, self.known_as):
            for _, act in user.mentions():
                terms = [act.value, *(each for each in (act.base, act.key) if each is not None)]
                if any(self._is_forgetting(each) for each in t.all_in(e for e in terms if not isinstance(e, str))):
                    return True
        return False

    def _is_forgetting(self, term: t.Term) -> bool:
        match term:
            case t.Attr(base=base, name=name) if name in _FORGETTING:
                return last_name(base) == self.known_as
            case t.Ref(path=path) if path.rpartition(".")[2] in _FORGETTING:
                return last_name(t.Ref(path.rpartition(".")[0])) == self.known_as
            case _:
                return False


def _below_decorators(domain: Domain, body: Body, function: tree.Function) -> Iterator[Memoized]:
    summary = domain.module.summary.functions[body.qualname]
    for place, (term, node) in enumerate(zip(body.decorators, function.decorators, strict=True)):
        memoizer = memoizer_of(domain.evaluator, domain.module.summary, term)
        if memoizer is not None and memoizer.bound.most != 0:
            below = body.decorators[place + 1 :]
            yield Memoized(domain, node, summary.name, domain.module.summary, summary, memoizer, summary.owner, below)
            return


def _by_hand(domain: Domain, body: Body) -> Iterator[Memoized]:
    """`cached = lru_cache(maxsize=None)(load)` in a module, `by_id = cache(_by_id)` in a class."""
    evaluator = domain.evaluator
    for event in body.events:
        if event.deed is not Deed.CALLED or len(event.call.args) != 1 or not isinstance(event.node, tree.Call):
            continue
        names = [name for name, term in body.bindings.items() if term is event.value]
        if len(names) != 1:
            continue
        memoizer = memoizer_of(evaluator, domain.module.summary, event.call.func)
        if memoizer is None or memoizer.bound.most == 0:
            continue
        for value in alternatives(domain.value_of(event.call.args[0])):
            if not isinstance(value, ProjectFunction) or value.receiver is not None:
                continue
            module, function = evaluator.project.summary_at(value.path), evaluator.classes.function(value)
            if module is not None and function is not None:
                owner = body.qualname if isinstance(body.node, tree.Class) else function.owner
                yield Memoized(domain, event.node, names[0], module, function, memoizer, owner or None, is_by_hand=True)
