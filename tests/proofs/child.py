"""Runs inside a fresh interpreter: imports a program, calls it, and counts.

Reads an order as JSON from standard input and writes one line of JSON.  The cyclic garbage collector is off while the
program runs, so that what it forgets is not given back by chance.
"""

from __future__ import annotations

import asyncio
import gc
import importlib
import importlib.metadata
import inspect
import json
import logging
import os
import platform
import sys
import tracemalloc
import warnings
from typing import Any

from instruments import Counts


class Program:
    """The module under measurement and the call that is made to it."""

    def __init__(self, call: str) -> None:
        self._namespace = vars(importlib.import_module("program"))
        self._call = call
        self._loop = asyncio.new_event_loop()

    def run(self) -> Any:
        """The value of the call; a coroutine is run to its end on the one loop of this process."""
        value = eval(self._call, self._namespace)  # the call is text of the test suite
        return self._loop.run_until_complete(value) if inspect.iscoroutine(value) else value


def measured(program: Program, counts: Counts, repeats: int) -> dict[str, Any]:
    """The first call with its result, statements and rows; the peak of the second; then what the others leave behind.

    By the second call imports are done and statement caches are warm, so that its memory is the program's own.
    """
    statements, rows = counts.statements, counts.rows  # what the import of the program has sent is not the call's
    result = json.dumps(program.run(), sort_keys=True, default=repr)
    statements, rows = counts.statements - statements, counts.rows - rows
    report = {"result": result, "statements": statements, "rows": rows, "peak": peak(program)}
    errors = []
    for _ in range(repeats - 2):
        try:
            program.run()
        except Exception as error:  # noqa: BLE001  (counting failures is the point)
            errors.append(type(error).__name__)
    report |= {"failures": len(errors), "errors": sorted(set(errors)), "held": counts.held(), "idle": idle()}
    return report | {"noted": noted()}


def peak(program: Program) -> int:
    """KiB of traced memory above the start while the call runs."""
    tracemalloc.start()
    start, _ = tracemalloc.get_traced_memory()
    program.run()
    _, highest = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return (highest - start) // 1024


def idle() -> int | None:
    """Server processes that wait inside of a transaction; None where the database has no such thing."""
    address = os.environ.get("PROOF_SERVER")
    if address is None:
        return None
    import psycopg

    query = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND state LIKE 'idle in trans%'"
    with psycopg.connect(address) as connection:
        row = connection.execute(query).fetchone()
    return int(row[0]) if row else 0


def noted() -> dict[str, int]:
    """The figures that the program has put down itself, see `served`."""
    served = sys.modules.get("served")
    return dict(served.noted) if served is not None else {}


def versions() -> dict[str, str]:
    """Those of the interpreter and of the libraries that the program has imported."""
    used = [name for name in ("SQLAlchemy", "FastAPI") if name.lower() in sys.modules]
    return {"Python": platform.python_version()} | {name: importlib.metadata.version(name) for name in used}


def main() -> None:
    order = json.loads(sys.stdin.read())
    logging.disable(logging.CRITICAL)
    warnings.simplefilter("ignore")
    counts = Counts()
    counts.install()
    program = Program(order["call"])
    gc.collect()
    gc.disable()
    report = measured(program, counts, order["repeats"])
    sys.stdout.write(json.dumps(report | {"versions": versions()}) + "\n")
    sys.stdout.flush()
    os._exit(0)  # a clean end would wait for what the program forgot


if __name__ == "__main__":
    main()
