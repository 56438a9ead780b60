"""Loads in a method of a base class, of whatever model the receiver has: `select(self.model)`, `session.query(cls)`.

Such a load is judged for each receiver on which the project calls the method, since only that tells of which table the
rows are.

    class Repository:
        def __init__(self, model, session): …
        def everything(self): return self.session.scalars(select(self.model)).all()      # the load

    class Orders(Repository):
        def __init__(self, session): super().__init__(Order, session)

    @app.get("/orders")
    def orders(session=Depends(get_session)): return Orders(session).everything()        # of `Order`, for one response
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from sqla_leaklint.domain.evaluation import Frame
from sqla_leaklint.domain.linking.library import unwrapped
from sqla_leaklint.domain.rows.destinations import Arrival, calls_of, is_kept, passed_on
from sqla_leaklint.domain.rows.queries import Load
from sqla_leaklint.domain.values import Literal, ProjectClass, ProjectFunction, Rows, Unknown, alternatives
from sqla_leaklint.semantic import terms as t
from sqla_leaklint.semantic.summary import FunctionSummary


def received(load: Load) -> Iterator[tuple[Load, Arrival]]:
    """A load of any model, as the callers that put its rows in a response make it; nothing for other loads."""
    domain = load.domain
    module = domain.module.summary
    function = module.functions.get(load.body.qualname)
    if function is None or not _is_of_receiver(load, function):
        return
    if load.is_judged_where_called or not is_kept(load):
        return
    own = (function.qualname, function.parameters[0].name)
    for user, caller, act in calls_of(domain.evaluator, module, function):
        arrival = passed_on(domain.evaluator, user, caller, act)
        if arrival is None:
            continue
        assert isinstance(act.value, t.Call)
        for method in alternatives(domain.evaluator.of(act.value.func, domain.evaluator.frame(user))):
            if isinstance(method, ProjectFunction) and method.receiver is not None:
                frame = Frame(module, {own: method.receiver})
                rows = unwrapped(domain.evaluator.of(load.term, frame))
                if isinstance(rows, Rows):
                    yield replace(load, rows=rows), arrival


def _is_of_receiver(load: Load, function: FunctionSummary) -> bool:
    """Whether the one thing that a load asks for is not known, and a method's receiver may tell."""
    if function.owner is None or not function.parameters or load.statement is None:
        return False
    wanted = load.statement.projections
    if len(wanted) != 1 or load.entity is not None:
        return False
    if not isinstance(wanted[0], Unknown | ProjectClass) and wanted[0] != Literal(None):
        return False
    receiver = (function.qualname, function.parameters[0].name)
    return any(isinstance(part, t.Param) and (part.function, part.name) == receiver for part in t.all_in((load.term,)))
