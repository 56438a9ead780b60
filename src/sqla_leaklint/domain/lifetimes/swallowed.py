"""Swallowed errors: a handler takes what the database raised, and the session goes on being used as it is.

Once a flush has failed, a session answers everything with `PendingRollbackError`; once a statement has failed,
PostgreSQL answers with `InFailedSqlTransaction`.  Only `rollback()`, or the end of the session, changes that.

From each use of the session that can fail, the ways of the error are followed to the handler that takes it, and on from
there as long as nothing may have restored the session:

    for row in rows:                         # 4. … round again …
        try:
            session.add(row)                 # (nothing is sent yet)
            session.commit()                 # 1. this fails          5. used again: reported
        except IntegrityError as error:      # 2. taken here
            log.warning("%s", error)         # 3. nothing restores it
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import takewhile
from typing import TYPE_CHECKING

from sqla_leaklint.domain.lifetimes.doings import Doing, Use
from sqla_leaklint.domain.lifetimes.faults import is_commit
from sqla_leaklint.domain.lifetimes.handlers import takes_database_errors
from sqla_leaklint.domain.lifetimes.isolation import may_autocommit
from sqla_leaklint.domain.lifetimes.restoring import may_end_transaction
from sqla_leaklint.domain.lifetimes.sessions_in_use import SessionInUse, origins_of, sessions_in_use
from sqla_leaklint.domain.lifetimes.swallowing import Search
from sqla_leaklint.domain.lifetimes.telling import (
    statement_of,
)
from sqla_leaklint.domain.values import Origin
from sqla_leaklint.flow.exceptions import Catch, statements_within
from sqla_leaklint.semantic.body import Body
from sqla_leaklint.semantic.events import Event
from sqla_leaklint.syntax import tree
from sqla_leaklint.syntax.walk import walk

if TYPE_CHECKING:
    from sqla_leaklint.domain.module import Domain


@dataclass(frozen=True, slots=True, eq=False)
class SwallowedError:
    """A handler that takes a database error, after which the session is used without having been restored.

    `fault` is the call that fails, `again` the one that is made next; `is_flush` tells an error that SQLAlchemy itself
    remembers from one that only some databases do.
    """

    session: SessionInUse
    handler: tree.ExceptHandler
    fault: tree.Node
    again: tree.Node
    is_flush: bool

    @property
    def anchor(self) -> tree.Node:
        """What the handler takes, or the handler itself where it takes everything."""
        return self.handler.type or self.handler

    @property
    def spelling(self) -> tree.Name | tree.Attribute | None:
        """What the session is called where the handler begins; None where it may be opened in the `try` itself."""
        opened = {event.node for event in self.session.body.events if event.value in origins_of(self.session)}
        if any(node in opened for stmt in self._statement.body for node in walk(stmt)):
            return None
        return self.session.spelling

    @property
    def loses_work(self) -> bool:
        """Whether a rollback would undo more than the `try` did: it does not commit, and something was written before,
        here or by whoever passes the session.
        """
        body = {node for stmt in self._statement.body for node in walk(stmt)}
        uses = self.session.uses
        if any(self._may_commit(use) for use in uses if _node_of(use) in body):
            return False
        is_borrowed = self.session.value.origin is Origin.PARAMETER
        return self.is_flush or is_borrowed or any(map(self._is_written_before, uses))

    def _is_written_before(self, use: Use) -> bool:
        """Whether a use writes, or ends what was written, before the `try` begins for the first or a later time."""
        function, statement, node = self.session.function, self._statement, _node_of(use)
        if node is None or (use.doing is not Doing.QUEUES and not is_commit(use)):
            return False
        loops = (stmt for stmt in statements_within(function.body) if isinstance(stmt, tree.For | tree.While))
        around = (set(walk(loop)) for loop in loops)
        is_in_loop = any(statement in nodes and node in nodes for nodes in around)
        return is_in_loop or node in takewhile(lambda each: each is not statement, walk(function))

    def _may_commit(self, use: Use) -> bool:
        evaluator = self.session.domain.evaluator
        return is_commit(use) or (use.callee is not None and may_end_transaction(evaluator, use.callee))

    @property
    def _statement(self) -> tree.Try:
        return statement_of(self.session.function, self.handler)

    @staticmethod
    def find(domain: Domain) -> Iterator[SwallowedError]:
        """Every such handler of the module, in the order of the text; each once."""
        for body in domain.bodies:
            if not isinstance(body.node, tree.Function) or not _may_swallow(domain, body):
                continue
            seen: set[tree.Node] = set()
            for session in sessions_in_use(domain, body):
                for found in Search(session).find():
                    if found.handler not in seen and (found.is_flush or not may_autocommit(domain)):
                        seen.add(found.handler)
                        yield SwallowedError(session, *found)


def _node_of(use: Use) -> tree.Node | None:
    return use.act.node if isinstance(use.act, Event) else None


def _may_swallow(domain: Domain, body: Body) -> bool:
    """Whether a function has a handler that takes database errors, and one that does not just raise."""
    assert isinstance(body.node, tree.Function)
    handlers = [
        handler
        for stmt in statements_within(body.node.body)
        if isinstance(stmt, tree.Try) and not stmt.is_star
        for handler in stmt.handlers
    ]
    if all(isinstance(handler.body[0], tree.Raise) for handler in handlers):
        return False
    return any(takes_database_errors(domain, handler) is not Catch.NEVER for handler in handlers)
