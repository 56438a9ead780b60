"""A generator that has the request's session opens one of its own, round the statements that use it.

    def lines():                                    def lines():
        yield "id"                                      yield "id"
        ids = db.scalars(query).all()        →          with contextmanager(get_db)() as db:
        for each in ids:                                    ids = db.scalars(query).all()
            yield str(each)                             for each in ids:
                                                            yield str(each)

The session keeps its name, so that the statements stay as they are.  The block goes on as long as anything is used that
may belong to the session.  The generator captures the session, or it has it for a parameter: then that goes, and so
nobody else may call it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqla_leaklint.domain.streamed.stretches import Stretch, stretch_of
from sqla_leaklint.fixes.lines import BLANK_OR_COMMENT, end_of, indented, lines_between, unit_of
from sqla_leaklint.fixes.own_session.provider_context import ProviderContext
from sqla_leaklint.fixes.own_session.wrapping import parameter_of, place_among, place_of_argument
from sqla_leaklint.fixes.pending import TextEdit
from sqla_leaklint.semantic import terms as t
from sqla_leaklint.semantic.events import Deed
from sqla_leaklint.syntax import tree
from sqla_leaklint.syntax.tree import ParameterKind
from sqla_leaklint.syntax.walk import walk

if TYPE_CHECKING:
    from sqla_leaklint.domain.module import Domain
    from sqla_leaklint.domain.streamed.closed_early import StreamingEndpoint
    from sqla_leaklint.domain.streamed.generators import Hold
    from sqla_leaklint.semantic.body import Body
    from sqla_leaklint.syntax.spans import SourceMap


@dataclass(frozen=True, slots=True, eq=False)
class Enclosed:
    """The statements of a generator that go under `with`; `passing` is how the generator is given the session."""

    context: ProviderContext
    name: str
    stretch: Stretch
    passing: Passing | None = None

    @staticmethod
    def where_captured(endpoint: StreamingEndpoint, context: ProviderContext) -> Enclosed | None:
        """For a function in the endpoint that reads the session there, and nothing else that needs it."""
        body = _generator(endpoint, context)
        if body is None or body.parent is not endpoint.making.body:
            return None
        given = [parameter.default for parameter in _function(body).params if parameter.default is not None]
        given += [argument.value for argument in endpoint.making.node.args]
        if not all(endpoint.is_apart(endpoint.domain.term(each)) for each in given):
            return None
        name = endpoint.session.name
        stretch = stretch_of(endpoint.domain, body, name, endpoint.session)
        return (
            Enclosed(context, name, stretch) if stretch is not None and _captures_only(endpoint, body, name) else None
        )

    @staticmethod
    def where_passed(endpoint: StreamingEndpoint, context: ProviderContext) -> Enclosed | None:
        """For a function of the module that only the endpoint mentions, and gives nothing else that needs the
        session.
        """
        body, argument, domain = _generator(endpoint, context), endpoint.session_argument, endpoint.domain
        if body is None or argument is None or not _is_used_once(domain, body):
            return None
        parameters = _function(body).params
        name = parameter_of(domain.module.summary.functions[body.qualname], endpoint.making.node.args, argument)
        parameter = next((each for each in parameters if each.name == name), None)
        if parameter is None or parameter.default is not None:
            return None
        if any(each.kind is not ParameterKind.POSITIONAL for each in parameters):
            return None
        seed = domain.module.executor.pool.make(t.Param, body.qualname, name)
        stretch = stretch_of(domain, body, name, seed)
        passing = Passing(parameters, parameter, endpoint.making.node, argument)
        return Enclosed(context, name, stretch, passing) if stretch is not None else None

    @property
    def message(self) -> str:
        return f"open a session of the stream's own as `{self.name}`"

    def sends_inside(self, _: frozenset[Hold]) -> bool:
        """Whether items are sent while the session is open."""
        return self.stretch.is_open_while_items_are_sent

    def edits(self, source: SourceMap) -> Sequence[TextEdit]:
        """The edits; none where other code stands on the first or last line, or a comment where the session goes."""
        statements, text = self.stretch.statements, source.text
        source.prepare(statements)
        start, end = source.offsets(statements[0])[0], end_of(statements[-1], source)
        first = source.line_start(start)
        indentation = text[first:start]
        if indentation.strip() or not BLANK_OR_COMMENT.fullmatch(text, end, source.line_end(end)):
            return ()
        passed = tuple(self.passing.edits(source)) if self.passing is not None else ()
        if any(edit.start <= comment < edit.end for edit in passed for comment, _ in source.comments()):
            return ()
        lines = list(lines_between(text, first, end))
        newline = text[lines[0].end : lines[0].next] or "\n"
        opening = f"{indentation}{self.context.opening(self.name)}"
        content = newline.join((opening, *indented(source, lines, unit_of(text, indentation))))
        return (*passed, TextEdit(first, lines[-1].end, content), *self.context.imports(source))


@dataclass(frozen=True, slots=True, eq=False)
class Passing:
    """A parameter of a function, and the argument of a call that fills it."""

    parameters: tuple[tree.Parameter, ...]
    parameter: tree.Parameter
    call: tree.Call
    argument: tree.Argument

    def edits(self, source: SourceMap) -> Iterator[TextEdit]:
        """The edits after which neither is there."""
        spans = [_offsets(each, source) for each in self.parameters]
        yield TextEdit(*place_among(spans, self.parameters.index(self.parameter), source), "")
        yield TextEdit(*place_of_argument(self.call, self.argument, source), "")


def _offsets(parameter: tree.Parameter, source: SourceMap) -> tuple[int, int]:
    """Where a parameter is, with its annotation and default."""
    ends = [
        source.offsets(each)[1] for each in (parameter, parameter.annotation, parameter.default) if each is not None
    ]
    return source.offsets(parameter)[0], max(ends)


def _generator(endpoint: StreamingEndpoint, context: ProviderContext) -> Body | None:
    """The generator, if it is a plain function of the module that can enter the provider."""
    called, module = endpoint.making.function, endpoint.domain.module
    if called is None or called.path != module.path:
        return None
    body = module.executor.bodies.get(called.qualname)
    if body is None or not isinstance(body.node, tree.Function) or body.decorators or not body.yields:
        return None
    can_enter = body.node.is_async or not context.is_async
    return body if can_enter and context.is_nameable_in(body) else None


def _function(body: Body) -> tree.Function:
    assert isinstance(body.node, tree.Function)
    return body.node


def _is_used_once(domain: Domain, body: Body) -> bool:
    """Whether a function of module level is mentioned once in its module, and in no other."""
    name = body.qualname
    if body.parent is not domain.module.executor.module_body:
        return False
    mentions = [node for node in walk(domain.module.parsed.tree) if isinstance(node, tree.Name) and node.id == name]
    others = domain.evaluator.project.mentioning(name)
    return len(mentions) == 1 and all(each.path == domain.module.path for each in others)


def _captures_only(endpoint: StreamingEndpoint, body: Body, name: str) -> bool:
    """Whether nothing that a generator reads of the endpoint belongs to the session, but for itself by that name."""
    for event in endpoint.making.body.events:
        key = event.key if event.deed is Deed.CAPTURED and isinstance(event.key, str) else ""
        if key != body.qualname and not key.startswith(f"{body.qualname}.<locals>."):
            continue
        if event.value is endpoint.session:
            if not (isinstance(event.node, tree.Name) and event.node.id == name):
                return False
        elif not endpoint.is_apart(event.value):
            return False
    return name not in body.names.declared_nonlocal
