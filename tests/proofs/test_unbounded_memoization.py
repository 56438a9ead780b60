"""What a memo without a bound keeps of every request, and what is left of that when it keeps the last results."""

from __future__ import annotations

import pytest

from tests.proofs.databases import SQLite
from tests.proofs.harness import Proof, compare

RULE = "LKS602"
KEPT = "bytes kept of a request"

PROOFS = (
    Proof(
        RULE,
        "an answer is kept for every address (50 in a request)",
        """\
        from functools import cache
        from itertools import count

        from fastapi import FastAPI, Query

        from served import ask, kept, noted

        app = FastAPI()
        numbers = count()


        @cache
        def geocode(address):
            return {"address": address, "words": [address] * 20}


        @app.get("/geo")
        def geo(address: list[str] = Query()):
            return [geocode(each)["address"] for each in address]


        def path():
            return "/geo?" + "&".join(f"address={next(numbers):08}" for _ in range(50))


        async def serve():
            noted["bytes kept of a request"] = await kept(app, [path() for _ in range(60)], warm=30)
            return await ask(app, "/geo?address=here", "/geo?address=there", "/geo?address=here")
        """,
        "serve()",
        repeats=2,
    ),
)


@pytest.mark.parametrize("proof", PROOFS, ids=lambda proof: proof.claim)
def test_a_memo_with_a_bound_stops_growing(proof: Proof, sqlite: SQLite) -> None:
    comparison = compare(proof, sqlite)
    leaking, fixed = comparison.leaking, comparison.fixed

    assert "@lru_cache(maxsize=1024)" in comparison.remedy
    assert fixed.result == leaking.result
    assert (leaking.failures, fixed.failures) == (0, 0)
    assert leaking.noted[KEPT] > 50 * 300, "the program does not leak"
    assert fixed.noted[KEPT] < leaking.noted[KEPT] / 5
