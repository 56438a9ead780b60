"""What an endpoint that lists the heap tells anybody who asks, and how long all others wait for it."""

from __future__ import annotations

import pytest

from tests.proofs.databases import SQLite
from tests.proofs.harness import Proof, compare, reported

RULE = "LKS704"
PASSWORDS, LINES = "passwords shown to anybody", "lines shown to anybody"

_HEAD = """\
import gc
import tracemalloc
from secrets import compare_digest

from fastapi import Depends, FastAPI, HTTPException
from fastapi.security import HTTPBearer

from served import ask, longest_wait, noted

settings = {"password": "-".join(["correct", "horse"]), "hosts": ["localhost"]}
app = FastAPI()
index = {number: [str(number)] for number in range(50_000)}


def require_admin(given=Depends(HTTPBearer())):
    if not compare_digest(given.credentials, "token of the admin"):
        raise HTTPException(403)

"""
_PROGRAM = (
    _HEAD
    + f"""

tracemalloc.start()
cache = [[number] for number in range(2_000)]


@app.get("/objects")
def objects():
    return [repr(each)[:200] for each in gc.get_objects() if isinstance(each, dict) and "password" in each]


@app.get("/lines")
def lines():
    return [str(line) for line in tracemalloc.take_snapshot().statistics("lineno")[:20]]


@app.get("/health")
async def health():
    return "ok"


async def measured():
    if noted:
        return None
    found = []
    for path, secret, name in (("/objects", "correct-horse", "{PASSWORDS}"), ("/lines", "program.py", "{LINES}")):
        (answer,) = await ask(app, path)
        (admitted,) = await ask(app, path, headers={{"Authorization": "Bearer token of the admin"}})
        noted[name] = answer[1].count(secret)
        found.append([answer[0], admitted[0], secret in admitted[1]])
    noted["others wait (ms)"] = await longest_wait(app, "/health", "/objects", "/lines")
    return found
"""
)
_GUARDED = _PROGRAM
for _path in ("/objects", "/lines"):
    _GUARDED = _GUARDED.replace(f'get("{_path}")', f'get("{_path}", dependencies=[Depends(require_admin)])')

PROOFS = (
    Proof(
        RULE,
        "`gc.get_objects()` shows a password of the settings, `tracemalloc` the files and lines of the program",
        _PROGRAM,
        "measured()",
        repeats=2,
        remedy=_GUARDED,
    ),
)


@pytest.mark.slow
@pytest.mark.parametrize("proof", PROOFS, ids=lambda proof: proof.claim)
def test_an_open_endpoint_shows_the_heap_to_anybody(proof: Proof, sqlite: SQLite) -> None:
    assert proof.remedy is not None
    assert len(reported(proof.program, proof)) == 2
    assert not reported(proof.remedy, proof)

    comparison = compare(proof, sqlite)
    leaking, fixed = comparison.leaking, comparison.fixed
    assert leaking.result == "[[200, 200, true], [200, 200, true]]"
    assert fixed.result == "[[401, 200, true], [401, 200, true]]"
    for shown in (PASSWORDS, LINES):
        assert leaking.noted[shown] >= 1
        assert fixed.noted[shown] == 0
