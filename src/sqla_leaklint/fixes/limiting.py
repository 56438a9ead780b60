"""A LIMIT for the statement of which only the first rows are wanted."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from sqla_leaklint.diagnostics import Applicability
from sqla_leaklint.domain.linking.library import unwrapped
from sqla_leaklint.domain.rows.queries import function_text
from sqla_leaklint.domain.values import Statement
from sqla_leaklint.fixes.pending import PendingFix, TextEdit
from sqla_leaklint.fixes.statements import append_step, can_be_extended
from sqla_leaklint.knowledge.facts import LoadStrategy, Role
from sqla_leaklint.semantic import terms as t
from sqla_leaklint.syntax import tree

if TYPE_CHECKING:
    from sqla_leaklint.domain.rows.queries import Load
    from sqla_leaklint.domain.rows.tested_counts import TestedCount
    from sqla_leaklint.syntax.spans import SourceMap


def limit_rows(load: Load, rows: int | tree.Expr) -> PendingFix | None:
    """Append `.limit(rows)` to the statement where it is executed; `rows` may be an expression of the program.

    None where a row is not an entity: a join that fills a collection (`contains_eager`), or repeated entities of which
    the consumer takes one before it counts them.
    """
    place = place_of_statement(load)
    if place is None or not can_be_extended(place) or _fills_collections(load):
        return None
    if isinstance(rows, tree.Expr) and not _is_known_before(load, place, rows):
        return None
    merges = load.is_legacy or any(step.name == "unique" for step in load.rows.steps)
    if rows != 1 and merges and load.has_step(Role.JOINS):
        return None
    if any(other is not load and place_of_statement(other) is place for other in load.domain.subjects(type(load))):
        return None  # somebody else takes more rows of the same result

    def render(source: SourceMap) -> Sequence[TextEdit]:
        number = rows if isinstance(rows, int) else source.text[slice(*source.offsets(rows))]
        return (append_step(source, place, f".limit({number})"),)

    most = {1: "one row", 2: "two rows"}.get(rows, f"{rows} rows") if isinstance(rows, int) else "no more rows"
    return PendingFix(Applicability.UNSAFE, f"let the database send {most}", render)


def _is_known_before(load: Load, place: tree.Expr, rows: tree.Expr) -> bool:
    """Whether an expression has its value where the statement is executed: a parameter, or there in the same line."""
    if isinstance(load.domain.term(rows), t.Param):
        return True
    parents = function_text(load.domain, load.body).parents
    node: tree.Node = place
    while node is not load.node and isinstance(parents.get(node), tree.Expr | tree.Argument):
        node = parents[node]
    return node is load.node


def limit_count(count: TestedCount) -> PendingFix | None:
    """Count one row at most: `query.limit(1).count() > 0`."""
    if not can_be_extended(count.query):
        return None
    return PendingFix(
        Applicability.UNSAFE, "count one row at most", lambda source: (append_step(source, count.query, ".limit(1)"),)
    )


def place_of_statement(load: Load) -> tree.Expr | None:
    """The expression after which a step of the statement can stand, where its rows are taken."""
    if not load.is_legacy:
        return load.executed
    node, consumer = load.node, load.rows.consumer.name
    place: tree.Expr | None = node
    if isinstance(node, tree.Call) and consumer != "for":
        place = node.args[0].value if consumer == "list" else getattr(node.func, "value", None)
    # `Model.all(session)` may be a method of the project's that calls the query's.
    return place if place is not None and isinstance(unwrapped(load.domain.value(place)), Statement) else None


def _fills_collections(load: Load) -> bool:
    """Whether a loader option fills attributes from the rows of a join, or may do so."""
    knowledge = load.domain.evaluator.knowledge
    for term in t.all_in([load.term]):
        if isinstance(term, t.Call) and isinstance(term.func, t.Attr) and term.func.name == "options":
            for option in term.args:
                names = [part.path for part in t.all_in([option]) if isinstance(part, t.Ref)]
                rows = [row for row in map(knowledge.loader_option, names) if row is not None]
                if not rows or any(row.strategy is LoadStrategy.JOINED_BY_QUERY for row in rows):
                    return True
    return False
