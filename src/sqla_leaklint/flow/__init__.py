"""Control flow; has never heard of SQLAlchemy.

`builder.build_cfg` makes the graph of a body, `cfg` says what it consists of, `dataflow` solves equations over it.
"""

from __future__ import annotations

from sqla_leaklint.flow.builder import build_cfg
from sqla_leaklint.flow.cfg import Completion, Edge, EdgeKind, Graph, Step, StepKind
from sqla_leaklint.flow.dataflow import solve_backward, solve_forward

__all__ = [
    "Completion",
    "Edge",
    "EdgeKind",
    "Graph",
    "Step",
    "StepKind",
    "build_cfg",
    "solve_backward",
    "solve_forward",
]
