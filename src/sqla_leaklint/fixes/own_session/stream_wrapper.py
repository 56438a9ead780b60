"""A function round a generator of the project: it opens a session and hands on what the generator makes.

async def events_in_own_session(topic):
    async with asynccontextmanager(get_session)() as session:
        async for item in events(session, topic):
            yield item
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqla_leaklint.domain.streamed.generators import Hold
from sqla_leaklint.domain.streamed.streams import Making, StreamedSession
from sqla_leaklint.domain.values import ProjectFunction
from sqla_leaklint.fixes.imports import newline_of
from sqla_leaklint.fixes.own_session.provider_context import ProviderContext
from sqla_leaklint.fixes.own_session.wrapping import (
    first_user,
    is_known_to_module,
    is_plain,
    last_name,
    parameter_of,
    place_of_argument,
    root_of,
    start_with_decorators,
    text_of,
)
from sqla_leaklint.fixes.pending import TextEdit
from sqla_leaklint.syntax import tree

if TYPE_CHECKING:
    from sqla_leaklint.domain.module import Domain
    from sqla_leaklint.domain.streamed.closed_early import StreamingEndpoint
    from sqla_leaklint.semantic.summary import FunctionSummary
    from sqla_leaklint.syntax.spans import SourceMap


@dataclass(frozen=True, slots=True, eq=False)
class Wrapper:
    """The call of the generator, its session's argument, and the statement above which the wrapper goes."""

    context: ProviderContext
    call: tree.Call
    callee: tree.Name | tree.Attribute
    session: tree.Argument
    function: FunctionSummary
    before: tree.Stmt

    @staticmethod
    def of(endpoint: StreamingEndpoint, context: ProviderContext) -> Wrapper | None:
        """The wrapper, where the generator is a plain one that the module knows, and all else that it is given can do
        without the session.
        """
        domain, making = endpoint.domain, endpoint.making
        callee, called = making.node.func, making.function
        if called is None or called.receiver is not None or not isinstance(callee, tree.Name | tree.Attribute):
            return None
        function = domain.evaluator.classes.function(called)
        if function is None or not function.is_generator or function.decorators or not is_plain(function):
            return None
        if (context.is_async and not function.is_async) or not is_known_to_module(domain, making.body, callee, called):
            return None
        session = endpoint.session_argument
        users = _users(domain, called)
        before = first_user(domain, (each.body for each in users))
        if session is None or before is None or len({_layout(domain, each) for each in users}) != 1:
            return None
        wrapper = Wrapper(context, making.node, callee, session, function, before)
        return wrapper if wrapper.is_free(called) else None

    @property
    def domain(self) -> Domain:
        return self.context.domain

    @property
    def name(self) -> str:
        return f"{self.function.name}_in_own_session"

    @property
    def message(self) -> str:
        return f"open a session of its own round `{self.function.name}`"

    def is_free(self, called: ProjectFunction) -> bool:
        """Whether its names mean one thing each: in the module, and among its parameters."""
        domain, module = self.domain, self.domain.module
        if self.name in module.summary.bindings and self.name not in module.executor.bodies:
            return False
        others = {each.making.function for each in domain.subjects(StreamedSession) if each.making is not None}
        if any(each is not None and each != called and last_name(each) == self.function.name for each in others):
            return False
        used = {self.name, self.context.manager, self.context.root, root_of(self.callee)}
        parameters = {"session", "item", *(parameter.name for parameter in self.function.parameters)}
        return used.isdisjoint(parameters) and self.context.is_nameable_in(module.executor.module_body)

    def sends_inside(self, holds: frozenset[Hold]) -> bool:
        """Whether items are sent while the session has a connection: it is open as long as the generator runs."""
        return Hold.ACROSS in holds

    def edits(self, source: SourceMap) -> Sequence[TextEdit]:
        """The edits; none when a comment stands in the way, or another function has the name."""
        known = self.domain.module.executor.bodies.get(self.name)
        text = self._text(source)
        start, end = place_of_argument(self.call, self.session, source)
        if any(start <= comment < end for comment, _ in source.comments()):
            return ()
        if known is not None and text_of(source, known.node) != text.strip():
            return ()
        edits = [TextEdit(*source.offsets(self.callee), self.name), TextEdit(start, end, "")]
        if known is None:
            place = start_with_decorators(self.before, source)
            edits += [TextEdit(place, place, text), *self.context.imports(source)]
        return edits

    def _text(self, source: SourceMap) -> str:
        given = self.call.args
        names = {argument: parameter_of(self.function, given, argument) for argument in given}
        parameters = ", ".join(name for argument, name in names.items() if argument is not self.session)
        arguments = ", ".join(name if each.keyword is None else f"{name}={name}" for each, name in names.items())
        made = f"{text_of(source, self.callee)}({arguments})"
        indent = self.domain.module.parsed.cst.default_indent
        if self.function.is_async:
            body = [f"{indent * 2}async for item in {made}:", f"{indent * 3}yield item"]
        else:
            body = [f"{indent * 2}yield from {made}"]
        lines = [
            f"{'async def' if self.function.is_async else 'def'} {self.name}({parameters}):",
            f"{indent}{self.context.opening(names[self.session])}",
            *body,
        ]
        return newline_of(source).join((*lines, "", "", ""))


def _users(domain: Domain, called: ProjectFunction) -> list[Making]:
    """Every call in the module that makes a stream of that generator."""
    makings = (each.making for each in domain.subjects(StreamedSession))
    return [each for each in makings if each is not None and each.function == called]


def _layout(domain: Domain, making: Making) -> tuple[tuple[str | None, bool], ...]:
    """The keywords of what a generator is given, and which of it is the session."""
    return tuple((each.keyword, domain.term(each.value) is making.session) for each in making.node.args)
