"""What FastAPI gives the functions that it calls: all that a request or socket depends on, and the sessions among it.

`needs` follows `Depends(...)` to any depth, `routes` says what routers and applications add, `provided` which sessions
a provider opens and of which database. On these stand the subjects: `HeldBySocket` and `SecondSession`.
"""

from __future__ import annotations

from sqla_leaklint.domain.injection.second import SecondSession
from sqla_leaklint.domain.injection.sockets import HeldBySocket

__all__ = ["HeldBySocket", "SecondSession"]
