"""Profilers whose decorators and heap listings belong in no shipped program, and the fixtures of pytest."""

from __future__ import annotations

from sqla_leaklint.knowledge.facts import Decoration, Decorator, Function, Kind, Table, Type

_MEMORY_PROFILER = "https://github.com/pythonprofilers/memory_profiler"
_LINE_PROFILER = "https://kernprof.readthedocs.io/"
_OBJGRAPH = "https://objgraph.readthedocs.io/"
_PYMPLER = "https://pympler.readthedocs.io/"
_PYTEST = "https://docs.pytest.org/en/stable/reference/reference.html"

LINE_PROFILER = "line_profiler.LineProfiler"

TABLES = (
    Table(
        "memory-profiler",
        decorators=(Decorator("memory_profiler.profile", Decoration.PROFILED, _MEMORY_PROFILER),),
    ),
    Table(
        "line-profiler",
        types=(Type(LINE_PROFILER, Kind.PROFILER, _LINE_PROFILER, ("line_profiler.line_profiler.LineProfiler",)),),
        decorators=(
            # It hands the function back as it is, unless the environment variable LINE_PROFILE is set.
            Decorator("line_profiler.profile", Decoration.TRANSPARENT, _LINE_PROFILER),
            Decorator("__call__", Decoration.PROFILED, _LINE_PROFILER, LINE_PROFILER),
        ),
    ),
    Table(
        "objgraph",
        functions=tuple(
            Function(f"objgraph.{name}", returns, _OBJGRAPH)
            for returns, names in (
                ("heap", "by_type find_backref_chain get_leaking_objects growth most_common_types typestats"),
                ("none", "show_growth show_most_common_types"),
            )
            for name in names.split()
        ),
    ),
    Table(
        "pympler",
        functions=tuple(
            Function(f"pympler.{name}", "heap", _PYMPLER)
            for name in ("muppy.get_objects", "summary.summarize", "tracker.SummaryTracker", "tracker.ObjectTracker")
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
