"""Requests that are in flight at once meet each other's sessions in a thread-local registry; sessions of their own do
not.
"""

from __future__ import annotations

import json
from textwrap import dedent

import pytest

from tests.proofs.databases import Database, SQLite
from tests.proofs.harness import Proof, compare, run

RULE = "LKS114"

_PROGRAM = """\
    import asyncio
    import threading
    import time

    from fastapi import Depends, FastAPI
    from sqlalchemy import func, select
    from sqlalchemy.orm import scoped_session

    from database import SessionLocal
    from in_process import post
    from models import Account

    Session = scoped_session(SessionLocal)
    app = FastAPI()
    sessions = []
    moved = []


    {dependency} get_db():
        db = Session()
        thread = threading.get_ident()
        try:
            yield db
        finally:
            Session.remove()
            moved.append(threading.get_ident() != thread)


    @app.post("/accounts/active")
    async def count(db=Depends(get_db)):
        sessions.append(db)
        active = db.scalar(select(func.count()).where(Account.active))
        while len(sessions) < 2:
            await asyncio.sleep(0.01)
        return active


    @app.post("/accounts/{{wait}}")
    def count_in_thread(wait: int, db=Depends(get_db)):
        active = db.scalar(select(func.count()).where(Account.active))
        time.sleep(wait / 1000)
        return active


    async def two_at_once():
        sessions.clear()
        return await asyncio.gather(*(post(app, "/accounts/active") for _ in range(2)))


    async def sessions_of_two_at_once():
        await two_at_once()
        return len(set(sessions))


    async def removed_elsewhere():
        for _ in range(10):
            await asyncio.gather(*(post(app, f"/accounts/{{wait}}") for wait in (5, 1, 3)))
        return sum(moved)
    """

PROOFS = (
    Proof(
        RULE,
        "one request is answered while another is in flight",
        """\
        import asyncio
        from threading import Barrier

        from fastapi import Depends, FastAPI
        from sqlalchemy import func, select
        from sqlalchemy.orm import scoped_session

        from database import SessionLocal
        from in_process import post
        from models import Account

        Session = scoped_session(SessionLocal)
        app = FastAPI()
        in_two_threads = Barrier(2)
        answered = asyncio.Event()


        def get_db():
            db = Session()
            in_two_threads.wait()
            try:
                yield db
            finally:
                Session.remove()


        @app.post("/accounts/{name}")
        async def count(name: str, db=Depends(get_db)):
            active = db.scalar(select(func.count()).where(Account.active))
            if name == "first":
                await answered.wait()
            return active


        async def two_at_once():
            answered.clear()
            first = asyncio.create_task(post(app, "/accounts/first"))
            second = await post(app, "/accounts/second")
            answered.set()
            return [await first, second]
        """,
        "two_at_once()",
        repeats=2,
    ),
)


@pytest.mark.parametrize("proof", PROOFS, ids=lambda proof: proof.claim)
def test_removed_in_another_thread_a_session_keeps_its_connection(proof: Proof, database: Database) -> None:
    comparison = compare(proof, database)

    assert comparison.fixed.result == comparison.leaking.result
    assert comparison.leaking.held == proof.repeats, "one for each time that two are in flight"
    assert comparison.leaking.idle in (None, comparison.leaking.held)
    assert (comparison.fixed.held, comparison.fixed.failures, comparison.fixed.errors) == (0, 0, ())


def test_an_async_dependency_gives_all_requests_one_session(database: Database) -> None:
    program = _PROGRAM.format(dependency="async def")
    comparison = compare(Proof(RULE, "", program, "sessions_of_two_at_once()", repeats=2), database)

    assert json.loads(comparison.leaking.result) == 1
    assert json.loads(comparison.fixed.result) == 2


def test_what_follows_the_yield_runs_in_another_thread(sqlite: SQLite) -> None:
    program = dedent(_PROGRAM.format(dependency="def"))
    metrics, _ = run(program, Proof(RULE, "", program, "removed_elsewhere()", repeats=2), sqlite)

    assert 0 < json.loads(metrics.result) <= 30
