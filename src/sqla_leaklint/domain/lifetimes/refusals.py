"""Refusals: the uses of a session that the database may refuse, so that the session has to be restored."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property

from sqla_leaklint.domain.application.endpoints import method_name
from sqla_leaklint.domain.lifetimes.arriving import uses_of_parameter
from sqla_leaklint.domain.lifetimes.carrying import arguments_of
from sqla_leaklint.domain.lifetimes.doings import Carry, Doing, Use
from sqla_leaklint.domain.lifetimes.faults import Faults, is_commit
from sqla_leaklint.domain.lifetimes.restoring import restores
from sqla_leaklint.domain.lifetimes.sessions_in_use import SessionInUse
from sqla_leaklint.domain.values import ProjectFunction
from sqla_leaklint.knowledge.facts import Effect, Method
from sqla_leaklint.semantic import terms as t
from sqla_leaklint.semantic.events import Event
from sqla_leaklint.syntax import tree

_HARDLY_FAILING = frozenset({"get", "get_one", "refresh"})
"""Reading by primary key fails only where the server is gone."""


class Refusals:
    """Answers for one session in one function."""

    def __init__(self, session: SessionInUse) -> None:
        self._session = session
        self._faults = Faults(session)
        self.uses = self._faults.uses

    @cached_property
    def by_node(self) -> dict[tree.Node, Use]:
        """The uses that may be refused, by the call that makes them."""
        return {use.act.node: use for use in self.uses if isinstance(use.act, Event) and self._may_be_refused(use)}

    def _may_be_refused(self, use: Use) -> bool:
        """Of what functions of the project do with it, only what they write counts: what they read seldom fails."""
        if use.callee is not None:
            return use.doing in {Doing.RUNS_SQL, Doing.ENDS_TRANSACTION} and self.is_flush(use) and self.is_bare(use)
        if use.doing is not Doing.RUNS_SQL and not is_commit(use):
            return False
        row = self._row_of(use)
        return row is None or (row.effect is not Effect.BEGINS and row.name not in _HARDLY_FAILING)

    def is_bare(self, use: Use) -> bool:
        """Whether the function that makes a use lets errors through, and leaves the session as they leave it."""
        callee = use.callee
        if callee is None:
            return True
        return not self._faults.handles_errors(callee) and not restores(self._session.domain.evaluator, callee)

    def is_flush(self, use: Use) -> bool:
        """Whether a use writes what is pending: SQLAlchemy itself remembers the error of that."""
        if use.callee is not None:
            return self._writes(use.callee) or any(
                inner.callee is not None and self.is_bare(inner) and self._writes(inner.callee)
                for inner in self._uses_below(use)
            )
        row = self._row_of(use)
        is_bulk = row is not None and row.name.startswith("bulk_")
        return is_commit(use) or is_bulk or (row is not None and row.effect is Effect.FLUSHES)

    def _writes(self, function: ProjectFunction) -> bool:
        summary = self._session.domain.evaluator.classes.function(function)
        return summary is not None and any(
            isinstance(act.value, t.Call) and method_name(act.value.func) in {"commit", "flush"} for act in summary.acts
        )

    def _uses_below(self, use: Use) -> Iterator[Use]:
        """What the function of the project that makes a use does with the session that the call gives it."""
        evaluator, tracker, call = self._session.domain.evaluator, self._session.tracker, use.act.value
        summary = evaluator.classes.function(use.callee) if use.callee is not None else None
        module = evaluator.project.summary_at(use.callee.path) if use.callee is not None else None
        if use.callee is None or summary is None or module is None or not isinstance(call, t.Call):
            return
        for which, argument in arguments_of(call):
            name = tracker.callees.parameter(use.callee, summary, module, which)
            if name is not None and tracker.carry(argument) is Carry.IS:
                yield from uses_of_parameter(evaluator, use.callee, name, frozenset(), tracker.session_type)

    def _row_of(self, use: Use) -> Method | None:
        function = use.act.value.func if isinstance(use.act.value, t.Call) else None
        name = self._session.tracker.method(function) if function is not None else None
        knowledge = self._session.domain.evaluator.knowledge
        return knowledge.method(self._session.tracker.session_type, name) if name is not None else None
