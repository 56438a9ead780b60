"""Sockets that nobody talks to keep a connection each, and requests go without; closed before it waits, a session does
not.
"""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from tests.proofs.databases import SQLite
from tests.proofs.harness import Proof, compare, reported, run

RULE = "LKS407"
CONNECTIONS = "connections that five silent sockets keep"

CHAT = """\
from fastapi import Depends, FastAPI, WebSocket
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from async_database import AsyncSessionLocal, engine
from models import Account, Post
from served import ask, noted
from sockets import opened, until

app = FastAPI()


async def get_session():
    async with AsyncSessionLocal() as session:
        yield session


@app.websocket("/posts")
async def count_posts(socket: WebSocket, session: AsyncSession = Depends(get_session)):
    await socket.accept()
    while True:
        account_id = int(await socket.receive_text())
        posts = await session.scalar(select(func.count()).where(Post.account_id == account_id))
        await socket.send_json(posts)


@app.get("/accounts/{account_id}")
async def read(account_id: int, session: AsyncSession = Depends(get_session)):
    return (await session.get(Account, account_id)).email


async def answer_besides():
    async with opened(app, "/posts", 5, "7"):
        await until(lambda: engine.pool.checkedout() == 0, 0.2)
        noted["connections that five silent sockets keep"] = engine.pool.checkedout()
        (answer,) = await ask(app, "/accounts/7")
    await until(lambda: engine.pool.checkedout() == 0)
    return answer[0]
"""

BY_USER = """\
from fastapi import Depends, FastAPI, WebSocket
from sqlalchemy.orm import Session

from database import SessionLocal, engine
from models import Account
from served import ask, noted
from sockets import opened, until

app = FastAPI()


def get_db():
    with SessionLocal() as db:
        yield db


def current_user(db: Session = Depends(get_db)):
    return db.get(Account, 7).email


@app.websocket("/echo")
async def echo(socket: WebSocket, user: str = Depends(current_user)):
    await socket.accept()
    while True:
        await socket.send_text(await socket.receive_text() + user)


@app.get("/accounts/{account_id}")
def read(account_id: int, db: Session = Depends(get_db)):
    return db.get(Account, account_id).email


async def answer_besides():
    async with opened(app, "/echo", 5, "hello, "):
        noted["connections that five silent sockets keep"] = engine.pool.checkedout()
        (answer,) = await ask(app, "/accounts/7")
    await until(lambda: engine.pool.checkedout() == 0)
    return answer[0]
"""

OWN_SESSION = BY_USER.replace(
    """\
def current_user(db: Session = Depends(get_db)):
    return db.get(Account, 7).email
""",
    """\
def current_user():
    with SessionLocal() as db:
        return db.get(Account, 7).email
""",
)

PROOFS = (
    Proof(RULE, "a query for each message: 500 → 200 for a request besides", CHAT, "answer_besides()", repeats=2),
    Proof(
        RULE,
        "the user is looked up as the socket is opened: 500 → 200 for a request besides",
        BY_USER,
        "answer_besides()",
        repeats=2,
        remedy=OWN_SESSION,
    ),
)


@pytest.mark.parametrize("proof", PROOFS, ids=lambda proof: proof.claim)
def test_silent_sockets_keep_no_connection(proof: Proof, sqlite: SQLite) -> None:
    assert len(reported(proof.program, proof)) == 1
    comparison = compare(proof, sqlite)

    assert reported(comparison.remedy, proof) == []
    assert (json.loads(comparison.leaking.result), json.loads(comparison.fixed.result)) == (500, 200)
    assert comparison.leaking.noted[CONNECTIONS] == 5
    assert comparison.fixed.noted[CONNECTIONS] == 0
    assert (comparison.leaking.held, comparison.fixed.held) == (0, 0), "they come back when the sockets are closed"


HEAD, _, _ = CHAT.partition('@app.websocket("/posts")')
SOCKET = """
@app.websocket("/{name}")
async def {name}_posts(socket: WebSocket, session: AsyncSession = Depends(get_session{scope})):
    await socket.accept()
    while True:
        account_id = int(await socket.receive_text())
        posts = await session.scalar(select(func.count()).where(Post.account_id == account_id))
        {last}
        await socket.send_json(posts)
"""
ENDED = HEAD + "\n".join(
    SOCKET.format(name=name, scope="", last=f"await session.{name}()") for name in ("commit", "rollback", "close")
)
SCOPED = SOCKET.format(name="function", scope=', scope="function"', last="pass")
EACH = """

async def each():
    for name in ("commit", "rollback", "close", "function"):
        async with opened(app, f"/{name}", 5, "7"):
            await until(lambda: engine.pool.checkedout() == 0, 0.5)
            noted[name] = engine.pool.checkedout()
        await until(lambda: engine.pool.checkedout() == 0)
"""


def test_what_ends_the_transaction_gives_the_connection_back_and_the_scope_of_the_dependency_does_not(
    sqlite: SQLite,
) -> None:
    assert reported(ENDED, PROOFS[0]) == []
    metrics, _ = run(ENDED + SCOPED + EACH, replace(PROOFS[0], call="each()"), sqlite)
    assert metrics.noted == {"commit": 0, "rollback": 0, "close": 0, "function": 5}
