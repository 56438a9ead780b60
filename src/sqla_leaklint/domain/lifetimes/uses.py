"""What a function does with a session: the uses of a value, in the order of the text.

Terms
    *seed*: the term that the session is born as: the call that opens it, or a parameter that it arrives in.  *Carry*:
    whether another term is the same session, holds it, or is a query that will run on it.

    def report(day):
        session = open_session()                # seed
        repo = OrderRepository(session)         # the term of `repo` holds it: `__init__` stores its parameter
        rows = repo.totals(day)                 # the body of `totals` runs SQL on `self.session`
        audit(session, day)                     # the body of `audit` tells: it uses, closes, keeps or returns it
        return rows                             # derived: neither is, nor holds it

What cannot be followed (an unknown callee, a container, recursion) counts as handing the session on, which ends the
question.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from sqla_leaklint.domain.lifetimes.callees import below
from sqla_leaklint.domain.lifetimes.carrying import Carrier, arguments_of, calls_base
from sqla_leaklint.domain.lifetimes.conduct import NOTHING, Conduct, is_put_off
from sqla_leaklint.domain.lifetimes.doings import HANDED_ON, LEADS_TO, TRACED, Carry, Doing, Use
from sqla_leaklint.domain.lifetimes.filing import closes_nothing
from sqla_leaklint.domain.lifetimes.resources import resource_of
from sqla_leaklint.knowledge.facts import Effect
from sqla_leaklint.knowledge.sqlalchemy import QUERY
from sqla_leaklint.semantic import terms as t
from sqla_leaklint.semantic.events import Deed, Event
from sqla_leaklint.semantic.summary import Act, FunctionSummary, ModuleSummary
from sqla_leaklint.semantic.terms import Term

if TYPE_CHECKING:
    from sqla_leaklint.domain.evaluation import Evaluator
    from sqla_leaklint.semantic.body import Body

__all__ = ["HANDED_ON", "Doing", "Use", "events_within", "uses_in"]

DEFAULT_TYPE = "sqlalchemy.orm.Session"


def uses_in(
    evaluator: Evaluator,
    module: ModuleSummary,
    function: FunctionSummary,
    seed: Term,
    *,
    session_type: str = DEFAULT_TYPE,
    attributes: frozenset[str] = frozenset(),
    acts: Iterable[tuple[Act | Event, bool]] | None = None,
) -> tuple[Use, ...]:
    """What a function, with the functions nested in it, does with a session; with `attributes`, the seed is an object
    that leads to it by these.  `acts` gives the bodies' events where they are at hand, each told if a nested one's.
    """
    if attributes:
        tracker = Tracker(evaluator, module, function, session_type, holder=seed, attributes=attributes)
        tracker.hold(seed)
    else:
        tracker = Tracker(evaluator, module, function, session_type, seed=seed)
    return tuple(tracker.uses(acts if acts is not None else acts_within(module, function)))


def acts_within(module: ModuleSummary, function: FunctionSummary) -> Iterator[tuple[Act, bool]]:
    """The acts of a function and of those nested in it."""
    yield from ((act, False) for act in _acts(function))
    if any(act.deed is Deed.CAPTURED for act in function.acts):
        prefix = f"{function.qualname}."
        for name, nested in module.functions.items():
            if name.startswith(prefix) and nested.scope is not None:
                yield from ((act, True) for act in _acts(nested))


def _acts(function: FunctionSummary) -> Iterator[Act]:
    yield from function.acts
    yield from (Act(Deed.RETURNED, value) for value in function.returns)
    yield from (Act(Deed.YIELDED, value) for value in function.yields)


def events_within(body: Body, bodies: dict[str, Body]) -> Iterator[tuple[Event, bool]]:
    """The events of a body and of the functions nested in it."""
    yield from ((event, False) for event in body.events)
    if any(event.deed is Deed.CAPTURED for event in body.events):
        prefix = f"{body.qualname}."
        for name, nested in bodies.items():
            if name.startswith(prefix) and nested.is_function:
                yield from ((event, True) for event in nested.events)


class Tracker(Carrier):
    """Names the uses of that session."""

    def uses(self, acts: Iterable[tuple[Act | Event, bool]]) -> Iterator[Use]:
        """Every use, in order."""
        gathered = list(acts)
        self._entered_terms = {act.value for act, _ in gathered if act.deed is Deed.ENTERED}
        for act, _ in gathered:
            if act.deed is Deed.CAPTURED and isinstance(act.key, str) and self.carry(act.value) in TRACED:
                self._capturing.add(act.key)
                if self._is_registered(act.key):
                    yield Use(Doing.PASSES, act)
        # What was found not to carry it may do so now that it is known which functions capture it.
        self._carried = {term: carry for term, carry in self._carried.items() if carry is not Carry.NO}
        for act, is_nested in gathered:
            for use in self._uses_of(act):
                is_handed_out = is_nested and use.doing in {Doing.RETURNS, Doing.YIELDS}
                yield Use(Doing.PASSES, act) if is_handed_out else use

    def _is_registered(self, capturing: str) -> bool:
        """Whether a nested function is seen by somebody else without being named: by its decorators, or as a method."""
        nested = self.module.functions.get(capturing)
        return nested is not None and (bool(nested.decorators) or nested.owner is not None)

    def _uses_of(self, act: Act | Event) -> Iterator[Use]:
        match act.deed:
            case Deed.CALLED:
                assert isinstance(act.value, t.Call)
                yield from self._called(act, act.value)
            case Deed.ENTERED:
                yield from self._entered(act)
            case Deed.RETURNED | Deed.YIELDED:
                carry = self.carry(act.value)
                if carry in LEADS_TO:
                    doing = Doing.RETURNS if act.deed is Deed.RETURNED else Doing.YIELDS
                    yield Use(doing, act, carry=carry, attributes=self.leading(act.value))
            case Deed.STORED_ATTRIBUTE if self._stores_in_itself(act):
                yield Use(Doing.HOLDS, act, attributes=below(str(act.key), self.leading(act.value)))
            case Deed.STORED_ATTRIBUTE | Deed.STORED_ITEM | Deed.STORED_GLOBAL | Deed.AUGMENTED | Deed.RAISED:
                if self.carry(act.value) in LEADS_TO:
                    is_filed = act.deed is Deed.STORED_ITEM and closes_nothing(
                        self.evaluator, self.module, self.function, act.base
                    )
                    yield Use(Doing.FILES if is_filed else Doing.STORES, act)
            case Deed.ITERATED if self.carry(act.value) is Carry.QUERY:
                yield Use(Doing.RUNS_SQL, act)
            case _:
                pass

    def _stores_in_itself(self, act: Act | Event) -> bool:
        """Whether a constructor stores its parameter in the object that it makes."""
        function = self.function
        if not (
            function.name == "__init__"
            and function.owner is not None
            and isinstance(act.base, t.Param)
            and (act.base.function, act.base.name) == (function.qualname, function.parameters[0].name)
        ):
            return False
        carry = self.carry(act.value)
        return carry is Carry.IS or (carry is Carry.HOLDS and bool(self.leading(act.value)))

    def _entered(self, act: Act | Event) -> Iterator[Use]:
        value = act.value
        carry = self.carry(value)
        if carry is Carry.IS:
            yield Use(Doing.ENTERS, act)
        elif carry is Carry.HOLDS:
            conduct = self.callees.leaving(value, self.leading(value))
            yield from self._from(conduct, act)
        elif carry is Carry.METHOD:
            yield Use(Doing.PASSES, act)
        elif carry is Carry.WRAPS and isinstance(value, t.Call):
            yield from self._left(act, value)
        elif self.begins(value):
            yield Use(Doing.TRANSACTS, act)

    def _left(self, act: Act | Event, manager: t.Call) -> Iterator[Use]:
        """What leaving a context manager does with the session that it was given, and gives."""
        for name, argument in arguments_of(manager):
            if self.carry(argument) is Carry.IS:
                conduct = self.callees.conduct(manager, name)
                if Doing.CLOSES in conduct.doings:
                    yield Use(Doing.ENTERS, act, conduct.callee)
                elif conduct.commits_last:
                    yield Use(Doing.TRANSACTS, act, conduct.callee)

    def _consumes(self, name: str) -> bool:
        """Whether a method of a query runs it."""
        return self.evaluator.knowledge.consumer(QUERY, name) is not None

    def _called(self, act: Act | Event, call: t.Call) -> Iterator[Use]:
        method = self.method(call.func)
        if method is not None:
            yield from self.of_method(act, method)
        elif isinstance(call.func, t.Attr):
            base = self.carry(call.func.base)
            if base is Carry.HOLDS:
                yield from self._from(self.callees.method(call.func, self.leading(call.func.base)), act)
            elif base is Carry.METHOD:
                yield Use(Doing.PASSES, act)  # a property of what holds it
            elif base is Carry.QUERY and self._consumes(call.func.name):
                yield Use(Doing.RUNS_SQL, act)
            elif base is Carry.TRANSACTION and call.func.name in _ENDING_TRANSACTIONS:
                yield Use(Doing.ENDS_TRANSACTION, act)
        elif isinstance(call.func, t.Call) and self.carry(call.func) is Carry.METHOD:
            yield Use(Doing.PASSES, act)  # getattr(session, name)()
        for name, argument in arguments_of(call):
            match self.carry(argument):
                case Carry.IS:
                    yield from self._from(self.callees.conduct(call, name), act)
                case Carry.HOLDS if leading := self.leading(argument):
                    yield from self._from(self.callees.conduct(call, name, leading), act)
                case Carry.METHOD if self._is_releasing(argument):
                    yield Use(Doing.DEFERS, act)
                case Carry.HOLDS | Carry.METHOD | Carry.WRAPS | Carry.QUERY | Carry.TRANSACTION:
                    if self.callees.only_looks(call):
                        continue
                    yield Use(Doing.PASSES, act)
                case _:
                    pass

    def _is_releasing(self, term: Term) -> bool:
        if not isinstance(term, t.Attr) or self.carry(term.base) is not Carry.IS:
            return False
        row = self.evaluator.knowledge.method(self.session_type, term.name)
        return row is not None and row.effect is Effect.RELEASES

    def of_method(self, act: Act | Event, name: str) -> Iterator[Use]:
        """The uses that calling a method of it is."""
        row = self.evaluator.knowledge.method(self.session_type, name)
        if row is None:
            consumer = self.evaluator.knowledge.consumer(self.session_type, name)
            yield Use(Doing.RUNS_SQL if consumer is not None else Doing.PASSES, act)
            return
        if name in {"__enter__", "__aenter__"}:
            yield Use(Doing.ENTERS, act)
            return
        match row.effect:
            case Effect.RELEASES:
                yield Use(Doing.CLOSES, act)
            case Effect.ENDS_TRANSACTION:
                yield Use(Doing.ENDS_TRANSACTION, act)
            case _ if resource_of(self.evaluator, self.session_type).is_taken_by(row):
                yield Use(Doing.RUNS_SQL, act)
            case Effect.QUEUES:
                yield Use(Doing.QUEUES, act)
            case _:
                yield Use(Doing.RUNS_SQL if self._is_query(row.returns) else Doing.LOOKS, act)

    def _from(self, conduct: Conduct, act: Act | Event) -> Iterator[Use]:
        """The uses that a callee makes of it, as uses of its caller."""
        if conduct is NOTHING:
            yield Use(Doing.LOOKS, act)
        if is_put_off(self.evaluator, conduct.callee, act):
            yield Use(Doing.PASSES, act)
            return
        is_entered = conduct.makes is Carry.WRAPS and act.value in self._entered_terms
        for doing in conduct.doings:
            if not (is_entered and doing is Doing.CLOSES):
                yield Use(doing, act, conduct.callee)
        if conduct.commits_last and not is_entered:
            yield Use(Doing.ENDS_TRANSACTION, act, conduct.callee)
        if conduct.attributes and self.function.name == "__init__" and calls_base(act.value):
            yield Use(Doing.HOLDS, act, conduct.callee, attributes=conduct.attributes)


_ENDING_TRANSACTIONS = frozenset({"commit", "rollback", "close"})
