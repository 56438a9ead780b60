"""Engines: how many a program makes, how many connections each may open, and who disposes of it."""

from __future__ import annotations

from sqla_leaklint.domain.engines.factory_per_call import FactoryPerCall
from sqla_leaklint.domain.engines.forked import ForkedEngine
from sqla_leaklint.domain.engines.per_call import EnginePerCall
from sqla_leaklint.domain.engines.pools import UnboundedPool
from sqla_leaklint.domain.engines.undisposed import UndisposedEngine

__all__ = ["EnginePerCall", "FactoryPerCall", "ForkedEngine", "UnboundedPool", "UndisposedEngine"]
