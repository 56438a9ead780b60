"""Endpoints that leave a transaction open for FastAPI to serialise what they return.

What a `def` endpoint returns FastAPI validates in a thread of the same pool that runs the endpoints, and only then does
it close the session that a dependency has yielded.  Under load every thread of the pool runs an endpoint that waits for
a connection, and every connection is that of a request which waits for a thread:

    @app.get("/orders", response_model=list[OrderOut])
    def orders(db: Session = Depends(get_db)):
        return db.scalars(select(Order)).all()        # the connection is out until a thread is free

An `async def` endpoint is serialised where it runs, and what has no response model needs no thread for that.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqla_leaklint.domain.application.response_models import response_model
from sqla_leaklint.domain.lifetimes.sessions_in_use import SessionInUse, sessions_in_use
from sqla_leaklint.domain.lifetimes.waiting import Transactions
from sqla_leaklint.domain.streamed.taken_before import taken_by_dependency
from sqla_leaklint.domain.values import Literal, Origin, ProjectFunction, Symbol, alternatives
from sqla_leaklint.knowledge.facts import Kind
from sqla_leaklint.semantic import terms as t
from sqla_leaklint.semantic.body import Body
from sqla_leaklint.syntax import tree
from sqla_leaklint.syntax.walk import walk

if TYPE_CHECKING:
    from sqla_leaklint.domain.module import Domain


@dataclass(frozen=True, slots=True, eq=False)
class SerialisedInTransaction:
    """A `return` of an endpoint by whose session a transaction is open; `opened_by` is the call that opened it.

    `model` is the annotation that the response is made by; `others` are further sessions with open transactions.
    """

    session: SessionInUse
    provider: ProjectFunction
    returned: tree.Return
    opened_by: tree.Node
    model: t.Term
    others: tuple[SessionInUse, ...] = ()

    @property
    def is_opened_by_return(self) -> bool:
        """Whether what is returned is the query itself."""
        return self.opened_by in set(walk(self.returned))

    @property
    def taken_by(self) -> ProjectFunction | None:
        """The dependency that has taken the connection already, before there is a thread for the endpoint."""
        domain = self.session.domain
        function = domain.module.summary.functions[self.session.body.qualname]
        return taken_by_dependency(domain.evaluator, domain.module.summary, function, self.session.value)

    @staticmethod
    def find(domain: Domain) -> Iterator[SerialisedInTransaction]:
        """The first such `return` of each endpoint of the module."""
        for body in domain.bodies:
            if not isinstance(body.node, tree.Function) or body.node.is_async or not body.decorators:
                continue
            summary = domain.module.summary.functions[body.qualname]
            model = response_model(domain.evaluator, domain.module.summary, summary)
            if model is None or _is_response(domain, model):
                continue
            held = list(_held(domain, body))
            if held:
                others = tuple(session for session, *_ in held[1:])
                yield SerialisedInTransaction(*held[0], model, others)


def _held(domain: Domain, body: Body) -> Iterator[tuple[SessionInUse, ProjectFunction, tree.Return, tree.Node]]:
    """The sessions of an endpoint that are in a transaction when it returns, with their providers."""
    for session in sessions_in_use(domain, body):
        provider = _yielding_provider(session)
        found = next(_returned_in_transaction(session), None) if provider is not None else None
        if provider is not None and found is not None:
            yield session, provider, *found


def _returned_in_transaction(session: SessionInUse) -> Iterator[tuple[tree.Return, tree.Node]]:
    """What is returned to be made a response of, with what has opened the transaction."""
    for stmt, opener in Transactions(session).left_open():
        value = session.domain.value(stmt.value) if stmt.value is not None else Literal(None)
        if not any(session.domain.evaluator.classes.is_a(each, Kind.RESPONSE) for each in alternatives(value)):
            yield stmt, opener


def _yielding_provider(session: SessionInUse) -> ProjectFunction | None:
    """The dependency that yields a plain session, and has code after its `yield` that closes it."""
    if session.value.origin is not Origin.PROVIDED or session.is_async:
        return None
    provider = session.value.provider
    summary = session.domain.evaluator.classes.function(provider) if provider is not None else None
    return provider if summary is not None and summary.is_generator else None


def _is_response(domain: Domain, model: t.Term) -> bool:
    """Whether what is returned is the response itself, which nothing has to be made of."""
    return any(
        isinstance(value, Symbol) and domain.evaluator.knowledge.is_a(value.path, Kind.RESPONSE)
        for value in alternatives(domain.value_of(model))
    )
