"""A stream that has the request's session gets one of its own.

    return StreamingResponse(lines(db, number))

becomes

    def lines_in_own_session(number):
        with contextmanager(get_db)() as db:
            yield from lines(db, number)
    …
        db.close()
        return StreamingResponse(lines_in_own_session(number))

and in a generator that captures the session, the statements that use it go under such a `with`.  Where the request has
taken a connection and would keep it until the stream ends, it is closed first: or else each request would need two.

A session of its own does not by itself keep less than the request's.  Where FastAPI ends dependencies after the
response, there is a fix only if no item is sent while the stream's session has a connection, or if it has none while
the stream waits between two rounds of a loop.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from sqla_leaklint.diagnostics import Applicability
from sqla_leaklint.domain.application.endpoints import decorations
from sqla_leaklint.domain.application.providers import commits
from sqla_leaklint.domain.streamed.closed_early import StreamingEndpoint
from sqla_leaklint.domain.values import Origin, ProjectFunction
from sqla_leaklint.fixes.lines import line_before
from sqla_leaklint.fixes.own_session.generators import Enclosed
from sqla_leaklint.fixes.own_session.provider_context import ProviderContext
from sqla_leaklint.fixes.own_session.stream_wrapper import Wrapper
from sqla_leaklint.fixes.pending import PendingFix, TextEdit
from sqla_leaklint.knowledge.facts import Decoration, Moment
from sqla_leaklint.semantic import terms as t
from sqla_leaklint.syntax import tree

if TYPE_CHECKING:
    from sqla_leaklint.domain.streamed.streams import StreamedSession
    from sqla_leaklint.syntax.spans import SourceMap

_SIMPLE = (tree.Return, tree.Assign, tree.AnnAssign, tree.ExprStmt)


def open_in_stream(streamed: StreamedSession, moment: Moment | None) -> PendingFix | None:
    """The fix, where it is certain what the stream does with the session, and that the endpoint can do without it.

    `moment` is when the request's session is closed, if that is known.
    """
    endpoint, provider = _endpoint(streamed), streamed.session.provider
    context = ProviderContext.of(streamed.domain, provider) if provider is not None else None
    if endpoint is None or provider is None or context is None:
        return None
    makers = (Enclosed.where_captured, Wrapper.of, Enclosed.where_passed)
    remedies = [remedy for make in makers if (remedy := make(endpoint, context)) is not None]
    better = [remedy for remedy in remedies if not remedy.sends_inside(streamed.holds)]
    remedy = next(iter(better or remedies), None)
    if remedy is None or (moment is Moment.AFTER_BACKGROUND_TASKS and not better):
        return None
    is_closed_before = moment is Moment.BEFORE_RESPONSE
    if not is_closed_before and endpoint.leaves_writes:
        return None
    closing = None
    if not is_closed_before and streamed.is_taken_before:
        closing = _closing(endpoint, provider)
        if closing is None:
            return None
    return PendingFix(Applicability.DISPLAY, remedy.message, lambda source: _edits(source, remedy, closing))


def _endpoint(streamed: StreamedSession) -> StreamingEndpoint | None:
    """The endpoint, if it is what makes the response, and has the session openly as a parameter of its own."""
    domain, body, making = streamed.domain, streamed.body, streamed.making
    if body is None or making is None or streamed.response is None or making.body is not body:
        return None
    summary = domain.module.summary.functions.get(body.qualname)
    session, kind = making.session, domain.evaluator.classes.library_type(streamed.session)
    if summary is None or kind is None or streamed.session.origin is not Origin.PROVIDED:
        return None
    if Decoration.ENDPOINT not in decorations(domain.evaluator, domain.module.summary, summary):
        return None
    if not isinstance(session, t.Param) or session.function != body.qualname:
        return None
    return StreamingEndpoint(making, streamed.response, session, kind)


def _closing(endpoint: StreamingEndpoint, provider: ProjectFunction) -> tuple[tree.Stmt, str] | None:
    """The statement that makes the response, and the line that closes the session before it; None if it must not be."""
    stmt, is_async = endpoint.response.event.stmt, endpoint.is_async
    if commits(endpoint.domain.evaluator, provider) or endpoint.needs_session_later:
        return None
    if not isinstance(stmt, _SIMPLE) or (is_async and not endpoint.function.is_async):
        return None
    return stmt, f"{'await ' if is_async else ''}{endpoint.session.name}.close()"


def _edits(source: SourceMap, remedy: Enclosed | Wrapper, closing: tuple[tree.Stmt, str] | None) -> Sequence[TextEdit]:
    before = line_before(source, *closing) if closing is not None else ()
    edits = remedy.edits(source)
    is_whole = bool(edits) and (closing is None or bool(before))
    return (*before, *edits) if is_whole else ()
