"""What becomes of a connection when the owner of a session closes it before, or after, a stream that uses it."""

from __future__ import annotations

from sqla_leaklint.domain.streamed.generators import Hold
from sqla_leaklint.domain.streamed.streams import StreamedSession
from sqla_leaklint.domain.values import Origin
from sqla_leaklint.knowledge.facts import Moment


def does_harm(streamed: StreamedSession, moment: Moment | None) -> bool:
    """Whether a connection is lost, or kept while the response is sent, if a request's session is closed then."""
    holds = streamed.holds
    is_kept = Hold.ACROSS in holds or (Hold.FIRST in holds and streamed.is_taken_before)
    if moment is Moment.AFTER_BACKGROUND_TASKS:
        return is_kept
    is_lost = Hold.CLOSED not in holds and bool(holds & {Hold.ACROSS, Hold.LEFT})
    is_known = moment is Moment.BEFORE_RESPONSE or streamed.session.origin is Origin.MANAGED
    return is_lost and (is_known or is_kept)
