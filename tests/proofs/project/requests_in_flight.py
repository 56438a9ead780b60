"""Requests to a server whose background tasks, or streams, take as long as a proof wants."""

from __future__ import annotations

import asyncio
import itertools
import threading
from collections.abc import Callable
from contextvars import ContextVar
from typing import Any

from served import ask

_NUMBER = "x-request-number"
_begun: ContextVar[Callable[[], None]] = ContextVar("begun")


class Work:
    """What a task or stream does besides talking to the database: it takes until `finish`."""

    def __init__(self) -> None:
        self._is_done = threading.Event()
        self._lock = threading.Lock()
        self._waiting: list[tuple[asyncio.AbstractEventLoop, asyncio.Future[None]]] = []

    def wait(self) -> None:
        """The work of a task in a thread."""
        _begun.get()()
        self._is_done.wait()

    async def wait_async(self) -> None:
        """The work of a task on the event loop."""
        _begun.get()()
        with self._lock:
            if self._is_done.is_set():
                return
            loop = asyncio.get_running_loop()
            done = loop.create_future()
            self._waiting.append((loop, done))
        await done

    def finish(self) -> None:
        """Let every task go on, those to come as well."""
        with self._lock:
            self._is_done.set()
            for loop, done in self._waiting:
                loop.call_soon_threadsafe(done.set_result, None)
            self._waiting.clear()


class _Request:
    """A request on its way: whether its task has begun or all is over, and what came out of the application."""

    def __init__(self) -> None:
        self.has_come_far = threading.Event()
        self.is_over = threading.Event()
        self.error: BaseException | None = None


class _Watched:
    """An application whose requests tell how far they have come."""

    def __init__(self, application: Any) -> None:
        self.application = application
        self.requests: dict[bytes, _Request] = {}

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        number = dict(scope.get("headers", ())).get(_NUMBER.encode())
        request = self.requests.get(number)
        if request is None:
            await self.application(scope, receive, send)
            return
        _begun.set(request.has_come_far.set)
        try:
            await self.application(scope, receive, send)
        except BaseException as error:
            request.error = error
            raise
        finally:
            request.is_over.set()
            request.has_come_far.set()


work = Work()
_numbers = itertools.count()
_applications: dict[int, _Watched] = {}
_running: list[_Request] = []
_streams: set[asyncio.Task[list[Any]]] = set()


async def post(application: Any, path: str, *, is_stream: bool = False) -> list[Any]:
    """Status and body of the answer; returns when the request's task is at work, or when the request is over.

    A stream that is at work has no answer yet.  Raises what the application raises.
    """
    watched = _applications.setdefault(id(application), _Watched(application))
    number, request = str(next(_numbers)), _Request()
    watched.requests[number.encode()] = request
    asking = asyncio.create_task(ask(watched, path, method="POST", headers={_NUMBER: number}))
    if not is_stream:
        await asking
    await asyncio.to_thread(request.has_come_far.wait)
    if request.is_over.is_set():
        if request.error is not None:
            raise request.error
    else:
        _running.append(request)
        if is_stream:
            _streams.add(asking)
            return []
    (answer,) = await asking
    return answer


async def finish() -> list[str]:
    """Let the tasks and streams go on to their end; the names of the exceptions that came out of them."""
    work.finish()
    for request in _running:
        await asyncio.to_thread(request.is_over.wait)
    await asyncio.gather(*_streams)
    _streams.clear()
    ends = [type(request.error).__name__ for request in _running if request.error is not None]
    _running.clear()
    return ends
