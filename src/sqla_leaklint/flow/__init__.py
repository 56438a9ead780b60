"""Control flow; has never heard of SQLAlchemy.

`builder` makes the graph of a body (start reading there), `cfg` says what it consists of, `dataflow` solves equations
over it.  `may_raise`, `may_suppress` and `never_returns` are the answers that `build_cfg` takes unless its client knows
better; a client's own usually fall back on them.
"""

from __future__ import annotations

from sqla_leaklint.flow.builder import build_cfg
from sqla_leaklint.flow.cfg import Completion, Edge, EdgeKind, Graph, Step, StepKind
from sqla_leaklint.flow.dataflow import solve_backward, solve_forward
from sqla_leaklint.flow.exceptions import may_raise, may_suppress, never_returns

__all__ = [
    "Completion",
    "Edge",
    "EdgeKind",
    "Graph",
    "Step",
    "StepKind",
    "build_cfg",
    "may_raise",
    "may_suppress",
    "never_returns",
    "solve_backward",
    "solve_forward",
]
