"""What an application keeps of every request that a server brings it, and what is left of that when it is bounded."""

from __future__ import annotations

from textwrap import dedent

import pytest

from tests.proofs.databases import SQLite
from tests.proofs.harness import Proof, compare, reported, run

RULE = "LKS606"
KEPT = "bytes kept of a request"

_SERVE = f"""\
import itertools

from served import ask, kept, noted

numbers = itertools.count(10_000)


async def serve(requests=50):
    \"\"\"Answers to requests, none of which was made before; notes what is kept of each.\"\"\"
    paths = [f"/{{next(numbers)}}" for _ in range(requests)]
    noted["{KEPT}"] = await kept(app, paths)
    return await ask(app, "/1", "/2")
"""


def _program(text: str) -> str:
    return dedent(text) + "\n\n" + _SERVE


_MIDDLEWARE = _program("""\
import time

from fastapi import FastAPI, Request

app = FastAPI()
app.state.visits = []


@app.middleware("http")
async def visit(request: Request, call_next):
    start = time.perf_counter()
    response = await call_next(request)
    request.app.state.visits.append((request, time.perf_counter() - start))
    return response


@app.get("/{number}")
async def read(number: int):
    return number
""")

_CACHE = _program("""\
from fastapi import FastAPI, Response
from starlette.middleware.base import BaseHTTPMiddleware


class Cache(BaseHTTPMiddleware):
    def __init__(self, app):
        super().__init__(app)
        self.answers = {}

    async def dispatch(self, request, call_next):
        path = request.url.path
        if path not in self.answers:
            response = await call_next(request)
            self.answers[path] = b"".join([part async for part in response.body_iterator])
        return Response(self.answers[path])


app = FastAPI()
app.add_middleware(Cache)


@app.get("/{number}")
async def read(number: int):
    return str(number) * 1000
""")

_HUB = _program("""\
from contextlib import asynccontextmanager

from fastapi import FastAPI, Request


class Hub:
    def __init__(self):
        self.buffers = {}

    def buffer(self, name):
        return self.buffers.setdefault(name, [None] * 500)


@asynccontextmanager
async def lifespan(application):
    application.state.hub = Hub()
    yield


app = FastAPI(lifespan=lifespan)


@app.get("/{number}")
async def read(number: int, request: Request):
    return len(request.app.state.hub.buffer(f"client {number}"))
""")

PROOFS = (
    Proof(
        RULE,
        "a middleware notes every request in a list of `app.state`",
        _MIDDLEWARE,
        "serve()",
        repeats=2,
        remedy=_MIDDLEWARE.replace("= []", "= deque(maxlen=10)").replace(
            "import time\n", "import time\nfrom collections import deque\n"
        ),
    ),
    Proof(
        RULE,
        "an object in `app.state` keeps a buffer for every client",
        _HUB,
        "serve()",
        repeats=2,
        remedy=_HUB.replace("self.buffers = {}", "self.buffers = LRUCache(maxsize=10)").replace(
            "from fastapi", "from cachetools import LRUCache\nfrom fastapi", 1
        ),
    ),
)

CACHE = Proof(
    RULE,
    "a middleware keeps the answer for every path",
    _CACHE,
    "serve()",
    repeats=2,
    remedy=_CACHE.replace("self.answers = {}", "self.answers = LRUCache(maxsize=10)").replace(
        "from fastapi", "from cachetools import LRUCache\nfrom fastapi", 1
    ),
)

SILENT = {
    "what a request keeps in `request.state`": """\
    @app.middleware("http")
    async def note(request: Request, call_next):
        request.state.bodies = []
        request.state.bodies.append(bytes(10_000))
        return await call_next(request)
    """,
    "a counter of status codes, methods and routes": """\
    from collections import Counter

    app.state.answers = Counter()


    @app.middleware("http")
    async def count(request: Request, call_next):
        response = await call_next(request)
        app.state.answers[response.status_code] += 1
        app.state.answers[request.method] += 1
        app.state.answers[request.scope["route"].path] += 1
        return response
    """,
    "an object that each request makes": """\
    class Trace:
        def __init__(self):
            self.steps = []


    @app.middleware("http")
    async def trace(request: Request, call_next):
        steps = Trace()
        steps.steps.append(bytes(10_000))
        return await call_next(request)
    """,
}


@pytest.mark.slow
@pytest.mark.parametrize("proof", [*PROOFS, CACHE], ids=lambda proof: proof.claim)
def test_application_state_that_is_bounded_stops_growing(proof: Proof, sqlite: SQLite) -> None:
    comparison = compare(proof, sqlite)
    leaking, fixed = comparison.leaking, comparison.fixed

    assert reported(proof.program, proof), "the program that leaks is the one that is reported"
    assert reported(comparison.remedy, proof) == []
    assert fixed.result == leaking.result
    assert (leaking.failures, fixed.failures) == (0, 0)
    assert leaking.noted[KEPT] > 4_000
    assert fixed.noted[KEPT] < leaking.noted[KEPT] / 2


@pytest.mark.slow
def test_what_is_not_reported_keeps_nothing(sqlite: SQLite) -> None:
    head = "from fastapi import FastAPI, Request\n\napp = FastAPI()\n\n\n"
    read = '\n\n@app.get("/{number}")\nasync def read(number: int):\n    return number\n'
    # All of them in one application: what none keeps, all do not keep.
    program = head + "\n\n".join(map(dedent, SILENT.values())) + read + "\n\n" + _SERVE
    proof = Proof(RULE, "what goes with the request", program, "serve()", repeats=2, remedy=program)

    metrics, _ = run(program, proof, sqlite)
    assert metrics.noted[KEPT] < 3_000
    assert reported(program, proof) == []
