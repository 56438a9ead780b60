"""Websockets to an application that uvicorn serves: open, and silent."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

from served import address
from websockets.asyncio.client import ClientConnection, connect


@asynccontextmanager
async def opened(application: Any, path: str, count: int, message: str = "") -> AsyncIterator[list[ClientConnection]]:
    """So many sockets; with a message, each has sent it and got an answer."""
    async with AsyncExitStack() as stack:
        sockets = []
        for _ in range(count):
            # It is only closed by the end of the block: a pause of the machine is no reason.
            socket = await stack.enter_async_context(connect(f"ws://{address(application)}{path}", ping_interval=None))
            sockets.append(socket)
            if message:
                await socket.send(message)
                await socket.recv()
        yield sockets


async def until(is_so: Callable[[], bool], seconds: float = 5) -> None:
    """Wait for what the server does after its last answer; no longer than that, for it may not do it."""
    for _ in range(round(seconds / 0.01)):
        if is_so():
            return
        await asyncio.sleep(0.01)
