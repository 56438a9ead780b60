"""By which model FastAPI validates and serialises what an endpoint returns."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqla_leaklint.domain.linking.decorators import route_of
from sqla_leaklint.knowledge.facts import Decoration
from sqla_leaklint.semantic import terms as t
from sqla_leaklint.semantic.summary import FunctionSummary, ModuleSummary

if TYPE_CHECKING:
    from sqla_leaklint.domain.evaluation import Evaluator

CHOICES = frozenset({"response_model_include", "response_model_exclude"})
"""Keywords of a route by which a part of the model is left out."""


def response_model(
    evaluator: Evaluator, module: ModuleSummary, function: FunctionSummary, *, is_whole: bool = False
) -> t.Term | None:
    """The annotation by which FastAPI validates what an endpoint returns (if asked for, where it leaves nothing out);
    None where there is none.
    """
    frame = evaluator.frame(module)
    for decorator in function.decorators:
        route = route_of(evaluator, decorator, frame)
        if route is None or not route.is_answer or route.decoration is not Decoration.ENDPOINT:
            continue
        given = dict(route.call.keywords)
        annotation = given.get("response_model", function.returns_annotation)
        if annotation is None or (isinstance(annotation, t.Const) and annotation.value is None):
            continue
        if is_whole and given.keys() & CHOICES:
            continue
        return annotation
    return None
