"""Where the rows of a load end: in a response, in a job, in an export, as far as the project shows.

What a function returns is followed to its callers, through other functions that only pass it on, up to an endpoint.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache
from pathlib import PurePath
from typing import TYPE_CHECKING

from sqla_leaklint.domain.application.endpoints import decorations, is_handler, method_name
from sqla_leaklint.domain.handed_over.handoffs import handoff_names
from sqla_leaklint.domain.rows.usage import Deal
from sqla_leaklint.domain.values import ProjectFunction, alternatives
from sqla_leaklint.knowledge.facts import Decoration
from sqla_leaklint.semantic import terms as t
from sqla_leaklint.semantic.events import Deed
from sqla_leaklint.semantic.summary import Act, FunctionSummary, ModuleSummary
from sqla_leaklint.semantic.terms import Term

if TYPE_CHECKING:
    from sqla_leaklint.domain.evaluation import Evaluator
    from sqla_leaklint.domain.rows.queries import Load

FARTHEST = 3
"""Functions that may pass rows on before an endpoint returns them."""

_GROWING = frozenset({"append", "extend", "add", "insert", "update", "writerow", "writerows", "write"})
_JOB = re.compile(r"^(?:jobs?|tasks?|cron|crons|workers?|schedulers?|scheduled|exports?|exporters?)$")
_EXPORT = re.compile(r"(?:^|_)export(?:s|er|ed)?(?:_|$)")


class Destination(Enum):
    RESPONSE = "a response"
    JOB = "a job"
    EXPORT = "an export"


@dataclass(frozen=True, slots=True)
class Arrival:
    """Rows arrive: in what, and in which function (its file and qualified name)."""

    destination: Destination
    path: str
    qualname: str


def arrival_of(load: Load) -> Arrival | None:
    """Where the rows of a load end; None when nothing shows that all of them are needed or kept."""
    domain, body = load.domain, load.body
    function = domain.module.summary.functions.get(body.qualname)
    if function is None:
        return None
    module = domain.module.summary
    if load.usage.of(Deal.ITERATED):
        place = _job(domain.evaluator, module, function)
        if place is not None:
            return Arrival(place, module.path, function.qualname)
    return _returned(domain.evaluator, module, function, FARTHEST) if is_kept(load) else None


def is_kept(load: Load) -> bool:
    """Whether all the rows of a load leave its function, or what is put together from each of them does."""
    body = load.body
    kept = [event.value for event in body.events if event.deed in {Deed.RETURNED, Deed.YIELDED}]
    if load.usage.of(Deal.ITERATED):
        kept += [
            event.value
            for event in body.events
            if event.deed in {Deed.STORED_ITEM, Deed.COLLECTED}
            or (event.deed is Deed.CALLED and method_name(event.call.func) in _GROWING)
        ]
    return contains(kept, load.term)


def _returned(evaluator: Evaluator, module: ModuleSummary, function: FunctionSummary, left: int) -> Arrival | None:
    """Where what a function returns ends."""
    if is_handler(evaluator, module, function):
        return Arrival(Destination.RESPONSE, module.path, function.qualname)
    if not left or function.qualname.startswith("_") or "<" in function.qualname:
        return None
    for user, caller, act in calls_of(evaluator, module, function):
        found = passed_on(evaluator, user, caller, act, left)
        if found is not None:
            return found
    return None


def passed_on(
    evaluator: Evaluator, user: ModuleSummary, caller: FunctionSummary | None, act: Act, left: int = FARTHEST
) -> Arrival | None:
    """Where what a call gives ends, when its caller returns it."""
    if caller is None or not contains(caller.returns, act.value):
        return None
    return _returned(evaluator, user, caller, left - 1)


def calls_of(
    evaluator: Evaluator, module: ModuleSummary, function: FunctionSummary
) -> Iterator[tuple[ModuleSummary, FunctionSummary | None, Act]]:
    """Every call of a function in the project: the module, the function around it, and the call."""
    for user in evaluator.project.mentioning(function.name):
        frame = evaluator.frame(user)
        for caller, act in _calls_named(user).get(function.name, ()):
            assert isinstance(act.value, t.Call)
            for value in alternatives(evaluator.of(act.value.func, frame)):
                if isinstance(value, ProjectFunction) and (value.path, value.qualname) == (
                    module.path,
                    function.qualname,
                ):
                    yield user, caller, act
                    break


@lru_cache(maxsize=512)
def _calls_named(module: ModuleSummary) -> dict[str, list[tuple[FunctionSummary | None, Act]]]:
    """The calls of a module by the last name of what is called."""
    found: dict[str, list[tuple[FunctionSummary | None, Act]]] = {}
    for function, act in module.mentions():
        if act.deed is Deed.CALLED and isinstance(act.value, t.Call):
            found.setdefault(method_name(act.value.func), []).append((function, act))
    return found


def _job(evaluator: Evaluator, module: ModuleSummary, function: FunctionSummary) -> Destination | None:
    """Whether a function is a job or an export: by its decorators, by who runs it, and last by where it stands."""
    if function.decorators and decorations(evaluator, module, function) & {Decoration.TASK}:
        return Destination.JOB
    if _EXPORT.search(function.name):
        return Destination.EXPORT
    if any(_JOB.match(part) for part in PurePath(module.path).with_suffix("").parts[-3:]):
        return Destination.JOB
    return Destination.JOB if _is_handed_over(evaluator, module, function) else None


def _is_handed_over(evaluator: Evaluator, module: ModuleSummary, function: FunctionSummary) -> bool:
    names = handoff_names(evaluator.knowledge)
    wanted = (module.path, function.qualname)
    for user in evaluator.project.mentioning(function.name, and_calls=names):
        calls = _calls_named(user)
        for name in names & calls.keys():
            for _, act in calls[name]:
                assert isinstance(act.value, t.Call)
                for term in (*act.value.args, *(value for _, value in act.value.keywords)):
                    if function.name not in _last_name(term):
                        continue
                    for value in alternatives(evaluator.of(term, evaluator.frame(user))):
                        if isinstance(value, ProjectFunction) and (value.path, value.qualname) == wanted:
                            return True
    return False


def _last_name(term: Term) -> str:
    return term.qualname if isinstance(term, t.FunctionRef) else method_name(term)


def contains(terms: Iterable[Term], wanted: Term) -> bool:
    """Whether one of some terms is made of another."""
    return any(part is wanted for part in t.all_in(terms))
