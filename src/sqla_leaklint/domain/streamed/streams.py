"""Sessions that a streamed response uses while it is sent: after the endpoint has returned, row by row.

    def lines():                                        # a generator that captures the session
        for row in db.scalars(select(Row)): yield row.text
    return StreamingResponse(lines())

    return StreamingResponse(export(db))                # one that is given it, or made by what is given it
    return StreamingResponse(r.text for r in db.scalars(select(Row)))     # rows that are not in memory yet

A generator that opens a session of its own is right, and so is content that is in memory.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

from sqla_leaklint.domain.application.endpoints import decorations
from sqla_leaklint.domain.application.fastapi_version import fastapi_versions
from sqla_leaklint.domain.application.versions import range_of
from sqla_leaklint.domain.handed_over.cargo import Cargo, cargo_of
from sqla_leaklint.domain.handed_over.handoffs import BORROWED, Handoff
from sqla_leaklint.domain.lifetimes.carrying import arguments_of
from sqla_leaklint.domain.streamed.generators import LAZY, Generators, Hold
from sqla_leaklint.domain.streamed.taken_before import is_taken_by
from sqla_leaklint.domain.values import (
    Generator,
    Instance,
    ProjectFunction,
    ProjectInstance,
    ResultValue,
    Statement,
    Symbol,
    Value,
    alternatives,
)
from sqla_leaklint.knowledge.facts import Decoration, Executor, Kind, Versions
from sqla_leaklint.knowledge.fastapi import EVENT_SOURCE, STREAMS_WHAT_IS_YIELDED
from sqla_leaklint.semantic import terms as t
from sqla_leaklint.semantic.body import Body
from sqla_leaklint.semantic.summary import FunctionSummary
from sqla_leaklint.semantic.terms import Term
from sqla_leaklint.syntax import tree
from sqla_leaklint.syntax.walk import walk

if TYPE_CHECKING:
    from sqla_leaklint.domain.module import Domain


_HARMLESS = frozenset({Hold.CLOSED, Hold.FIRST})


@dataclass(frozen=True, eq=False)
class StreamedSession:
    """A session that the content of a streamed response uses: named at `node`, hidden in something ("" for openly).

    `holds` is what the content does with its connection, `body` the function that makes the response, and `use` where
    the session is used, if that is in this module.  `response` is the call that makes the response, `making` the one
    that makes the generator which has the session, if one of the project has it.
    """

    domain: Domain
    session: Instance | ProjectInstance
    node: tree.Node
    body: Body | None = None
    hidden_in: str = ""
    holds: frozenset[Hold] = frozenset({Hold.ACROSS})
    use: tree.Node | None = None
    response: Handoff | None = None
    making: Making | None = None

    @cached_property
    def is_taken_before(self) -> bool:
        """Whether the request has taken the session's connection before the stream begins, and not given it back."""
        return self.body is not None and is_taken_by(self.domain, self.body, self.session)

    @property
    def is_used(self) -> bool:
        """Whether the content does more than to close it, or to send an item before it gives anything back."""
        return bool(self.holds - _HARMLESS)

    @staticmethod
    def find(domain: Domain) -> Iterator[StreamedSession]:
        """The first such session of each streamed response of a module."""
        for handoff in domain.subjects(Handoff):
            found = next((each for each in streamed(handoff) if each.is_used), None)
            if found is not None:
                yield found
        for body in domain.bodies:
            yield from (each for each in _of_endpoint(domain, body) if each.is_used)


def streamed(handoff: Handoff) -> Iterator[StreamedSession]:
    """The sessions that go with the content of a streamed response, whatever it does with them."""
    content = handoff.content if handoff.executor is Executor.RESPONSE_STREAM else None
    term = handoff.domain.term(content) if content is not None else None
    if content is not None and term is not None:
        for each in _Streams(handoff.domain, handoff.body).of(term, content):
            yield replace(each, response=handoff)


@dataclass(frozen=True, slots=True, eq=False)
class Making:
    """The call that makes a generator, as work: what travels with it, travels into the response.

    `function` is what is called, if that is one function of the project, and `session` the term of a session among
    what travels.
    """

    domain: Domain
    body: Body
    node: tree.Call
    function: ProjectFunction | None = None
    session: Term | None = None

    @property
    def callee(self) -> tree.Expr | None:
        return self.node.func

    @property
    def arguments(self) -> tuple[tree.Argument, ...]:
        return self.node.args


def _of_endpoint(domain: Domain, body: Body) -> Iterator[StreamedSession]:
    """The request's sessions that an endpoint uses between what it yields, where that is sent item by item."""
    node, evaluator = body.node, domain.evaluator
    if not isinstance(node, tree.Function) or not body.yields or not body.decorators:
        return
    own = domain.module.summary
    summary = own.functions[body.qualname]
    if Decoration.ENDPOINT not in decorations(evaluator, own, summary) or not _is_sent_by_item(domain, summary):
        return
    streams, function = _Streams(domain, body), ProjectFunction(own.path, body.qualname)
    for parameter in node.params:
        value = domain.value_of(domain.module.executor.pool.make(t.Param, body.qualname, parameter.name))
        for session in streams.sessions(value):
            kind = evaluator.classes.library_type(session) or ""
            found = frozenset(Generators(evaluator, kind).holds(function, parameter.name))
            if found:
                yield StreamedSession(domain, session, parameter, body, holds=found)


def _is_sent_by_item(domain: Domain, endpoint: FunctionSummary) -> bool:
    """Whether FastAPI sends what an endpoint yields as it comes: by its version, or by the class of the response."""
    versions = fastapi_versions(domain.evaluator.project.root, domain.settings.fastapi_version)
    if not versions.overlaps(range_of(Versions("fastapi", until=STREAMS_WHAT_IS_YIELDED.since))):
        return True
    for decorator in endpoint.decorators:
        given = decorator.keyword("response_class") if isinstance(decorator, t.Call) else None
        if given is not None and domain.value_of(given) == Symbol(EVENT_SOURCE):
            return True
    return False


class _Streams:
    def __init__(self, domain: Domain, body: Body) -> None:
        self.domain = domain
        self.body = body
        self.evaluator = domain.evaluator

    def of(self, term: Term, node: tree.Expr) -> Iterator[StreamedSession]:
        """What iterating over a term uses."""
        while isinstance(term, t.Declared | t.Await) and term.value is not None:
            term = term.value
        match term:
            case t.Join():
                for each in term.terms:
                    yield from self.of(each, node)
            case t.Mapped(kind="generator"):
                yield from self._expression(term, node)
            case t.Call():
                values = alternatives(self.domain.value_of(term.func))
                if any(isinstance(each, Symbol) and each.path in LAZY for each in values):
                    for argument in term.args:
                        yield from self.of(argument, node)
                elif any(isinstance(each, ProjectFunction) for each in values):
                    yield from self._made(term, values)
                else:
                    yield from self._lazily(term, node)
            case _:
                yield from self._lazily(term, node)

    def _found(self, session: Instance | ProjectInstance, node: tree.Expr, **more: object) -> StreamedSession:
        return StreamedSession(self.domain, session, node, self.body, **more)  # type: ignore[arg-type]

    # --- rows that are not in memory ---

    def _lazily(self, term: Term, node: tree.Expr) -> Iterator[StreamedSession]:
        """The session of a result or query whose rows are fetched by whoever iterates."""
        if any(self._is_lazy(each) for each in alternatives(self.domain.value_of(term))):
            for part in t.all_in([term]):
                for session in self.sessions(self.domain.value_of(part)):
                    yield self._found(session, node, hidden_in="rows that are fetched as they are sent")
                    return

    def _is_lazy(self, value: Value) -> bool:
        if isinstance(value, Statement):
            return self.evaluator.knowledge.is_a(value.type, Kind.LEGACY_QUERY)
        return isinstance(value, ResultValue)

    def sessions(self, value: Value) -> Iterator[Instance | ProjectInstance]:
        for each in alternatives(value):
            if (
                isinstance(each, Instance | ProjectInstance)
                and each.origin in BORROWED
                and self.evaluator.classes.is_a(each, Kind.SESSION, Kind.ASYNC_SESSION)
            ):
                yield each

    def _expression(self, term: t.Mapped, node: tree.Expr) -> Iterator[StreamedSession]:
        """What a generator expression fetches, or asks a session for, item by item."""
        yield from self.of(term.source, node)
        for expr, known in self.domain.module.executor.terms.items():
            if known is term and isinstance(expr, tree.Comprehension):
                for element in expr.elements:
                    for inner in walk(element):
                        if isinstance(inner, tree.Name):
                            for session in self.sessions(self.domain.value(inner)):
                                yield self._found(session, node, hidden_in="a generator expression", use=inner)

    # --- generators of the project ---

    def _made(self, call: t.Call, values: Iterable[Value]) -> Iterator[StreamedSession]:
        event = self.domain.event_of(call)
        body = next((each for each in self.domain.bodies if event is not None and event in each.events), None)
        if event is None or body is None or not isinstance(event.node, tree.Call):
            return
        functions = [each for each in values if isinstance(each, ProjectFunction)]
        yielding = [each for each in functions if self._is_generator(each)]
        making = Making(self.domain, body, event.node, functions[0] if len(functions) == 1 else None)
        for piece in cargo_of(making):
            for seed, session in self._carried(piece):
                holds = frozenset(
                    each for function in functions for each in self._holds(call, function, piece, seed, session)
                )
                if holds:
                    hidden_in = "what the generator captures" if piece.read is not None else piece.hidden_in
                    making = replace(making, session=seed)
                    yield self._found(
                        session, piece.node, hidden_in=hidden_in, holds=holds, use=piece.read, making=making
                    )
            if piece.term is not None and yielding:
                if any(isinstance(each, Generator) for each in alternatives(piece.value)):
                    yield from self.of(piece.term, piece.node)
                else:
                    yield from self._lazily(piece.term, piece.node)

    def _is_generator(self, function: ProjectFunction) -> bool:
        summary = self.evaluator.classes.function(function)
        return summary is not None and summary.is_generator

    def _carried(self, piece: Cargo) -> Iterator[tuple[Term | None, Instance | ProjectInstance]]:
        """The sessions that something is, or that it was made with: each with its term, where that is known."""
        direct = list(self.sessions(piece.value))
        yield from ((piece.term, session) for session in direct)
        if not direct and piece.term is not None and self._was_given_session(piece.value):
            for part in t.all_in([piece.term]):
                yield from ((part, session) for session in self.sessions(self.domain.value_of(part)))

    def _was_given_session(self, value: Value) -> bool:
        """Whether an object was made with a session, or with an object that was."""
        given = [
            held for each in alternatives(value) if isinstance(each, ProjectInstance) for _, held in each.arguments
        ]
        return any(
            self.evaluator.classes.is_a(held, Kind.SESSION, Kind.ASYNC_SESSION)
            for each in given
            for held in alternatives(each)
        ) or any(self._was_given_session(each) for each in given)

    def _holds(
        self,
        call: t.Call,
        function: ProjectFunction,
        piece: Cargo,
        seed: Term | None,
        session: Instance | ProjectInstance,
    ) -> Iterator[Hold]:
        """What iterating over what a call has made does with a session that travels along."""
        making = Generators(self.evaluator, self.evaluator.classes.library_type(session) or "")
        outer = self.domain.module.summary.functions.get(self._body_of(call))
        if piece.read is not None:
            if seed is not None and outer is not None:
                yield from making.captured(self.domain.module.summary, outer, function, seed)
        elif piece.argument is not None and not piece.hidden_in:
            for place, argument in arguments_of(call):
                if argument is piece.term and seed is not None and outer is not None:
                    yield from making.given(self.domain, outer, function, place, seed, argument)
        elif piece.hidden_in and self._is_generator(function):
            yield Hold.ACROSS

    def _body_of(self, call: t.Call) -> str:
        event = self.domain.event_of(call)
        return next((each.qualname for each in self.domain.bodies if event is not None and event in each.events), "")
