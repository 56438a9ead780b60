"""How far a long run is, for a person at a terminal; nothing for anybody else."""

from __future__ import annotations

import time
from types import TracebackType
from typing import TextIO, final

PATIENCE = 1.0  # seconds that a run may take without saying anything
INTERVAL = 0.1  # seconds between two reports


@final
class Progress:
    """Call it with the number of files that are done, and of all; it rewrites one line and removes it at the end."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._is_watched = stream.isatty()
        self._next = time.monotonic() + PATIENCE
        self._is_shown = False

    def __call__(self, done: int, total: int) -> None:
        if not self._is_watched or time.monotonic() < self._next:
            return
        self._next = time.monotonic() + INTERVAL
        self._is_shown = True
        self._stream.write(f"\r{done} of {total} files\x1b[K")
        self._stream.flush()

    def __enter__(self) -> Progress:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._is_shown:
            self._stream.write("\r\x1b[K")
            self._stream.flush()
