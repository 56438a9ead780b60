"""Containers out of which nobody closes anything: a session that is filed there is not given to anybody."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqla_leaklint.domain.application.endpoints import called_names
from sqla_leaklint.semantic import terms as t
from sqla_leaklint.semantic.summary import FunctionSummary, ModuleSummary

if TYPE_CHECKING:
    from sqla_leaklint.domain.evaluation import Evaluator

_CLOSING = frozenset({"close", "aclose", "remove", "close_all", "invalidate", "reset", "shutdown", "dispose"})


def closes_nothing(
    evaluator: Evaluator, module: ModuleSummary, function: FunctionSummary, container: t.Term | None
) -> bool:
    """Whether a container of a class or module is one that no module which knows its name closes anything in."""
    match container:
        case t.Attr(base=t.Param(function=owner), name=name) if owner == function.qualname:
            pass
        case t.Ref(path=path):
            name = path.rpartition(".")[2]
        case _:
            return False
    users = (module, *evaluator.project.mentioning(name))
    return all(called_names(user).isdisjoint(_CLOSING) for user in users)
