"""sqla-leaklint: finds where SQLAlchemy, SQLModel and FastAPI programs leak sessions, connections and memory."""

__version__ = "0.1.0"
