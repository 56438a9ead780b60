"""An async engine that nobody disposes of keeps its connections when the application has ended; asyncpg cannot use them
in the next loop.
"""

from __future__ import annotations

import json

import pytest

from tests.proofs.databases import PostgreSQL, SQLite
from tests.proofs.harness import Proof, compare, reported, run

RULE = "LKS505"
OPEN = "connections open after the application's end"

_PROGRAM = """\
import asyncio
import os
import socket
import threading
import time
from contextlib import asynccontextmanager

import httpx
import uvicorn
from fastapi import FastAPI
from sqlalchemy import make_url, text
from sqlalchemy.ext.asyncio import create_async_engine

from open_connections import open_connections
from served import noted

url = make_url(os.environ["PROOF_ASYNC_DATABASE_URL"]){driver}
engine = create_async_engine(url)


@asynccontextmanager
async def lifespan(app):
    yield
    {end}


app = FastAPI(lifespan=lifespan)


@app.get("/")
async def read():
    async with engine.connect() as connection:
        return await connection.scalar(text("select count(*) from accounts where active"))


def statuses_of_one_life():
    listening = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, log_level="critical"))
    thread = threading.Thread(target=server.run, kwargs={{"sockets": [listening]}})
    thread.start()
    while not server.started:
        time.sleep(0.005)
    address = "http://%s:%d/" % listening.getsockname()
    found = [httpx.get(address, trust_env=False).status_code for _ in range(3)]
    server.should_exit = True
    thread.join()
    for _ in range(40):  # a server ends its processes a little later
        noted["{open}"] = open_connections()
        if not noted["{open}"]:
            break
        time.sleep(0.025)
    return found
"""


def _program(end: str, driver: str = "") -> str:
    return _PROGRAM.format(end=end, driver=driver, open=OPEN)


_LEFT = _program("pass")
_DISPOSED = _program("await engine.dispose()")
_ASYNCPG = '.set(drivername="postgresql+asyncpg")'

PROOFS = (Proof(RULE, "an application starts and ends", _LEFT, "statuses_of_one_life()", repeats=2, remedy=_DISPOSED),)


@pytest.mark.parametrize("proof", PROOFS, ids=lambda proof: proof.claim)
def test_the_connections_stay_open(proof: Proof, sqlite: SQLite) -> None:
    comparison = compare(proof, sqlite)

    assert json.loads(comparison.leaking.result) == json.loads(comparison.fixed.result) == [200] * 3
    assert comparison.leaking.noted[OPEN] >= 1
    assert comparison.fixed.noted[OPEN] == 0
    assert len(reported(proof.program, proof)) == 1
    assert reported(comparison.remedy, proof) == []


@pytest.mark.slow
def test_asyncpg_fails_when_the_application_starts_again(postgres: PostgreSQL) -> None:
    twice = Proof(RULE, "", "", "[statuses_of_one_life(), statuses_of_one_life()]", repeats=2)
    left, _ = run(_program("pass", _ASYNCPG), twice, postgres)
    disposed, _ = run(_program("await engine.dispose()", _ASYNCPG), twice, postgres)

    assert left.noted[OPEN] >= 1
    assert disposed.noted[OPEN] == 0
    first, second = json.loads(left.result)
    assert first == [200] * 3
    assert 500 in second
    assert json.loads(disposed.result) == [[200] * 3] * 2


SERVERS = "server processes that two of ours speak to"

_FORKED = """\
from multiprocessing import Process, Queue

from sqlalchemy import text

from database import engine
from served import noted

answers = Queue()


def server():
    with engine.connect() as connection:
        return connection.scalar(text("select pg_backend_pid()"))


def work():
    {first}
    answers.put(server())


def two_processes():
    before = server()
    process = Process(target=work)
    process.start()
    noted["{servers}"] = len({{before, answers.get(timeout=20)}})
    process.join()
    return server() == before
"""


def test_a_forked_process_speaks_on_the_connection_of_the_first(postgres: PostgreSQL) -> None:
    programs = [_FORKED.format(first=first, servers=SERVERS) for first in ("pass", "engine.dispose(close=False)")]
    shared, apart = (Proof(RULE, "", program, "two_processes()", repeats=1) for program in programs)

    assert len(reported(shared.program, shared)) == 1
    assert reported(apart.program, apart) == []
    measured = [run(proof.program, proof, postgres)[0] for proof in (shared, apart)]
    assert [metrics.noted[SERVERS] for metrics in measured] == [1, 2]
    assert [metrics.result for metrics in measured] == ["true", "true"]
