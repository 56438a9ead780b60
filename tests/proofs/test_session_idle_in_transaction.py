"""What PostgreSQL says of a session's connection while the program sleeps, or waits for another server."""

from __future__ import annotations

import json
from textwrap import dedent

import pytest

from tests.proofs.databases import PostgreSQL
from tests.proofs.harness import Proof, reported, run

RULE = "LKS113"

_WATCH = '''\
import os
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import psycopg

from database import engine

STATES = (
    "SELECT state FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
    " AND backend_type = 'client backend'"
)


def look(seen):
    """Note the states of the other connections, and how many the pool has handed out."""
    with psycopg.connect(os.environ["PROOF_SERVER"]) as connection:
        states = sorted(state for state, in connection.execute(STATES))
    seen[:] = [states, engine.pool.checkedout()]


class Server(HTTPServer):
    """Another server, which looks at the database while it is asked."""

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.seen = []
        threading.Thread(target=self.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server_port}/"


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        look(self.server.seen)
        self.send_response(200)
        self.end_headers()

    def log_message(self, *args):
        pass
'''


def _program(body: str) -> str:
    return f"{_WATCH}\n\n{dedent(body)}"


WAITS = (
    Proof(
        RULE,
        "a poll loop in one session",
        _program("""\
        import time

        from sqlalchemy import func, select

        from database import SessionLocal
        from models import Account


        def work(rounds=1):
            seen = []
            with SessionLocal() as session:
                while rounds:
                    session.scalar(select(func.count()).select_from(Account))
                    threading.Timer(0.3, look, (seen,)).start()
                    rounds -= 1
                    time.sleep(1.5)
            return seen
        """),
        "work()",
        repeats=2,
        remedy=_program("""\
        import time

        from sqlalchemy import func, select

        from database import SessionLocal
        from models import Account


        def work(rounds=1):
            seen = []
            while rounds:
                with SessionLocal() as session:
                    session.scalar(select(func.count()).select_from(Account))
                threading.Timer(0.3, look, (seen,)).start()
                rounds -= 1
                time.sleep(1.5)
            return seen
        """),
    ),
    Proof(
        RULE,
        "a call of another server after a query, and after `commit()`",
        _program("""\
        from urllib.request import urlopen

        from sqlalchemy import func, select

        from database import SessionLocal
        from models import Account


        def call():
            server = Server()
            with SessionLocal() as session:
                session.scalar(select(func.count()).select_from(Account))
                urlopen(server.url).read()
            return server.seen
        """),
        "call()",
        repeats=2,
        remedy=_program("""\
        from urllib.request import urlopen

        from sqlalchemy import func, select

        from database import SessionLocal
        from models import Account


        def call():
            server = Server()
            with SessionLocal() as session:
                session.scalar(select(func.count()).select_from(Account))
                session.commit()
                urlopen(server.url).read()
            return server.seen
        """),
    ),
    Proof(
        RULE,
        "`refresh()` after `commit()`, then a call",
        _program("""\
        from urllib.request import urlopen

        from database import SessionLocal
        from models import Country


        def call():
            server = Server()
            with SessionLocal() as session:
                country = session.get(Country, "DE")
                country.name = "Germany"
                session.commit()
                session.refresh(country)
                urlopen(server.url).read()
            return server.seen
        """),
        "call()",
        repeats=2,
        remedy=_program("""\
        from urllib.request import urlopen

        from database import SessionLocal
        from models import Country


        def call():
            server = Server()
            with SessionLocal() as session:
                country = session.get(Country, "DE")
                country.name = "Germany"
                session.flush()
                session.refresh(country)
                session.commit()
                urlopen(server.url).read()
            return server.seen
        """),
    ),
)


@pytest.mark.parametrize("proof", WAITS, ids=lambda proof: proof.claim)
def test_the_server_sees_an_idle_transaction_while_the_program_waits(proof: Proof, postgres: PostgreSQL) -> None:
    assert proof.remedy is not None
    assert len(reported(proof.program, proof)) == 1
    waiting, _ = run(proof.program, proof, postgres)
    assert json.loads(waiting.result) == [["idle in transaction"], 1]

    assert reported(proof.remedy, proof) == []
    suggested, _ = run(proof.remedy, proof, postgres)
    assert json.loads(suggested.result) == [["idle"], 0]
