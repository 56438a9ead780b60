"""Models, queries, loadings and usages in a few words: what `reveal_model`, `reveal_query`, `reveal_loading` and
`reveal_usage` print in specs.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from sqla_leaklint.domain.describe import described
from sqla_leaklint.domain.linking.library import unwrapped
from sqla_leaklint.domain.loading.eager import loading
from sqla_leaklint.domain.mapped.models import Model, models_of
from sqla_leaklint.domain.rows.bounds import bound, statement_bound
from sqla_leaklint.domain.rows.queries import Load, function_text
from sqla_leaklint.domain.rows.usage import Use
from sqla_leaklint.domain.values import ProjectClass, Rows, Statement
from sqla_leaklint.syntax import tree

if TYPE_CHECKING:
    from sqla_leaklint.domain.module import Domain


def described_query(domain: Domain, expr: tree.Expr) -> str:
    """What bounds a statement or the rows that it brought: "all rows of User, bounded: scoped"."""
    value = unwrapped(domain.value(expr))
    match value:
        case Rows():
            return f"{described(value)}, bounded: {bound(domain.evaluator, value).name.lower()}"
        case Statement():
            return f"{described(value)}, bounded: {statement_bound(domain.evaluator, value).name.lower()}"
        case _:
            return f"no query: {described(value)}"


def described_usage(domain: Domain, expr: tree.Expr) -> str:
    """What becomes of rows, in the order of the text: "iterated, row: read email"."""
    term = domain.term(expr)
    for load in domain.subjects(Load):
        usage = load.usage
        if term is not None and function_text(domain, load.body).is_of(term, load.term, is_row=load.is_one_row):
            uses = [_use(use) for use in usage.uses if not _is_question(use.node)]
            return ", ".join(dict.fromkeys(uses)) or "nothing"
    return "no rows"


def described_loading(domain: Domain, expr: tree.Expr) -> str:
    """When each relationship of a query's entities is loaded, two steps deep: "items: eager, items.product: lazy"."""
    value = unwrapped(domain.value(expr))
    statement = value if isinstance(value, Statement) else getattr(value, "statement", None)
    first = (
        next((each for each in statement.projections if isinstance(each, ProjectClass)), None) if statement else None
    )
    model = models_of(domain.evaluator).of(first) if first is not None else None
    if model is None:
        return f"no query of entities: {described(value)}"
    return ", ".join(_loadings(domain, statement, model))


def _loadings(domain: Domain, statement: Statement | None, model: Model) -> Iterator[str]:
    models = models_of(domain.evaluator)
    for name, relationship in model.relationships.items():
        target = models.of(relationship.target) if relationship.target is not None else None
        for path in ((name,), *((name, inner) for inner in (target.relationships if target is not None else ()))):
            yield f"{'.'.join(path)}: {loading(domain.evaluator, statement, model, *path).value}"


def _use(use: Use) -> str:
    what = f"{use.deal.value} {use.name}".rstrip()
    return f"row: {what}" if use.of_row else what


def _is_question(node: tree.Node) -> bool:
    return isinstance(node, tree.Call) and isinstance(node.func, tree.Name) and node.func.id.startswith("reveal_")


def described_model(domain: Domain, expr: tree.Expr) -> str:
    """A mapped class: its columns with what is special about them, its relationships, and the rest by name."""
    value = domain.value(expr)
    model = models_of(domain.evaluator).of(value) if isinstance(value, ProjectClass) else None
    if model is None:
        return f"no model: {described(value)}"
    shape = " (lookup table)" if model.is_lookup else ""
    return f"{model.table or model.name}{shape}: {'; '.join(_members(model))}"


def _members(model: Model) -> Iterator[str]:
    for column in model.columns.values():
        facts = {
            "key": column.is_primary_key,
            "unique": column.is_unique,
            "large": column.is_large,
            "time": column.is_temporal,
            "deferred": column.is_deferred,
            f"to {column.foreign_key}": bool(column.foreign_key),
        }
        yield " ".join((column.name, *(f"[{name}]" for name, holds in facts.items() if holds)))
    for relation in model.relationships.values():
        many = {True: "many ", False: "one ", None: ""}[relation.is_collection]
        target = relation.target.name if relation.target is not None else "an unknown class"
        strategy = relation.strategy.value if relation.strategy is not None else "loaded in some way"
        yield f"{relation.name} = {many}{target} ({strategy})"
    for name, attribute in model.others.items():
        yield f"{name} = {attribute.value}"
    for unique in model.uniques:
        yield f"unique together: {', '.join(sorted(unique))}"
