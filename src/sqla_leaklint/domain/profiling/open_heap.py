"""Endpoints that tell anybody who asks what is in the memory of the process."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqla_leaklint.domain.application.openness import open_route
from sqla_leaklint.domain.application.refusing import refuses_itself
from sqla_leaklint.domain.linking.decorators import decoration_of
from sqla_leaklint.domain.memo import Memo
from sqla_leaklint.domain.profiling.heap import Listings, looks_at_heap
from sqla_leaklint.domain.subjects import Excuse, Excused
from sqla_leaklint.knowledge.facts import Decoration
from sqla_leaklint.semantic import terms as t
from sqla_leaklint.semantic.body import Body
from sqla_leaklint.syntax import tree
from sqla_leaklint.syntax.walk import walk

if TYPE_CHECKING:
    from sqla_leaklint.domain.evaluation import Evaluator
    from sqla_leaklint.domain.module import Domain


class HeapExcuse(Excuse):
    """Why an endpoint that tells of the heap is no concern, as far as is known."""

    DECIDES = "it decides by itself whom it answers"
    GUARDED = "something on the way to it may refuse, or it is not known to be served at all"


@dataclass(frozen=True, slots=True, eq=False)
class OpenHeapEndpoint:
    """An endpoint without a guard, the decorator that registers it, and what it lists the heap by."""

    function: tree.Function
    route: tree.Expr
    listing: str

    @staticmethod
    def find(domain: Domain) -> Iterator[OpenHeapEndpoint]:
        """Every such endpoint of the module, in the order of the text."""
        yield from (each for each in OpenHeapEndpoint.weighed(domain) if isinstance(each, OpenHeapEndpoint))

    @staticmethod
    def weighed(domain: Domain) -> Iterator[OpenHeapEndpoint | Excused]:
        """Every endpoint of the module that returns a listing of the heap."""
        if not _IS_LISTED.of(domain.evaluator):
            return
        listings = Listings(domain.evaluator)
        for body in domain.bodies:
            if not isinstance(body.node, tree.Function) or not _is_endpoint(domain, body):
                continue
            function = domain.module.summary.functions.get(body.qualname)
            listing = listings.returned(domain.module.summary, function) if function is not None else None
            if listing is None:
                continue
            if _decides(domain, body):
                yield Excused(body.node, HeapExcuse.DECIDES)
                continue
            route = open_route(domain.evaluator, domain.module, body)
            if route is None:
                yield Excused(body.node, HeapExcuse.GUARDED)
            else:
                node = body.node.decorators[body.decorators.index(route)]
                yield OpenHeapEndpoint(body.node, node, listing)


_LISTING = re.compile(rb"\b(?:gc|tracemalloc|objgraph|pympler)\b")
_IS_LISTED: Memo[Evaluator, bool] = Memo(
    lambda evaluator: evaluator.project.root is None or any(map(_LISTING.search, evaluator.project.texts()))
)
"""Whether any module of the project names what lists a heap; most name nothing of the kind."""


def _is_endpoint(domain: Domain, body: Body) -> bool:
    return any(decoration_of(domain.evaluator, term, domain.frame) is Decoration.ENDPOINT for term in body.decorators)


def _decides(domain: Domain, body: Body) -> bool:
    """Whether an endpoint decides by itself whom it answers."""

    def asks_nobody(test: tree.Expr) -> bool:
        """`if not tracemalloc.is_tracing()`, and a name of the module that the function sets: `if first is None`."""
        names = [node for node in walk(test) if isinstance(node, tree.Name)]
        return bool(names) and all(_is_of_heap(domain, body, name) for name in names)

    return refuses_itself(domain.evaluator, domain.module, body, asks_nobody)


def _is_of_heap(domain: Domain, body: Body, name: tree.Name) -> bool:
    if name.id in body.names.declared_global:
        return True
    term = domain.term(name)
    if isinstance(term, t.Ref):
        return term.path in {"tracemalloc", "gc"} or term.path.startswith("tracemalloc.")
    return term is not None and any(
        isinstance(part, t.Call) and looks_at_heap(domain.evaluator, part, domain.frame) for part in t.all_in([term])
    )
