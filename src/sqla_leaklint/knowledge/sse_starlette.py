"""sse-starlette: a response that streams events."""

from __future__ import annotations

from sqla_leaklint.knowledge import starlette
from sqla_leaklint.knowledge.facts import Executor, Handoff, Kind, Table, Type

_DOCS = "https://github.com/sysid/sse-starlette"
_RESPONSE = "sse_starlette.EventSourceResponse"

TABLE = Table(
    "sse-starlette",
    types=(
        Type(
            _RESPONSE, Kind.STREAMING_RESPONSE, _DOCS, ("sse_starlette.sse.EventSourceResponse",), (starlette.RESPONSE,)
        ),
    ),
    handoffs=(Handoff(_RESPONSE, Executor.RESPONSE_STREAM, _DOCS, "", -1, "content", 0, is_constructor=True),),
)
