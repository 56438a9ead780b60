"""A websocket endpoint closes its session before it waits: the connection goes back, the next query takes one again.

while True:
    await session.close()
    text = await socket.receive_text()
"""

from __future__ import annotations

from sqla_leaklint.diagnostics import Applicability
from sqla_leaklint.domain.injection.sockets import HeldBySocket
from sqla_leaklint.fixes.lines import line_before
from sqla_leaklint.fixes.pending import PendingFix
from sqla_leaklint.flow.evaluation import evaluated_by, subexpressions
from sqla_leaklint.flow.exceptions import statements_within
from sqla_leaklint.syntax import tree

_SIMPLE = (tree.Assign, tree.AnnAssign, tree.ExprStmt)


def closed_before_waiting(held: HeldBySocket) -> PendingFix | None:
    """The fix, where the endpoint has the session in hand and waits by a statement of its own."""
    parameter = held.parameter
    stmt = next(
        (
            each
            for each in statements_within(held.function.body)
            if isinstance(each, _SIMPLE) and any(node is held.wait for node in subexpressions(*evaluated_by(each)))
        ),
        None,
    )
    if parameter is None or stmt is None:
        return None
    close = f"{'await ' if held.is_async else ''}{parameter.name}.close()"
    return PendingFix(
        Applicability.DISPLAY,
        f"close `{parameter.name}` before it waits",
        lambda source: line_before(source, stmt, close),
    )
