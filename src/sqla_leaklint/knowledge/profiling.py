"""Profilers whose decorators and heap listings belong in no shipped program, and the fixtures of pytest."""

from __future__ import annotations

from sqla_leaklint.knowledge.facts import Decoration, Decorator, Function, Table

_MEMORY_PROFILER = "https://github.com/pythonprofilers/memory_profiler"
_LINE_PROFILER = "https://kernprof.readthedocs.io/"
_OBJGRAPH = "https://objgraph.readthedocs.io/"
_PYMPLER = "https://pympler.readthedocs.io/"
_PYTEST = "https://docs.pytest.org/en/stable/reference/reference.html"

TABLES = (
    Table(
        "memory-profiler",
        decorators=(Decorator("memory_profiler.profile", Decoration.PROFILED, _MEMORY_PROFILER),),
    ),
    Table(
        "line-profiler",
        decorators=(Decorator("line_profiler.profile", Decoration.PROFILED, _LINE_PROFILER),),
    ),
    Table(
        "objgraph",
        functions=tuple(
            Function(f"objgraph.{name}", "unknown", _OBJGRAPH)
            for name in ("by_type", "growth", "most_common_types", "show_growth", "show_most_common_types", "typestats")
        ),
    ),
    Table(
        "pympler",
        functions=(
            Function("pympler.muppy.get_objects", "unknown", _PYMPLER),
            Function("pympler.summary.summarize", "unknown", _PYMPLER),
        ),
    ),
    Table(
        "pytest",
        decorators=(Decorator("pytest.fixture", Decoration.FIXTURE, _PYTEST),),
    ),
    Table(
        "pytest-asyncio",
        decorators=(Decorator("pytest_asyncio.fixture", Decoration.FIXTURE, _PYTEST),),
    ),
)
