"""Entities that belong to an async session: what expires them, and reads that would have to load without `await`."""

from __future__ import annotations

from sqla_leaklint.domain.async_entities.lazy import LazyRead
from sqla_leaklint.domain.async_entities.reading import Cause, ExpiredRead

__all__ = ["Cause", "ExpiredRead", "LazyRead"]
