"""Requests to an application whose background tasks take as long as a proof wants."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from contextvars import ContextVar
from typing import Any

_begun: ContextVar[Callable[[], None]] = ContextVar("begun")


class Work:
    """What a task does besides talking to the database: it takes until `finish`."""

    def __init__(self) -> None:
        self._is_done = threading.Event()
        self._loops: list[tuple[asyncio.AbstractEventLoop, asyncio.Future[None]]] = []

    def wait(self) -> None:
        """The work of a task in a thread."""
        _begun.get()()
        self._is_done.wait()

    async def wait_async(self) -> None:
        """The work of a task on the event loop."""
        _begun.get()()
        if not self._is_done.is_set():
            loop = asyncio.get_running_loop()
            done = loop.create_future()
            self._loops.append((loop, done))
            await done

    def finish(self) -> None:
        """Let every task go on, those to come as well."""
        self._is_done.set()
        for loop, done in self._loops:
            loop.call_soon_threadsafe(done.set_result, None)
        self._loops.clear()


work = Work()
_running: set[asyncio.Task[None]] = set()


async def post(application: Any, path: str) -> list[Any]:
    """Status and body of the answer; returns when the request's task is at work, or when the request is over.

    Raises what the application raises.
    """
    answered: list[dict[str, Any]] = []
    begun = asyncio.Event()
    loop = asyncio.get_running_loop()

    coming = [{"type": "http.request", "body": b"", "more_body": False}]

    async def receive() -> dict[str, Any]:
        return coming.pop() if coming else await loop.create_future()  # the client stays

    async def send(message: dict[str, Any]) -> None:
        answered.append(message)

    async def run() -> None:
        _begun.set(lambda: loop.call_soon_threadsafe(begun.set))
        await application(_scope(path), receive, send)

    request = asyncio.create_task(run())
    _running.add(request)
    waiting = asyncio.create_task(begun.wait())
    await asyncio.wait({request, waiting}, return_when=asyncio.FIRST_COMPLETED)
    waiting.cancel()
    if request.done():
        _running.discard(request)
        request.result()
    body = b"".join(message.get("body", b"") for message in answered)
    return [answered[0]["status"], body.decode()]


async def finish() -> list[str]:
    """Let the tasks go on to their end; the names of the exceptions that came out of them."""
    work.finish()
    ends = await asyncio.gather(*_running, return_exceptions=True)
    _running.clear()
    return [type(end).__name__ for end in ends if end is not None]


def _scope(path: str) -> dict[str, Any]:
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.4"},
        "http_version": "1.1",
        "method": "POST",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "root_path": "",
        "scheme": "http",
        "headers": [],
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 80),
        "state": {},
    }
