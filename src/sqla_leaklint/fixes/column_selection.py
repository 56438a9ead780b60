"""Asking for columns instead of entities: rows are read by the same names, and no entity is made.

    accounts = session.scalars(select(Account).where(…)).all()
    accounts = session.execute(select(Account.id, Account.email).where(…)).all()

A row of `execute` has an attribute for each column, so that `account.email` stays as it is.  What else an entity and
a row do not have in common keeps the fix away: identity in sets, `isinstance`, the names that tuples have already, a
legacy `Query` with a join (which takes repeated entities out, not repeated rows), columns that lie in a parent's table.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from sqla_leaklint.diagnostics import Applicability
from sqla_leaklint.domain.mapped.models import models_of
from sqla_leaklint.domain.rows.queries import function_text
from sqla_leaklint.domain.rows.usage import Deal
from sqla_leaklint.domain.values import ProjectClass
from sqla_leaklint.fixes.pending import PendingFix, TextEdit
from sqla_leaklint.knowledge.facts import Role
from sqla_leaklint.semantic import terms as t
from sqla_leaklint.syntax import tree

if TYPE_CHECKING:
    from sqla_leaklint.domain.rows.queries import Load
    from sqla_leaklint.syntax.spans import SourceMap

_TAKEN = frozenset({"count", "index", "t", "tuple"})
"""What a row is asked for by these names is the tuple's own."""

_ROWS_OF = {"scalars": "execute", "stream_scalars": "stream"}
_CONSUMERS = frozenset({"all", "fetchall", "first", "one", "one_or_none", "for", "list"})
_STEPS = frozenset({Role.FILTERS, Role.BOUNDS, Role.OFFSETS, Role.ORDERS, Role.NEUTRAL})


def select_columns(load: Load, columns: Sequence[str]) -> PendingFix | None:
    """Let a statement bring columns of its entity, where every use of the rows is in sight and works on such rows."""
    root = load.own_root
    if root is None or not _is_plain(load) or not _can_be_rows(load, columns):
        return None
    scalars = [call for call in load.calls if isinstance(call.func, tree.Attribute) and call.func.attr in _UNPACKING]
    unpacking = scalars[0] if len(scalars) == 1 else None
    if not load.is_legacy and unpacking is None:
        return None

    def render(source: SourceMap) -> Sequence[TextEdit]:
        start, end = source.offsets(root.args[0].value)
        model = source.text[start:end]
        rows = _as_rows(source, unpacking) if unpacking is not None else ()
        if rows is None:
            return ()
        return TextEdit(start, end, ", ".join(f"{model}.{name}" for name in columns)), *rows

    title = f"select only {', '.join(f'`{name}`' for name in columns)}"
    return PendingFix(Applicability.UNSAFE, title, render)


_UNPACKING = frozenset({*_ROWS_OF, "scalars"})


def _is_plain(load: Load) -> bool:
    """Whether nothing that is asked of the statement depends on its bringing entities."""
    statement = load.statement
    assert statement is not None
    roles = _STEPS if load.is_legacy else _STEPS | {Role.JOINS}
    names = [step.name for step in load.rows.steps]
    return (
        statement.is_whole
        and load.rows.consumer.name in _CONSUMERS
        and all(step.role in roles for step in statement.steps)
        and names in ([], ["scalars"])
        and not _has_parent_table(load)
    )


def _has_parent_table(load: Load) -> bool:
    evaluator = load.domain.evaluator
    assert load.entity is not None
    bases = evaluator.classes.line(load.entity.cls)[1:]
    parents = [models_of(evaluator).of(base) for base in bases if isinstance(base, ProjectClass)]
    return any(parent is not None and parent.table for parent in parents)


def _can_be_rows(load: Load, columns: Sequence[str]) -> bool:
    """Whether what is done with the entities can be done with rows as well."""
    if any(name in _TAKEN or name.startswith("_") for name in columns):
        return False
    if any(use.of_row and isinstance(use.node, tree.Call) for use in load.usage.of(Deal.TESTED)):
        return False
    text = function_text(load.domain, load.body)
    return not any(_tells_apart(load, expr) for expr in text.expressions)


def _tells_apart(load: Load, expr: tree.Expr) -> bool:
    """Whether an expression puts the entities in a set, or a variable that is declared to hold them."""
    parent = function_text(load.domain, load.body).parents.get(expr)
    term = load.domain.term(expr)
    match expr, parent:
        case tree.Call(), _ if isinstance(term, t.Call) and isinstance(term.func, t.Ref):
            is_set = term.func.path in {"builtins.set", "builtins.frozenset"}
            return is_set and (expr is load.node or any(_holds(load, argument) for argument in term.args))
        case tree.Comprehension(kind="set"), _:
            return _holds(load, term)
        case _, tree.AnnAssign(value=value) if value is expr:
            return _holds(load, term)
        case _:
            return False


def _holds(load: Load, term: t.Term | None) -> bool:
    text = function_text(load.domain, load.body)
    return term is not None and text.is_of(term, load.term, is_row=load.is_one_row)


def _as_rows(source: SourceMap, call: tree.Call) -> tuple[TextEdit, ...] | None:
    """The edit by which a result is not unpacked: `execute` for a session's `scalars`, nothing for a result's."""
    assert isinstance(call.func, tree.Attribute)
    end = source.offsets(call.func)[1]
    name = call.func.attr
    if call.args:
        return (TextEdit(end - len(name), end, _ROWS_OF[name]),)
    receiver = source.offsets(call.func.value)[1]
    step = source.text[receiver : source.offsets(call)[1]]
    if "".join(step.split()) != f".{name}()":
        return None  # a comment stands there
    return (TextEdit(receiver, source.offsets(call)[1], ""),)
