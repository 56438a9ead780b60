"""`query.count()` of which only the truth is asked: the database counts every row to see whether there is one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqla_leaklint.domain.linking.library import unwrapped
from sqla_leaklint.domain.rows.bounds import Bound, statement_bound
from sqla_leaklint.domain.rows.queries import function_text
from sqla_leaklint.domain.rows.truth import test_of_zero
from sqla_leaklint.domain.values import Statement
from sqla_leaklint.knowledge.facts import Kind, Role
from sqla_leaklint.semantic import terms as t
from sqla_leaklint.semantic.events import Deed
from sqla_leaklint.syntax import tree

if TYPE_CHECKING:
    from sqla_leaklint.domain.module import Domain


@dataclass(frozen=True, slots=True, eq=False)
class TestedCount:
    """`node` is the call of `count`, `query` what it is called on, `test` the expression that asks."""

    node: tree.Call
    query: tree.Expr
    test: tree.Node

    @staticmethod
    def find(domain: Domain) -> Iterator[TestedCount]:
        for body in domain.bodies:
            for event in body.events:
                if event.deed is not Deed.CALLED or not isinstance(event.node, tree.Call):
                    continue
                call = event.node
                is_named = isinstance(event.call.func, t.Attr) and event.call.func.name == "count"
                if not is_named or call.args or not isinstance(call.func, tree.Attribute):
                    continue
                test = test_of_zero(domain, function_text(domain, body).parents, call)
                if test is not None and _counts_rows(domain, call.func.value):
                    yield TestedCount(call, call.func.value, test)


def _counts_rows(domain: Domain, query: tree.Expr) -> bool:
    statement = unwrapped(domain.value(query))
    return (
        isinstance(statement, Statement)
        and domain.evaluator.knowledge.is_a(statement.type, Kind.LEGACY_QUERY)
        and statement.is_whole
        and not any(step.role in {None, Role.LOCKS} for step in statement.steps)
        and statement_bound(domain.evaluator, statement) not in {Bound.KEYED, Bound.LIMITED}
    )
