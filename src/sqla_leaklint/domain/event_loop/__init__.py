"""The event loop of a server: which functions it runs, what in them makes it wait, and what leaving it would change.

Terms
    *blocking call*: a call of a plain session, connection, engine, registry or query that waits for the database; while
    it does, the thread waits, and with it every other request, when the thread is the loop's.  *Way*: the functions of
    the project through which a call comes to one.

An `async def` function is run by the loop; a `def` endpoint or dependency FastAPI runs in a thread, and so does
`run_in_threadpool` with what it is given: handed over, a function is not called, and is no blocking call here.
"""

from __future__ import annotations

from sqla_leaklint.domain.event_loop.blocked import BlockedLoop

__all__ = ["BlockedLoop"]
