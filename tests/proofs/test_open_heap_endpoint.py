"""What an endpoint that lists the heap tells anybody who asks, and how long all others wait for it."""

from __future__ import annotations

import pytest

from tests.proofs.databases import SQLite
from tests.proofs.harness import Proof, compare, reported

RULE = "LKS704"
SHOWN = "secrets shown to anybody"

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
_TAIL = """

@app.get("/health")
async def health():
    return "ok"


async def measured():
    if noted:
        return None
    (answer,) = await ask(app, "/debug")
    (admitted,) = await ask(app, "/debug", headers={"Authorization": "Bearer token of the admin"})
    noted["secrets shown to anybody"] = answer[1].count(SECRET)
    noted["others wait (ms)"] = await longest_wait(app, "/health", "/debug")
    return [answer[0], admitted[0], SECRET in admitted[1]]
"""
_OPEN, _GUARDED = '@app.get("/debug")', '@app.get("/debug", dependencies=[Depends(require_admin)])'

_OBJECTS = (
    _HEAD
    + f"""
SECRET = "correct-horse"


{_OPEN}
def debug():
    return [repr(each)[:200] for each in gc.get_objects() if isinstance(each, dict) and "password" in each]
"""
    + _TAIL
)
_LINES = (
    _HEAD
    + f"""
SECRET = "program.py"
tracemalloc.start()
cache = [[number] for number in range(2_000)]


{_OPEN}
def debug():
    return [str(line) for line in tracemalloc.take_snapshot().statistics("lineno")[:20]]
"""
    + _TAIL
)

PROOFS = (
    Proof(
        RULE,
        "`gc.get_objects()`: a password of the settings",
        _OBJECTS,
        "measured()",
        repeats=2,
        remedy=_OBJECTS.replace(_OPEN, _GUARDED),
    ),
    Proof(
        RULE,
        "`tracemalloc`: the files and lines of the program",
        _LINES,
        "measured()",
        repeats=2,
        remedy=_LINES.replace(_OPEN, _GUARDED),
    ),
)


@pytest.mark.slow
@pytest.mark.parametrize("proof", PROOFS, ids=lambda proof: proof.claim)
def test_an_open_endpoint_shows_the_heap_to_anybody(proof: Proof, sqlite: SQLite) -> None:
    assert proof.remedy is not None
    assert len(reported(proof.program, proof)) == 1
    assert not reported(proof.remedy, proof)

    comparison = compare(proof, sqlite)
    leaking, fixed = comparison.leaking, comparison.fixed
    assert leaking.result == "[200, 200, true]"
    assert fixed.result == "[401, 200, true]"
    assert leaking.noted[SHOWN] >= 1
    assert fixed.noted[SHOWN] == 0
