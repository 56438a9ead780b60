"""An application behind uvicorn on loopback, and clients that come to it over sockets."""

from __future__ import annotations

import asyncio
import gc
import socket
import threading
import time
import tracemalloc
from collections.abc import Sequence
from typing import Any

import httpx
import uvicorn

noted: dict[str, int] = {}
"""Figures that a proof compares and shows, by the name (and unit) of their column; the last value counts."""

_servers: dict[int, str] = {}


def address(application: Any) -> str:
    """Host and port where the application is served, from the first time that somebody asks to the process's end."""
    if id(application) not in _servers:
        listening = socket.create_server(("127.0.0.1", 0))
        # What it accepts inherits this; else each answer waits 40 ms for its head to be acknowledged.
        listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        server = uvicorn.Server(uvicorn.Config(application, log_level="critical", timeout_keep_alive=60))
        threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True).start()
        while not server.started:
            time.sleep(0.005)
        host, port = listening.getsockname()
        _servers[id(application)] = f"{host}:{port}"
    return _servers[id(application)]


async def ask(application: Any, *paths: str, method: str = "GET", seconds: float = 20, **request: Any) -> list[Any]:
    """Status and text of the answers to requests that are sent at once, in the order of the paths.

    A request that ends without an answer has the name of the exception for a status.  Other keywords are httpx's.
    """
    async with _client(application, seconds) as client:
        return await asyncio.gather(*(_answer(client, method, path, request) for path in paths))


async def _answer(client: httpx.AsyncClient, method: str, path: str, request: dict[str, Any]) -> list[Any]:
    try:
        answer = await client.request(method, path, **request)
    except httpx.HTTPError as error:
        return [type(error).__name__, ""]
    return [answer.status_code, answer.text]


async def longest_wait(application: Any, probe: str, *paths: str, method: str = "GET") -> int:
    """Milliseconds of the slowest answer to `probe`, asked again and again while the requests to `paths` are served.

    The least of three rounds: a pause of the machine is not the program's.
    """
    return min([await _slowest(application, probe, paths, method) for _ in range(3)])


async def _slowest(application: Any, probe: str, paths: Sequence[str], method: str) -> int:
    busy = asyncio.create_task(ask(application, *paths, method=method))
    slowest = 0.0
    async with _client(application) as client:
        await client.get(probe)
        while not busy.done():
            start = time.perf_counter()
            await client.get(probe)
            slowest = max(slowest, time.perf_counter() - start)
    await busy
    return round(slowest * 1000)


async def kept(application: Any, paths: Sequence[str], *, warm: int = 20, method: str = "GET") -> int:
    """Bytes of traced memory that the process keeps of each request, the first few apart.

    What the cyclic collector frees is not kept.
    """
    is_traced = tracemalloc.is_tracing()
    async with _client(application) as client:
        for path in paths[:warm]:
            (await client.request(method, path)).raise_for_status()
        gc.collect()
        gc.freeze()  # what is there before is not looked at again
        if not is_traced:
            tracemalloc.start()
        before = await _traced()
        for path in paths[warm:]:
            (await client.request(method, path)).raise_for_status()
        after = await _traced()
        gc.unfreeze()
    if not is_traced:
        tracemalloc.stop()
    return max(0, after - before) // len(paths[warm:])


async def _traced() -> int:
    """Bytes that stay: the least of a few looks, for a server's threads let go of a request after its answer."""
    looks = []
    for _ in range(4):
        await asyncio.sleep(0.03)
        gc.collect()
        looks.append(tracemalloc.get_traced_memory()[0])
    return min(looks)


def _client(application: Any, seconds: float = 20) -> httpx.AsyncClient:
    limits = httpx.Limits(max_connections=None)
    base = f"http://{address(application)}"
    # Nothing is encrypted here, and to read all authorities' certificates takes longer than most requests.
    return httpx.AsyncClient(base_url=base, timeout=seconds, limits=limits, trust_env=False, verify=False)
