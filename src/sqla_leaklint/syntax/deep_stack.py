"""Calls with room for deep recursion: a thread with a large stack and a raised recursion limit."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from typing import TypeVar

_Result = TypeVar("_Result")

_STACK_BYTES = 64 << 20  # address space; only the pages that are touched become memory
_RECURSION_LIMIT = 30_000
_settings = threading.Lock()
_here = threading.local()


def call_with_deep_stack(function: Callable[[], _Result]) -> _Result:
    """Return (or raise) what `function` does, run in a thread with a stack of 64 MB.

    A call from inside of such a call runs at once: whoever handles many files can wrap the whole of the work.
    """
    if getattr(_here, "is_deep", False):
        return function()
    outcome: list[_Result] = []
    failure: list[BaseException] = []

    def run() -> None:
        _here.is_deep = True
        try:
            outcome.append(function())
        except BaseException as error:  # noqa: BLE001  # raised again in the caller's thread
            failure.append(error)

    with _settings:
        # Both settings belong to the whole process: they are put back as they were.
        limit = sys.getrecursionlimit()
        sys.setrecursionlimit(max(limit, _RECURSION_LIMIT))
        try:
            stack_bytes = threading.stack_size(_STACK_BYTES)
            try:
                thread = threading.Thread(target=run, name="leaklint-deep-stack", daemon=True)
                thread.start()
            finally:
                threading.stack_size(stack_bytes)
            thread.join()
        finally:
            sys.setrecursionlimit(limit)
    if failure:
        raise failure[0]
    return outcome[0]
