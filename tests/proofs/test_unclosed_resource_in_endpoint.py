"""A client that every request opens keeps its socket; under `with` it closes it, and the answers stay the same."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sqla_leaklint.config import Settings
from sqla_leaklint.linter import run as linter
from sqla_leaklint.linter.discovery import discover
from tests.proofs.databases import SECONDS
from tests.proofs.harness import Proof, fixed_text
from tests.test_knowledge import environment

RULE = "LKS610"
REQUESTS = 10

pytestmark = pytest.mark.skipif(not os.path.isdir("/dev/fd"), reason="open files are counted in /dev/fd")

SERVER = """\
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Length", "5")
        self.end_headers()
        self.wfile.write(b"hello")

    def log_message(self, *_):
        pass


server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
server.daemon_threads = True
print(server.server_port, flush=True)
server.serve_forever()
"""

DRIVER = """\
import asyncio
import gc
import json
import logging
import os
import sys
import warnings

import program


async def answer(path):
    parts = []

    async def receive():
        await asyncio.sleep(0)
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message):
        parts.append(message.get("body", b""))

    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "GET", "scheme": "http",
        "path": path, "raw_path": path.encode(), "root_path": "", "query_string": b"", "headers": [],
        "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 80),
    }
    await program.app(scope, receive, send)
    return b"".join(parts).decode()


async def main():
    found = {}
    for path in sys.argv[2:]:
        await answer(path)
        gc.collect()
        await asyncio.sleep(0.05)
        before = len(os.listdir("/dev/fd"))
        answers = {await answer(path) for _ in range(int(sys.argv[1]))}
        await asyncio.sleep(0.05)
        held = len(os.listdir("/dev/fd")) - before
        gc.collect()
        await asyncio.sleep(0.05)
        found[path] = {"answers": sorted(answers), "held": held, "collected": len(os.listdir("/dev/fd")) - before}
    print(json.dumps(found), flush=True)


logging.disable(logging.CRITICAL)
warnings.simplefilter("ignore")
gc.disable()
asyncio.run(main())
os._exit(0)
"""

HEAD = """\
import os

import httpx
from fastapi import Depends, FastAPI

app = FastAPI()
URL = os.environ["PROOF_URL"]
"""

PROOFS = (
    Proof(
        RULE,
        "an endpoint opens an `httpx.AsyncClient`",
        HEAD
        + """

@app.get("/")
async def relay():
    client = httpx.AsyncClient()
    response = await client.get(URL)
    return response.text
""",
        "/",
    ),
    Proof(
        RULE,
        "an endpoint opens an `httpx.Client`",
        HEAD
        + """

@app.get("/")
def relay():
    client = httpx.Client(timeout=5)
    return client.get(URL).text
""",
        "/",
    ),
    Proof(
        RULE,
        "a chain of calls, in a function of the endpoint's",
        HEAD
        + """

async def fetched(url):
    return (await httpx.AsyncClient().get(url)).text


@app.get("/")
async def relay():
    return await fetched(URL)
""",
        "/",
    ),
    Proof(
        RULE,
        "a dependency yields a client and forgets it",
        HEAD
        + """

async def get_client():
    client = httpx.AsyncClient()
    yield client


@app.get("/")
async def relay(client: httpx.AsyncClient = Depends(get_client)):
    return (await client.get(URL)).text
""",
        "/",
    ),
)

SILENT = """\
import json
import os

import aiohttp
import httpx
import requests
from fastapi import FastAPI

app = FastAPI()
URL = os.environ["PROOF_URL"]


@app.get("/open")
def read():
    file = open(__file__)
    return len(file.read())


@app.get("/open/chain")
async def read_at_once():
    return len(open(__file__).read())


@app.get("/requests")
def relay():
    session = requests.Session()
    return session.get(URL).text


@app.get("/aiohttp")
async def relay_async():
    session = aiohttp.ClientSession()
    response = await session.get(URL)
    return await response.text()


@app.get("/httpx/function")
def relay_at_once():
    return httpx.get(URL).text


@app.get("/httpx/unused")
async def unused():
    client = httpx.AsyncClient()
    return client.is_closed
"""
PATHS = ("/open", "/open/chain", "/requests", "/aiohttp", "/httpx/function", "/httpx/unused")


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    """A server that keeps connections open."""
    server = subprocess.Popen([sys.executable, "-c", SERVER], stdout=subprocess.PIPE, text=True)
    try:
        assert server.stdout is not None
        yield f"http://127.0.0.1:{server.stdout.readline().strip()}/"
    finally:
        server.kill()
        server.wait()


def served(text: str, paths: tuple[str, ...], url: str, directory: Path, python: str | Path = sys.executable) -> Any:
    """The answers of an application to requests for each path, and the files that are open afterwards."""
    directory.mkdir()
    (directory / "program.py").write_text(text, encoding="utf-8")
    (directory / "driver.py").write_text(DRIVER, encoding="utf-8")
    done = subprocess.run(
        [python, "driver.py", str(REQUESTS), *paths],
        cwd=directory,
        env={**os.environ, "PROOF_URL": url, "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize("proof", PROOFS, ids=lambda proof: proof.claim)
def test_a_fixed_client_closes_its_sockets(proof: Proof, url: str, tmp_path: Path) -> None:
    paths = (proof.call,)
    leaking = served(proof.program, paths, url, tmp_path / "leaking")[proof.call]
    fixed = served(fixed_text(proof), paths, url, tmp_path / "fixed")[proof.call]

    assert leaking == {"answers": ['"hello"'], "held": REQUESTS, "collected": 0}
    assert fixed == {"answers": ['"hello"'], "held": 0, "collected": 0}


@pytest.mark.slow
def test_what_is_freed_with_its_last_name_is_not_reported(url: str, tmp_path: Path) -> None:
    found = served(SILENT, PATHS, url, tmp_path / "silent", environment("newest"))
    assert {path: one["held"] for path, one in found.items()} == dict.fromkeys(PATHS, 0)

    settings = Settings(select=(RULE,))
    files = list(discover([str(tmp_path / "silent" / "program.py")], lambda _: settings))
    assert linter.run(files, lambda _: settings).diagnostics == []
