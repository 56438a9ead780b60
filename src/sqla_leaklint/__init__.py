"""sqla-leaklint: finds where SQLAlchemy, SQLModel and FastAPI programs leak sessions, connections and memory."""

from __future__ import annotations

__version__ = "0.1.0"
