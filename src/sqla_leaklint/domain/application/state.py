"""The state of an application, and the functions that set it up: what runs once for each, at its start or end."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqla_leaklint.domain.application.callers import last_name
from sqla_leaklint.domain.values import ProjectFunction, alternatives
from sqla_leaklint.knowledge.facts import Kind
from sqla_leaklint.semantic import terms as t
from sqla_leaklint.semantic.events import Deed
from sqla_leaklint.semantic.summary import FunctionSummary, ModuleSummary

if TYPE_CHECKING:
    from sqla_leaklint.domain.evaluation import Evaluator, Frame

_LIFESPAN = "lifespan"
"""The argument of an application or router that takes the function round its life."""


def is_application_state(evaluator: Evaluator, term: t.Term, frame: Frame) -> bool:
    """Whether a term is `app.state`, whatever the application is called; that of a request is another."""
    match term:
        case t.Attr(base=base, name="state"):
            pass
        case t.Ref(path=path) if path.endswith(".state"):
            base = t.Ref(path.removesuffix(".state"))
        case _:
            return False
    if isinstance(base, t.Attr) and base.name == "app":
        return True  # request.app
    return any(evaluator.classes.is_a(value, Kind.APPLICATION) for value in alternatives(evaluator.of(base, frame)))


def is_lifespan(evaluator: Evaluator, module: ModuleSummary, function: FunctionSummary) -> bool:
    """Whether an application is given the function as its `lifespan`."""
    wanted = (module.path, function.qualname)
    for user in evaluator.project.mentioning(function.name, and_any_of=(_LIFESPAN,)):
        frame = evaluator.frame(user)
        for _, act in user.mentions():
            given = act.value.keyword(_LIFESPAN) if act.deed is Deed.CALLED and isinstance(act.value, t.Call) else None
            if given is None or last_name(given) != function.name:
                continue
            for value in alternatives(evaluator.of(given, frame)):
                if isinstance(value, ProjectFunction) and (value.path, value.qualname) == wanted:
                    return True
    return False
