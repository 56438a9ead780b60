"""What a container of the process keeps of thousands of requests, and what is left of that when it is bounded."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent

import pytest

from tests.proofs.databases import SQLite
from tests.proofs.harness import Proof, compare

RULE = "LKS601"
REQUESTS = 5_000

_SERVE = f"""\
import asyncio
import gc
import itertools
import zlib

numbers = itertools.count()


async def answer(path):
    \"\"\"The body of the answer to a request, as the server would ask for it.\"\"\"
    parts = []

    async def receive():
        return {{"type": "http.request", "body": b"", "more_body": False}}

    async def send(message):
        parts.append(message.get("body", b""))

    scope = {{
        "type": "http", "asgi": {{"version": "3.0"}}, "http_version": "1.1", "method": "GET", "scheme": "http",
        "path": path, "raw_path": path.encode(), "root_path": "", "query_string": b"", "headers": [],
        "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 80),
    }}
    await app(scope, receive, send)
    return b"".join(parts)


async def serve():
    \"\"\"A checksum over the answers to {REQUESTS} requests, none of which was made before.\"\"\"
    checksum = 0
    for count in range({REQUESTS}):
        checksum = zlib.crc32(await answer(f"/{{next(numbers):08}}"), checksum)
        if count % 500 == 0:
            gc.collect()  # what the framework leaves to the collector is not at issue
    gc.collect()
    return checksum
"""


def _program(text: str) -> str:
    return dedent(text) + "\n\n" + _SERVE


THOUSANDS = (
    Proof(
        RULE,
        "a profile is kept for every address that asks (5,000 requests)",
        _program("""\
        from fastapi import FastAPI

        app = FastAPI()
        profiles = {}


        @app.get("/{address}")
        async def profile(address: str):
            if address not in profiles:
                profiles[address] = {"address": address, "text": address * 50}
            return profiles[address]
        """),
        "serve()",
        repeats=2,
    ),
    Proof(
        RULE,
        "a lock is kept for every user (5,000 requests)",
        _program("""\
        from asyncio import Lock

        from fastapi import FastAPI

        app = FastAPI()
        locks = {}


        @app.get("/{user}")
        async def pay(user: str):
            lock = locks.setdefault(user, Lock())
            async with lock:
                return {"paid": user}
        """),
        "serve()",
        repeats=2,
        remedy=_program("""\
        from asyncio import Lock
        from weakref import WeakValueDictionary

        from fastapi import FastAPI

        app = FastAPI()
        locks = WeakValueDictionary()


        @app.get("/{user}")
        async def pay(user: str):
            lock = locks.setdefault(user, Lock())
            async with lock:
                return {"paid": user}
        """),
    ),
    Proof(
        RULE,
        "every request is noted in a list (5,000 requests)",
        _program("""\
        from fastapi import FastAPI

        app = FastAPI()
        visits = []


        @app.get("/{page}")
        async def visit(page: str):
            visits.append({"page": page, "words": page.split("0")})
            return {"visited": page}
        """),
        "serve()",
        repeats=2,
        remedy=_program("""\
        from collections import deque

        from fastapi import FastAPI

        app = FastAPI()
        visits = deque(maxlen=100)


        @app.get("/{page}")
        async def visit(page: str):
            visits.append({"page": page, "words": page.split("0")})
            return {"visited": page}
        """),
    ),
)


KEPT = "bytes kept of a request"

_SERVED = f"""\
import itertools

from fastapi import FastAPI
from served import ask, kept, noted

app = FastAPI()
visits = []
numbers = itertools.count(1_000)


@app.get("/{{page}}")
async def visit(page: str):
    visits.append({{"page": page, "text": page * 1_000}})
    return {{"visited": page}}


async def serve():
    noted["{KEPT}"] = await kept(app, [f"/{{next(numbers)}}" for _ in range(50)])
    return await ask(app, "/1", "/2")
"""

SERVED = Proof(
    RULE,
    "a server notes every request in a list",
    _SERVED,
    "serve()",
    repeats=2,
    remedy=_SERVED.replace("visits = []", "visits = deque(maxlen=10)").replace(
        "import itertools", "import itertools\nfrom collections import deque"
    ),
)

PROOFS = (*THOUSANDS, SERVED)


@pytest.mark.slow
@pytest.mark.parametrize("proof", THOUSANDS, ids=lambda proof: proof.claim)
def test_a_bounded_container_stops_growing(proof: Proof, tmp_path: Path) -> None:
    comparison = compare(proof, SQLite(tmp_path))
    leaking, fixed = comparison.leaking, comparison.fixed

    assert fixed.result == leaking.result
    assert (leaking.failures, fixed.failures) == (0, 0)

    kept = (leaking.peak - fixed.peak) * 1024 / REQUESTS
    assert kept > 150, f"{kept:.0f} bytes for each request: the program does not leak"
    assert fixed.peak < leaking.peak / 3


def test_a_bounded_container_stops_growing_behind_a_server(tmp_path: Path) -> None:
    comparison = compare(SERVED, SQLite(tmp_path))
    leaking, fixed = comparison.leaking, comparison.fixed

    assert fixed.result == leaking.result
    assert (leaking.failures, fixed.failures) == (0, 0)
    assert leaking.noted[KEPT] > 4_000
    assert fixed.noted[KEPT] < leaking.noted[KEPT] / 2
