"""An `async def` that awaits nothing becomes a `def`: FastAPI runs it in a thread instead of on the event loop."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from sqla_leaklint.diagnostics import Applicability
from sqla_leaklint.domain.event_loop.leaving import Leaving, leaving
from sqla_leaklint.fixes.pending import PendingFix, TextEdit

if TYPE_CHECKING:
    from sqla_leaklint.domain.event_loop import BlockedLoop
    from sqla_leaklint.syntax.spans import SourceMap

_ASYNC = re.compile(r"async(?:\s|\\\r?\n)+(?=def\b)")
_APPLICABILITY = {Leaving.FREELY: Applicability.SAFE, Leaving.AT_A_RISK: Applicability.UNSAFE}


def drop_async(blocked: BlockedLoop) -> PendingFix | None:
    """The fix, where nothing needs the function to be a coroutine."""
    applicability = _APPLICABILITY.get(leaving(blocked))
    if applicability is None:
        return None

    def render(source: SourceMap) -> Sequence[TextEdit]:
        start, _ = source.offsets(blocked.function)
        found = _ASYNC.match(source.text, start)
        return (TextEdit(found.start(), found.end(), ""),) if found is not None else ()

    return PendingFix(applicability, f"make `{blocked.function.name}` a plain `def`", render)
