"""Where data comes from: followed back from a term, over parameters and their callers, to the world outside.

Terms
    *source*: a part of a term that can be different for every call: a parameter, a value that is made anew
    (`uuid4()`), a column of a row, what belongs to the running request (a `ContextVar`).  *Closed*: of few values,
    whoever calls: a class, a function, a locale, a member of an enumeration, a truth value.  *Trail*: the functions
    from the term to the one that the outside world calls.

Only what is traced in full counts: a parameter that nobody is known to fill has no trail.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqla_leaklint.domain.application.callers import CallFrom, callers, decorated_by, initialisations
from sqla_leaklint.domain.application.entries import Entry, entry_of
from sqla_leaklint.domain.linking.parameters import dependency_of, undetermined
from sqla_leaklint.domain.memo import Memo
from sqla_leaklint.domain.origins.closed import is_closed_parameter, is_plain_object
from sqla_leaklint.domain.origins.received import Received, is_endless, put_in_queue
from sqla_leaklint.domain.origins.sources import Given, Made, Part, sources
from sqla_leaklint.domain.values import (
    BoundMethod,
    Instance,
    ProjectClass,
    ProjectFunction,
    ProjectInstance,
    Unknown,
    Value,
    alternatives,
)
from sqla_leaklint.semantic import terms as t
from sqla_leaklint.semantic.summary import FunctionSummary, ModuleSummary
from sqla_leaklint.syntax.tree import ParameterKind

if TYPE_CHECKING:
    from sqla_leaklint.domain.evaluation import Evaluator

LONGEST_TRAIL = 6
"""Calls that are followed back before the search is given up."""

MOST_CALLS = 400
"""Calls that are looked at for one question."""


@dataclass(frozen=True, slots=True)
class Stop:
    """A function on the trail, and the parameter through which the data came ("" where it is made there)."""

    module: ModuleSummary
    function: FunctionSummary
    parameter: str


@dataclass(frozen=True, slots=True)
class Trail:
    """From the function that holds the term (the first stop) to the one that the outside world calls (the last).

    `entry` is None for a public decorator, whose wrapper whoever imports it calls.
    """

    stops: tuple[Stop, ...]
    entry: Entry | None


_ENTRIES: Memo[Evaluator, dict[tuple[str, str], Entry | None]] = Memo(lambda _: {})
"""What calls a function from outside, by path and qualified name: found once for all modules of a run.

Trails are not remembered: what a search finds depends on where it began, and the same text has to be judged alike in
whichever order files are checked.
"""


class Provenance:
    """Answers where data comes from."""

    def __init__(self, evaluator: Evaluator) -> None:
        self.evaluator = evaluator
        self._entries = _ENTRIES.of(evaluator)
        self._active: set[tuple[str, str, str]] = set()
        self._dead_ends: set[tuple[str, str, str]] = set()
        self._calls = 0

    def trail(self, module: ModuleSummary, function: FunctionSummary, term: t.Term) -> Trail | None:
        """How data from outside gets into a term of a function; None when none is known to."""
        if not self._active:
            self._calls = 0
            self._dead_ends.clear()
        for source in sources(self.evaluator, module, term):
            match source:
                case t.Param():
                    holder = module.functions.get(source.function)
                    found = self._of_parameter(module, holder, source.name) if holder is not None else None
                    if found is not None and holder is not function:
                        found = Trail((Stop(module, function, ""), *found.stops), found.entry)
                case Part():
                    holder = module.functions.get(source.parameter.function)
                    name, part = source.parameter.name, source.part
                    found = self._of_parameter(module, holder, name, part) if holder is not None else None
                case Given():
                    found = self._of_given(source)
                    if found is not None:
                        found = Trail((Stop(module, function, ""), *found.stops), found.entry)
                case Received():
                    found = self._of_received(module, function, source)
                case Made():
                    found = self._of_call(module, function)
            if found is not None:
                return found
        return None

    def call_trail(self, module: ModuleSummary, function: FunctionSummary) -> Trail | None:
        """How the outside world comes to call a function, whatever it passes; None when it is not known to."""
        self._calls = 0
        self._dead_ends.clear()
        return self._of_call(module, function)

    def entry(self, module: ModuleSummary, function: FunctionSummary) -> Entry | None:
        key = (module.path, function.qualname)
        if key not in self._entries:
            self._entries[key] = entry_of(self.evaluator, module, function)
        return self._entries[key]

    # --- trails ---

    def _of_parameter(
        self, module: ModuleSummary, function: FunctionSummary, name: str, part: str = ""
    ) -> Trail | None:
        if is_closed_parameter(self.evaluator, module, function, name, part):
            return None
        return self._guarded(module, function, name, part)

    def _of_received(self, module: ModuleSummary, function: FunctionSummary, source: Received) -> Trail | None:
        """What a loop receives comes from outside; but from a queue, only if that is what is put there."""
        if not is_endless(self.evaluator, module, function, source):
            return None
        found = Trail((Stop(module, function, ""),), Entry.MESSAGE)
        if not source.is_queued:
            return found
        key = (module.path, function.qualname, "<queue>")
        if key in self._active or len(self._active) > LONGEST_TRAIL:
            return None
        self._active.add(key)
        try:
            puts = put_in_queue(self.evaluator, module, source)
            is_filled = bool(puts) and all(by and self.trail(user, by, data) for user, by, data in puts or ())
            return found if puts is None or is_filled else None
        finally:
            self._active.discard(key)

    def _of_given(self, given: Given) -> Trail | None:
        """How data comes to a parameter of an inherited `__init__`, of those who make objects of the heir."""
        module, name = given.module, given.parameter.name
        holder = module.functions.get(given.parameter.function)
        if holder is None or is_closed_parameter(self.evaluator, module, holder, name, given.part):
            return None
        if holder.name != "__init__":
            return self._guarded(module, holder, name, given.part)
        key = (given.heir.path, given.heir.qualname, name)
        if key in self._active or len(self._active) > LONGEST_TRAIL:
            return None
        self._active.add(key)
        try:
            making = initialisations(self.evaluator, given.heir, module, holder)
            return self._of_calls(Stop(module, holder, name), making, given.part)
        finally:
            self._active.discard(key)

    def _of_call(self, module: ModuleSummary, function: FunctionSummary) -> Trail | None:
        """How the outside world comes to call a function, whatever it passes."""
        return self._guarded(module, function, "")

    def _guarded(self, module: ModuleSummary, function: FunctionSummary, name: str, part: str = "") -> Trail | None:
        key = (module.path, function.qualname, f"{name}.{part}")
        if key in self._active or key in self._dead_ends or len(self._active) > LONGEST_TRAIL:
            return None
        self._active.add(key)
        try:
            found = self._search(module, function, name, part)
        finally:
            self._active.discard(key)
        if found is None:
            self._dead_ends.add(key)
        return found

    def _search(self, module: ModuleSummary, function: FunctionSummary, name: str, part: str) -> Trail | None:
        here = Stop(module, function, name)
        entry = self.entry(module, function)
        if entry is not None:
            return Trail((here,), entry) if not name or self._comes_from_outside(module, function, name) else None
        if function.scope is not None:
            wrapped = self._of_wrapper(module, function, name)
            if wrapped is not None:
                return Trail((here, *wrapped.stops), wrapped.entry)
        return self._of_calls(here, callers(self.evaluator, module, function), part)

    def _of_calls(self, here: Stop, calls: Iterable[CallFrom], part: str) -> Trail | None:
        """How the outside world comes to one of the calls of a function or, with a parameter, fills that."""
        for call in calls:
            self._calls += 1
            if self._calls > MOST_CALLS:
                return None
            if call.function is None:
                continue
            if not here.parameter:
                found = self._of_call(call.module, call.function)
            else:
                argument = call.arguments.get(here.parameter)
                if argument is not None and part:
                    argument = t.Attr(argument, part)
                found = self.trail(call.module, call.function, argument) if argument is not None else None
            if found is not None:
                return Trail((here, *found.stops), found.entry)
        return None

    def _of_wrapper(self, module: ModuleSummary, wrapper: FunctionSummary, name: str) -> Trail | None:
        """The wrapper that a decorator puts round a function is called with whatever that function is called with."""
        parameter = wrapper.parameter(name)
        if parameter is None or parameter.kind not in {ParameterKind.VAR_POSITIONAL, ParameterKind.VAR_KEYWORD}:
            return None
        outer = module.functions.get(wrapper.scope or "")
        while outer is not None and outer.scope is not None:
            outer = module.functions.get(outer.scope)
        if outer is None or not outer.parameters:
            return None
        is_used = False
        for user, function in decorated_by(self.evaluator, module, outer):
            is_used = True
            for given in function.parameters:
                found = self._of_parameter(user, function, given.name)
                if found is not None:
                    return found
        if is_used or outer.name.startswith("_") or outer.owner is not None:
            return None
        return Trail((Stop(module, outer, ""),), None)

    def _comes_from_outside(self, module: ModuleSummary, function: FunctionSummary, name: str) -> bool:
        """Whether a parameter of a function that the outside world calls is data: no session, and nothing that a
        provider without parameters made (settings, a client).
        """
        frame = self.evaluator.frame(module)
        if (
            function.owner is not None
            and function.parameters
            and function.parameters[0].name == name in {"self", "cls"}
        ):
            return False
        dependency = dependency_of(self.evaluator, function, name, frame)
        if dependency is None:
            value = undetermined(self.evaluator, function, name, frame)
            return not any(is_plain_object(self.evaluator, each) for each in alternatives(value))
        return any(self._provides_data(provider) for provider in alternatives(dependency.provider))

    def _provides_data(self, provider: Value) -> bool:
        match provider:
            case ProjectClass():
                provider = ProjectFunction(provider.path, f"{provider.qualname}.__init__")
            case ProjectInstance():
                provider = self.evaluator.attribute(provider, "__call__")
            case _:
                pass
        if not isinstance(provider, ProjectFunction):
            return isinstance(provider, Unknown | BoundMethod | Instance)
        module = self.evaluator.project.summary_at(provider.path)
        function = module.functions.get(provider.qualname) if module is not None else None
        if module is None or function is None:
            return False
        key = (module.path, function.qualname, "<provider>")
        if key in self._active:
            return False
        self._active.add(key)
        try:
            return any(
                not is_closed_parameter(self.evaluator, module, function, parameter.name)
                and self._comes_from_outside(module, function, parameter.name)
                for parameter in function.parameters
            )
        finally:
            self._active.discard(key)
